#include <algorithm>

#include "generators/shrink_steps.h"

namespace treeline {

namespace {

/// Simpler workloads that press the same resource, the simplest first.
std::vector<Workload> simpler(const CpuHog& hog) {
  return {CpuHog{}, CpuHog{1, hog.duty_percent, hog.cycle_us}, CpuHog{hog.threads, 100, CpuHog{}.cycle_us},
          CpuHog{std::max(1, hog.threads / 2), hog.duty_percent, hog.cycle_us},
          CpuHog{std::max(1, hog.threads - 1), hog.duty_percent, hog.cycle_us}};
}

std::vector<Workload> simpler(const MemoryHog& hog) {
  MemoryHog plain;
  plain.bytes = hog.bytes;
  plain.chunk_bytes = std::min(plain.chunk_bytes, hog.bytes);
  MemoryHog same_kind = plain;
  same_kind.kind = hog.kind;
  MemoryHog anonymous = hog;
  anonymous.kind = MemoryKind::Anonymous;
  MemoryHog forward = hog;
  forward.order = TouchOrder::Forward;
  MemoryHog holding = hog;
  holding.hold = true;
  return {plain, same_kind, anonymous, forward, holding};
}

std::vector<Workload> simpler(const IoHog& hog) {
  IoHog plain;
  plain.file_bytes = std::max(plain.file_bytes, plain.block_bytes);
  IoHog same_direction = plain;
  same_direction.direction = hog.direction;
  IoHog same_blocks = hog;
  same_blocks.direct = true;
  IoHog reading = hog;
  reading.direction = IoDirection::Read;
  return {plain, same_direction, same_blocks, reading};
}

std::vector<Workload> simpler(const ForkStorm& storm) {
  std::vector<Workload> fewer;
  if (storm.pause_us > 0) fewer.emplace_back(ForkStorm{storm.forks});
  for (const int forks : {1, 2, storm.forks / 2, storm.forks - 1}) {
    if (forks >= 1 && forks < storm.forks) fewer.emplace_back(ForkStorm{forks, storm.pause_us});
  }
  return fewer;
}

std::vector<Workload> simpler(const Mixed& mixed) {
  MemoryHog memory;
  memory.bytes = mixed.bytes;
  memory.chunk_bytes = std::min(memory.chunk_bytes, mixed.bytes);
  return {CpuHog{},
          CpuHog{1, mixed.duty_percent, CpuHog{}.cycle_us},
          memory,
          ForkStorm{std::max(1, mixed.forks)},
          Mixed{mixed.duty_percent, mixed.bytes, 0},
          Mixed{mixed.duty_percent, 4096, mixed.forks}};
}

std::vector<Workload> simpler(const Idle& /*idle*/) { return {}; }

std::vector<Workload> simpler(const Workload& workload) {
  return std::visit([](const auto& work) { return simpler(work); }, workload);
}

}  // namespace

Candidates simplify_workloads(const Scenario& scenario) {
  Candidates candidates;
  Scenario all_simplest = scenario;
  for (Worker& worker : all_simplest.workers) {
    if (const auto list = simpler(worker.workload); !list.empty()) worker.workload = list.front();
  }
  candidates.push_back(std::move(all_simplest));
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    std::vector<Workload> list = simpler(scenario.workers[i].workload);
    list.emplace_back(Idle{});
    for (const Workload& workload : list) {
      if (workload == scenario.workers[i].workload) continue;
      candidates.push_back(scenario);
      candidates.back().workers[i].workload = workload;
    }
  }
  return candidates;
}

}  // namespace treeline

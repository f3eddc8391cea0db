#include "oracle/memory_support.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "oracle/demand.h"

namespace treeline {

bool memory_limit_was_refused(const Scenario& scenario, const Observation& observation, NodeId node) {
  const std::optional<int64_t> limit = amount(scenario.tree[node].limits, Knob::MemoryMax);
  const bool is_v1 = observation.machine.knob_context(Controller::Memory).version == CgroupVersion::V1;
  if (!limit || !is_v1 || baseline_bytes(observation, node) <= *limit) return false;
  const std::vector<Readback>& seen = observation.nodes[static_cast<size_t>(node)].readbacks;
  return std::any_of(seen.begin(), seen.end(), [](const Readback& readback) {
    return readback.knob == Knob::MemoryMax && readback.write_errno == EBUSY;
  });
}

std::optional<int64_t> memory_limit_bytes(const Scenario& scenario, const Observation& observation,
                                          NodeId node) {
  if (memory_limit_was_refused(scenario, observation, node)) return std::nullopt;
  return memory_limit_bytes(scenario.tree, observation, node);
}

std::optional<int64_t> memory_limit_bytes(const Tree& tree, const Observation& observation, NodeId node) {
  const std::optional<int64_t> limit = amount(tree[node].limits, Knob::MemoryMax);
  if (!limit) return std::nullopt;
  const int64_t page = observation.machine.page_size;
  return *limit / page * page;
}

int64_t stock_bytes(const Observation& observation) {
  return static_cast<int64_t>(observation.machine.cpus.size()) * (kChargeBatchPages + kObjectPages) *
         observation.machine.page_size;
}

int64_t overhead_bytes(const Workload& workload, int64_t page_size) {
  constexpr int64_t kCopiedPages = 128;
  constexpr int64_t kTaskPages = 64;
  constexpr int64_t kUpperTablePages = 3;
  // Its file's page cache, with a buffer_head (104 bytes) and a slot of an xarray node (9 bytes) a page.
  const auto* io = std::get_if<IoHog>(&workload);
  const int64_t cache = io ? io->file_bytes + io->file_bytes / 32 : 0;
  const int64_t tables = touched_bytes(workload) / 512 + kUpperTablePages * page_size;
  return cache + tables + kCopiedPages * page_size + (tasks_wanted(workload) - 1) * kTaskPages * page_size;
}

int64_t held_demand_bytes(const Scenario& scenario, NodeId top) {
  int64_t held = 0;
  int64_t passing = 0;
  for (const size_t i : workers_in(scenario, top)) {
    const Workload& workload = scenario.workers[i].workload;
    const int64_t bytes = unreclaimable_bytes(workload);
    if (holds_memory(workload)) {
      held += bytes;
    } else {
      passing = std::max(passing, bytes);
    }
  }
  // One that frees its memory again surely meets the others only if it is alone.
  return held == 0 ? passing : held;
}

std::vector<Finding> judge_victims(const Scenario& scenario, const Observation& observation, Subject subject,
                                   const std::function<bool(NodeId)>& may_kill, const char* if_due,
                                   const char* if_not) {
  std::vector<Finding> findings;
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    if (observation.workers[i].end != WorkerEnd::OomKilled) continue;
    subject.node = scenario.workers[i].node;
    const std::vector<NodeId> lineage = scenario.tree.lineage(subject.node);
    const bool due = std::any_of(lineage.begin(), lineage.end(), may_kill);
    Finding finding = is_true(subject, due,
                              fmt::format("worker {} in {} was OOM-killed; {}", i,
                                          scenario.tree.path(subject.node), due ? if_due : if_not));
    if (machine_was_out_of_memory(observation)) finding.status = Status::Inconclusive;
    findings.push_back(std::move(finding));
  }
  return findings;
}

int oom_killed_in(const Scenario& scenario, const Observation& observation, NodeId top) {
  const std::vector<size_t> workers = workers_in(scenario, top);
  return static_cast<int>(std::count_if(workers.begin(), workers.end(), [&](size_t i) {
    return observation.workers[i].end == WorkerEnd::OomKilled;
  }));
}

bool machine_was_out_of_memory(const Observation& observation) {
  const auto& log = observation.health.log;
  return std::any_of(log.begin(), log.end(),
                     [](const std::string& line) { return line.find(",global_oom,") != std::string::npos; });
}

std::optional<int64_t> peak_in_window_bytes(const NodeObservation& node) {
  if (!get(node.after, Counter::MemoryPeak) && !get(node.after, Counter::MemoryCurrent)) return std::nullopt;
  int64_t peak = std::max(get(node.after, Counter::MemoryPeak).value_or(0),
                          get(node.after, Counter::MemoryCurrent).value_or(0));
  for (const Sample& sample : node.series) {
    peak = std::max(peak, get(sample.counters, Counter::MemoryCurrent).value_or(0));
  }
  return peak;
}

int64_t baseline_bytes(const Observation& observation, NodeId node) {
  return get(observation.nodes[static_cast<size_t>(node)].before, Counter::MemoryCurrent).value_or(0);
}

int64_t most_demand_bytes(const Scenario& scenario, const Observation& observation, NodeId node) {
  int64_t sum = baseline_bytes(observation, node);
  for (const size_t i : workers_in(scenario, node)) {
    const Workload& workload = scenario.workers[i].workload;
    sum += touched_bytes(workload) + overhead_bytes(workload, observation.machine.page_size);
  }
  return sum;
}

bool any_failed(const Scenario& scenario, const Observation& observation, NodeId node) {
  const std::vector<size_t> workers = workers_in(scenario, node);
  return std::any_of(workers.begin(), workers.end(), [&](size_t i) {
    const WorkerEnd end = observation.workers[i].end;
    return end == WorkerEnd::Failed || end == WorkerEnd::Killed || end == WorkerEnd::NotStarted;
  });
}

}  // namespace treeline

#include "generators/workload_gen.h"

#include <algorithm>

#include "generators/gens.h"
#include "model/rules.h"
#include "model/units.h"

namespace treeline {

namespace {

std::vector<MemoryKind> all_memory_kinds() {
  return {MemoryKind::Anonymous, MemoryKind::File, MemoryKind::Shared};
}

rc::Gen<Workload> cpu_hog_gen(int most_threads) {
  return rc::gen::exec([most_threads]() -> Workload {
    CpuHog hog;
    hog.threads = *uniform(1, most_threads);
    hog.duty_percent = *chance(50) ? 100 : *uniform(5, 95);
    hog.cycle_us = *one_of(std::vector<int64_t>{2'000, 5'000, 10'000, 20'000, 50'000});
    return hog;
  });
}

int64_t most_bytes(int share, const Constraints& constraints) {
  return std::max(kMiB, constraints.max_memory_bytes / share - kWorkerOverheadBytes);
}

int most_forks(int share, const Constraints& constraints) {
  return std::max(1, constraints.max_processes / share - 1);
}

/// The io.max of the nearest node of the lineage that has one.
std::optional<IoRates> io_rates_above(const Tree& tree, NodeId node) {
  for (const NodeId id : tree.lineage(node)) {
    if (const auto rates = get<IoRates>(tree[id].limits, Knob::IoMax)) return rates;
  }
  return std::nullopt;
}

bool has_limit_above(const Tree& tree, NodeId node, Knob knob) {
  const std::vector<NodeId> lineage = tree.lineage(node);
  return std::any_of(lineage.begin(), lineage.end(),
                     [&](NodeId id) { return tree[id].limits.contains(knob); });
}

bool can_press(const Tree& tree, NodeId node, WorkloadKind kind, const Constraints& constraints) {
  switch (kind) {
    case WorkloadKind::CpuHog:
      return has_limit_above(tree, node, Knob::CpuMax) || has_limit_above(tree, node, Knob::CpusetCpus);
    case WorkloadKind::MemoryHog:
      return effective_memory_max(tree, node, constraints.machine.page_size).has_value();
    case WorkloadKind::ForkStorm:
      return effective_pids_max(tree, node).has_value();
    case WorkloadKind::IoHog:
      return io_rates_above(tree, node).has_value();
    case WorkloadKind::Mixed:
    case WorkloadKind::Idle:
      break;
  }
  return false;
}

Workload draw_pressing(const Tree& tree, NodeId node, WorkloadKind kind, int share,
                       const Constraints& constraints) {
  const auto& machine = constraints.machine;
  switch (kind) {
    case WorkloadKind::CpuHog: {
      const int cpus = static_cast<int>(effective_cpus(tree, node, machine).ids.size());
      return endless_hog(std::min(64, cpus + *uniform(0, 1)));
    }
    case WorkloadKind::MemoryHog: {
      const int64_t limit = *effective_memory_max(tree, node, machine.page_size);
      const int64_t demand = *memory_demand_gen(limit, 1, *chance(50));
      const bool is_small = *chance(50);  // a share, so that it takes several workers to fill the node
      const int64_t bytes =
          std::clamp<int64_t>(is_small ? demand / share : demand, 4096, most_bytes(share, constraints));
      return *memory_hog_gen(bytes, all_memory_kinds());
    }
    case WorkloadKind::ForkStorm: {
      const int64_t limit = *effective_pids_max(tree, node);
      const int64_t wanted = std::max<int64_t>(1, limit + *uniform<int64_t>(-1, 4));
      return ForkStorm{static_cast<int>(std::min<int64_t>(wanted, most_forks(share, constraints)))};
    }
    case WorkloadKind::IoHog:
      return *io_hog_gen(*io_rates_above(tree, node), share);
    case WorkloadKind::Mixed:
    case WorkloadKind::Idle:
      break;
  }
  return *workload_gen(kind, share, constraints);
}

}  // namespace

Workload draw_crowding_hog(int cpus) {
  constexpr int kMostThreads = 16;
  return endless_hog(std::min(kMostThreads, cpus + *uniform(0, 2)));
}

int64_t touched_after_us(const Scenario& scenario) {
  constexpr int64_t kPageUs = 150;
  constexpr int64_t kReadPageUs = 250;  // from a disk
  int64_t sum_us = 0;
  for (const Worker& worker : scenario.workers) {
    const auto* hog = std::get_if<MemoryHog>(&worker.workload);
    if (hog) sum_us += hog->bytes / 4096 * (hog->kind == MemoryKind::File ? kReadPageUs : kPageUs);
  }
  return std::max(kTouchedAfterUs, sum_us / 1'000 * 1'000);
}

rc::Gen<Workload> workload_gen(WorkloadKind kind, int share, const Constraints& constraints) {
  return rc::gen::exec([=]() -> Workload {
           switch (kind) {
             case WorkloadKind::CpuHog: {
               const int cpus = static_cast<int>(constraints.machine.cpus.size());
               return *cpu_hog_gen(std::clamp(cpus + 1, 1, 8));
             }
             case WorkloadKind::MemoryHog: {
               const int64_t most = std::min(16 * kMiB, most_bytes(share, constraints));
               return *memory_hog_gen(*log_uniform(4096, most), all_memory_kinds());
             }
             case WorkloadKind::IoHog: {
               IoHog hog = *io_hog_gen(IoRates{}, share);
               hog.direct = *chance(70);
               return hog;
             }
             case WorkloadKind::ForkStorm:
               return ForkStorm{*uniform(1, std::min(16, most_forks(share, constraints)))};
             case WorkloadKind::Mixed: {
               const int duty = *uniform(5, 100);
               const int64_t bytes = *log_uniform(4096, std::min(4 * kMiB, most_bytes(share, constraints)));
               return Mixed{duty, bytes, *uniform(0, std::min(4, most_forks(share, constraints)))};
             }
             case WorkloadKind::Idle:
               break;
           }
           return Idle{};
         })
      .as("workload");
}

rc::Gen<Workload> suggested_workload_gen(const Tree& tree, NodeId node,
                                         const std::vector<WorkloadKind>& kinds, int share,
                                         const Constraints& constraints) {
  return rc::gen::exec([=]() -> Workload {
           std::vector<WorkloadKind> pressing;
           for (const WorkloadKind kind : kinds) {
             if (can_press(tree, node, kind, constraints)) pressing.push_back(kind);
           }
           if (pressing.empty()) return *workload_gen(*one_of(kinds), share, constraints);
           return draw_pressing(tree, node, *one_of(pressing), share, constraints);
         })
      .as("suggested workload");
}

rc::Gen<MemoryHog> memory_hog_gen(int64_t bytes, const std::vector<MemoryKind>& kinds) {
  return rc::gen::exec([=] {
    MemoryHog hog;
    hog.kind = *one_of(kinds);
    // Not always whole pages: the kernel charges the last one in full.
    hog.bytes = std::max<int64_t>(4096, *chance(75) ? bytes / 4096 * 4096 : bytes);
    hog.chunk_bytes = std::min(hog.bytes, *one_of(std::vector<int64_t>{4 << 10, 64 << 10, 1 << 20}));
    hog.order = *one_of(std::vector{TouchOrder::Forward, TouchOrder::Backward, TouchOrder::Random});
    hog.hold = *chance(90);
    return hog;
  });
}

rc::Gen<int64_t> memory_demand_gen(int64_t limit_bytes, int workers, bool over) {
  return rc::gen::exec([=] {
    if (over) return limit_bytes + *log_uniform(64 << 10, std::max<int64_t>(128 << 10, limit_bytes));
    // Twice the overhead: once taken, once for doubt. Half of the limit, so that half of the limit would
    // kill.
    const int64_t least_slack = int64_t{2} * workers * kWorkerOverheadBytes;
    const int64_t slack = *log_uniform(least_slack, std::max(least_slack, limit_bytes / 2));
    return std::max<int64_t>(int64_t{4096} * workers, limit_bytes - slack);
  });
}

rc::Gen<IoHog> io_hog_gen(const IoRates& rates, int workers) {
  return rc::gen::exec([=] {
    IoHog hog;
    const bool limits_reads = rates.read_bytes || rates.read_ops;
    const bool limits_writes = rates.write_bytes || rates.write_ops;
    const bool reads = limits_reads == limits_writes ? *chance(50) : limits_reads;
    hog.direction = reads ? IoDirection::Read : IoDirection::Write;
    const std::optional<int64_t> bytes = reads ? rates.read_bytes : rates.write_bytes;
    // A block waits in the kernel, beyond any signal, for its share of the rate: at most a tenth of a second
    // for all workers together, so that a run ends soon after its window.
    const int64_t most =
        bytes ? std::clamp<int64_t>(*bytes / (int64_t{10} * workers), 4096, 64 << 10) : 64 << 10;
    hog.block_bytes = 4096;
    while (hog.block_bytes * 2 <= most && *chance(60)) hog.block_bytes *= 2;
    hog.file_bytes = *one_of(std::vector<int64_t>{256 << 10, 1 << 20, 4 << 20});
    return hog;
  });
}

int tasks_of(const Workload& workload) {
  if (const auto* hog = std::get_if<CpuHog>(&workload)) return hog->threads;
  if (const auto* storm = std::get_if<ForkStorm>(&workload)) return 1 + storm->forks;
  if (const auto* mixed = std::get_if<Mixed>(&workload)) return 1 + mixed->forks;
  return 1;
}

int64_t bytes_of(const Workload& workload) {
  if (const auto* hog = std::get_if<MemoryHog>(&workload)) return hog->bytes;
  if (const auto* mixed = std::get_if<Mixed>(&workload)) return mixed->bytes;
  return 0;
}

Requirements requirements_of(const Scenario& scenario, const MachineFacts& machine) {
  Requirements requirements;
  std::set<int> named;
  for (const Node& node : scenario.tree.nodes) {
    if (const auto cpus = get<IdSet>(node.limits, Knob::CpusetCpus)) {
      named.insert(cpus->ids.begin(), cpus->ids.end());
    }
    if (node.limits.contains(Knob::IoMax)) requirements.block_device = true;
  }
  int busy = 0;
  int64_t bytes = 0;
  for (const Worker& worker : scenario.workers) {
    if (const auto* hog = std::get_if<CpuHog>(&worker.workload)) busy += hog->threads;
    if (std::holds_alternative<Mixed>(worker.workload)) ++busy;
    bytes += bytes_of(worker.workload) + tasks_of(worker.workload) * kWorkerOverheadBytes;
  }
  const int available = std::max(1, static_cast<int>(machine.cpus.size()));
  requirements.cpus = std::max({1, static_cast<int>(named.size()), std::min(busy, available)});
  requirements.memory_bytes = bytes;
  return requirements;
}

}  // namespace treeline

#include "model/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "model/attempts.h"
#include "model/controllers.h"
#include "model/rules_partition.h"
#include "model/rules_threads.h"
#include "model/rules_v2.h"

namespace treeline {

namespace {

constexpr int64_t kMinRuntimeUs = 1'000;                   // core.c: min_cfs_quota_period
constexpr int64_t kMaxRuntimeUs = (int64_t{1} << 44) - 1;  // core.c: max_cfs_runtime, MAX_BW in us

/// A group's bandwidth as the scheduler holds it.
struct Bandwidth {
  std::optional<int64_t> quota_us;
  int64_t period_us = 100'000;
  int64_t burst_us = 0;
};

Bandwidth bandwidth_of(const Limits& limits) {
  Bandwidth bandwidth;
  if (const auto max = get<CpuBandwidth>(limits, Knob::CpuMax)) {
    bandwidth.quota_us = max->quota_us;
    bandwidth.period_us = max->period_us;
  }
  bandwidth.burst_us = amount(limits, Knob::CpuMaxBurst).value_or(0);
  return bandwidth;
}

/// kernel/sched/core.c: normalize_cfs_quota() and to_ratio(), in microseconds, BW_SHIFT 20.
uint64_t ratio(const Bandwidth& bandwidth) {
  return (static_cast<uint64_t>(*bandwidth.quota_us) << 20) / static_cast<uint64_t>(bandwidth.period_us);
}

/// tg_cfs_schedulable_down on v1: no group's ratio exceeds that of the nearest limited group above.
bool fits_hierarchy(const Tree& tree, NodeId changed, const Bandwidth& value) {
  const auto of = [&](NodeId id) { return id == changed ? value : bandwidth_of(tree[id].limits); };
  for (NodeId id = 0; id < tree.size(); ++id) {
    const Bandwidth own = of(id);
    if (!own.quota_us) continue;
    const std::vector<NodeId> lineage = tree.lineage(id);
    for (size_t above = 1; above < lineage.size(); ++above) {
      const Bandwidth ancestor = of(lineage[above]);
      if (!ancestor.quota_us) continue;
      if (ratio(own) > ratio(ancestor)) return false;
      break;
    }
  }
  return true;
}

/// tg_set_cfs_bandwidth.
int set_bandwidth(const Tree& tree, NodeId node, const Bandwidth& value, CgroupVersion version) {
  if (value.period_us < kMinPeriodUs || value.period_us > kMaxPeriodUs || value.burst_us < 0) return EINVAL;
  if (value.quota_us) {
    if (*value.quota_us < kMinRuntimeUs || *value.quota_us > kMaxRuntimeUs) return EINVAL;
    if (value.burst_us > *value.quota_us || value.burst_us + *value.quota_us > kMaxRuntimeUs) return EINVAL;
  }
  const bool fits = version == CgroupVersion::V2 || fits_hierarchy(tree, node, value);
  return fits ? 0 : EINVAL;
}

int set_cpu_max(const Tree& tree, NodeId node, const CpuBandwidth& value, CgroupVersion version) {
  Bandwidth next = bandwidth_of(tree[node].limits);
  next.period_us = value.period_us;
  if (version == CgroupVersion::V1) {
    // Two files, period first: the first refusal decides.
    if (const int error = set_bandwidth(tree, node, next, version)) return error;
  }
  next.quota_us = value.quota_us;
  if (version == CgroupVersion::V1 && next.quota_us && *next.quota_us < 0) next.quota_us = std::nullopt;
  return set_bandwidth(tree, node, next, version);
}

int set_weight(const Limits& limits, int64_t weight) {
  if (shares_from_weight(weight) < 0) return EINVAL;  // not an unsigned number
  // sched_group_set_shares: an idle group's weight is fixed. Values out of range are clamped, not refused.
  return amount(limits, Knob::CpuIdle) == 1 ? EINVAL : 0;
}

/// mem_cgroup_resize_max: memory.max ≤ memory + swap, always. The latter is unlimited unless it is set.
int set_memory(const Limits& limits, Knob knob, const Amount& value, const MachineFacts& machine) {
  const int64_t page = machine.page_size;
  const auto pages = [page](int64_t bytes) { return bytes / page; };
  if (!value.value || (knob == Knob::MemoryMax && *value.value == -1)) {
    return knob == Knob::MemoryMax && limits.contains(Knob::MemorySwapMax) &&
                   amount(limits, Knob::MemorySwapMax)
               ? EINVAL
               : 0;
  }
  const std::optional<int64_t> memory = amount(limits, Knob::MemoryMax);
  const std::optional<int64_t> swap = amount(limits, Knob::MemorySwapMax);
  if (knob == Knob::MemorySwapMax) return *value.value < 0 ? EINVAL : 0;
  if (*value.value < 0) return EINVAL;
  return memory && swap && pages(*value.value) > pages(*memory) + pages(*swap) ? EINVAL : 0;
}

bool includes(const IdSet& whole, const IdSet& part) {
  return std::includes(whole.ids.begin(), whole.ids.end(), part.ids.begin(), part.ids.end());
}

/// cpuset1_validate_change, in its order: children must fit (EBUSY), then the parent (EACCES); before both,
/// CPUs that the machine does not have (EINVAL). On v1 the executor gives every node its effective set, so
/// that it is the effective set with which the kernel compares.
int set_ids(const Tree& tree, NodeId node, Knob knob, const IdSet& value, const MachineFacts& machine) {
  const std::vector<int>& all = knob == Knob::CpusetCpus ? machine.cpus : machine.mems;
  const auto effective = knob == Knob::CpusetCpus ? effective_cpus : effective_mems;
  if (!includes(IdSet{all}, value)) return EINVAL;
  if (machine.knob_context(Controller::Cpuset).version == CgroupVersion::V2) return 0;
  for (const NodeId child : tree.children(node)) {
    if (!includes(value, effective(tree, child, machine))) return EBUSY;
  }
  const NodeId parent = tree[node].parent;
  const IdSet above = parent == kNoParent ? IdSet{all} : effective(tree, parent, machine);
  return includes(above, value) ? 0 : EACCES;
}

int set_rates_v1(const IoRates& rates) {
  for (const auto& rate : {rates.read_bytes, rates.write_bytes, rates.read_ops, rates.write_ops}) {
    if (rate && *rate < 0) return EINVAL;  // tg_set_conf: not an unsigned number
  }
  return 0;
}

int set_amount(const Tree& tree, NodeId node, Knob knob, const Amount& value, const MachineFacts& machine) {
  const CgroupVersion version = machine.knob_context(knob_info(knob).controller).version;
  const Limits& limits = tree[node].limits;
  if (version == CgroupVersion::V2 && knob != Knob::CpuMaxBurst) return set_amount_v2(limits, knob, value);
  switch (knob) {
    case Knob::CpuMaxBurst: {
      Bandwidth next = bandwidth_of(limits);
      next.burst_us = value.value.value_or(0);
      return set_bandwidth(tree, node, next, version);
    }
    case Knob::CpuWeight:
      return set_weight(limits, value.value.value_or(0));
    case Knob::CpuIdle:  // sched_group_set_idle
      return value.value == 0 || value.value == 1 ? 0 : EINVAL;
    case Knob::MemoryMax:
    case Knob::MemorySwapMax:
      return set_memory(limits, knob, value, machine);
    case Knob::PidsMax:  // pids_max_write
      return value.value && (*value.value < 0 || *value.value >= kPidsMaxLimit) ? EINVAL : 0;
    case Knob::IoWeight:  // bfq_io_set_weight_legacy
      if (*value.value < 0) return EINVAL;
      return *value.value < 1 || *value.value > 1'000 ? ERANGE : 0;
    default:
      return 0;
  }
}

}  // namespace

int expected_errno(const Tree& tree, NodeId node, Knob knob, const KnobValue& value,
                   const MachineFacts& machine) {
  const CgroupVersion version = machine.knob_context(knob_info(knob).controller).version;
  if (const auto* bandwidth = std::get_if<CpuBandwidth>(&value)) {
    return set_cpu_max(tree, node, *bandwidth, version);
  }
  if (const auto* set = std::get_if<IdSet>(&value)) return set_ids(tree, node, knob, *set, machine);
  if (const auto* rates = std::get_if<IoRates>(&value)) {
    return version == CgroupVersion::V2 ? set_rates_v2(*rates) : set_rates_v1(*rates);
  }
  return set_amount(tree, node, knob, std::get<Amount>(value), machine);
}

namespace {

/// v2 reads a weight back from the shares: of one that another knob of the node has changed, kernels differ
/// in what they show (cpu_weight_read_u64: 0 or 1 for an idle group).
void check_one_weight(const Scenario& scenario, const MachineFacts& machine, std::vector<Fault>& faults) {
  if (machine.knob_context(Controller::Cpu).version == CgroupVersion::V1) return;
  for (NodeId id = 0; id < scenario.tree.size(); ++id) {
    const Limits& limits = scenario.tree[id].limits;
    const auto ways = static_cast<int>(limits.contains(Knob::CpuWeight)) +
                      static_cast<int>(limits.contains(Knob::CpuWeightNice)) +
                      static_cast<int>(amount(limits, Knob::CpuIdle) == 1);
    if (ways > 1) {
      faults.push_back({fmt::format("/tree/{}/limits", id),
                        "of cpu.weight, cpu.weight.nice and cpu.idle=1 a node can keep one only"});
    }
  }
}

/// Replays the executor's writes, parents first, each node's knobs in the table's order, on the reference
/// rules.
void check_limits(const Scenario& scenario, const MachineFacts& machine, std::vector<Fault>& faults) {
  Tree so_far = scenario.tree;
  for (Node& node : so_far.nodes) {
    // cpusets are given to the groups as they are made, all at once.
    std::erase_if(node.limits,
                  [](const auto& limit) { return knob_info(limit.first).controller != Controller::Cpuset; });
  }
  for (NodeId id = 0; id < scenario.tree.size(); ++id) {
    for (const auto& [knob, value] : scenario.tree[id].limits) {
      const std::string path = fmt::format("/tree/{}/limits/{}", id, knob_info(knob).name);
      if (!machine.has(knob)) {
        faults.push_back({path, "this machine does not have the knob"});
        continue;
      }
      const bool is_sum = machine.knob_context(Controller::Memory).version == CgroupVersion::V1;
      if (is_sum && knob == Knob::MemorySwapMax && !amount(scenario.tree[id].limits, Knob::MemoryMax)) {
        faults.push_back({path, "needs memory.max on the same node"});
        continue;
      }
      // Of rates, 0 would clear the limit, which no scenario means.
      if (const int error = expected_errno(so_far, id, knob, value, machine)) {
        faults.push_back({path, fmt::format("the kernel's rules refuse it ({})", strerrorname_np(error))});
      }
      so_far[id].limits[knob] = value;
    }
  }
}

/// The executor gives every group of v1 a set (cgroup/cgroup_tree.h), which a change above does not reach.
bool leaves_a_child_behind(const Tree& tree, NodeId node, const MachineFacts& machine) {
  if (machine.knob_context(Controller::Cpuset).version == CgroupVersion::V2) return false;
  const std::vector<NodeId> children = tree.children(node);
  return std::any_of(children.begin(), children.end(),
                     [&](NodeId child) { return !tree[child].limits.contains(Knob::CpusetCpus); });
}

bool has_cpusets(const Scenario& scenario) {
  const auto& nodes = scenario.tree.nodes;
  return std::any_of(nodes.begin(), nodes.end(),
                     [](const Node& node) { return node.limits.contains(Knob::CpusetCpus); }) ||
         std::any_of(scenario.actions.begin(), scenario.actions.end(), [](const Action& action) {
           return has_setting(action) && action.knob == Knob::CpusetCpus;
         });
}

void check_hotplug(const Scenario& scenario, size_t i, const MachineFacts& machine,
                   std::vector<Fault>& faults) {
  const std::string path = fmt::format("/actions/{}/cpu", i);
  const auto& cpus = machine.hotplug_cpus;
  const bool is_v1 = machine.controllers.contains(Controller::Cpuset) &&
                     machine.knob_context(Controller::Cpuset).version == CgroupVersion::V1;
  if (std::find(cpus.begin(), cpus.end(), scenario.actions[i].cpu) == cpus.end()) {
    faults.push_back({path, "this machine has no such CPU to take offline"});
  } else if (machine_after(scenario, machine, i + 1, every_action).cpus.empty()) {
    faults.push_back({path, "it is the last CPU"});
  } else if (has_partitions(scenario.tree)) {
    faults.push_back({path, "beside partitions CPUs stay where they are"});
  } else if (is_v1 && has_cpusets(scenario)) {
    faults.push_back({path, "a cpuset of v1 loses a CPU that goes for good, which is not modelled"});
  }
}

void check_change(const Scenario& scenario, size_t i, const MachineFacts& machine,
                  std::vector<Fault>& faults) {
  const Action& action = scenario.actions[i];
  const Tree tree = scenario_after(scenario, i, every_action).tree;
  const std::string path = fmt::format("/actions/{}/knob", i);
  if (!machine.has(action.knob)) {
    faults.push_back({path, "this machine does not have the knob"});
  } else if (action.knob == Knob::CpusetCpus && has_partitions(tree)) {
    faults.push_back({path, "beside partitions cpusets stay as they are"});
  } else if (action.knob == Knob::CpusetCpus && leaves_a_child_behind(tree, action.node, machine)) {
    faults.push_back({path, "v1 leaves each group below its own set, which the scenario must name"});
  } else if (action.knob == Knob::MemoryMax &&
             machine.knob_context(Controller::Memory).version == CgroupVersion::V1 &&
             tree[action.node].limits.contains(Knob::MemorySwapMax)) {
    faults.push_back({path, "v1 limits the sum with swap, which would change its meaning"});
  } else if (action.knob == Knob::MemorySwapMax &&
             machine.knob_context(Controller::Memory).version == CgroupVersion::V1) {
    faults.push_back({path, "v1 limits the sum with memory only"});
  } else if (action.knob == Knob::CpuWeight && tree[action.node].limits.contains(Knob::CpuWeightNice)) {
    faults.push_back({path, "the node has its weight by another knob"});
  } else if (const int error = due_errno(scenario, i, machine, every_action)) {
    faults.push_back({path, fmt::format("the kernel's rules refuse it ({})", strerrorname_np(error))});
  }
}

void check_controller(const MachineFacts& machine, Controller controller, std::vector<Fault>& faults) {
  if (!machine.controllers.contains(controller)) {
    faults.push_back({"/", fmt::format("the {} controller is not usable here", controller_name(controller))});
  }
}

}  // namespace

std::vector<Fault> unmet(const Scenario& scenario, const MachineFacts& machine) {
  std::vector<Fault> faults;
  const Requirements& needs = scenario.requirements;
  if (static_cast<int>(machine.cpus.size()) < needs.cpus) {
    faults.push_back({"/requirements/cpus", fmt::format("this machine has {} CPUs", machine.cpus.size())});
  }
  if (machine.memory_bytes < needs.memory_bytes) {
    faults.push_back({"/requirements/memory_bytes", "this machine has less memory available"});
  }
  if (needs.block_device && machine.device.empty()) {
    faults.push_back({"/requirements/block_device", "there is no block device below the scratch folder"});
  }
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    if (scenario.actions[i].kind == Action::Kind::SetLimit) {
      check_change(scenario, i, machine, faults);
    } else if (is_attempt(scenario.actions[i])) {
      if (auto fault = unmet_attempt(scenario, i, machine)) faults.push_back(std::move(*fault));
    } else if (moves_a_cpu(scenario.actions[i])) {
      check_hotplug(scenario, i, machine, faults);
    } else if (switches_a_controller(scenario.actions[i])) {
      if (scenario.actions[i].controller == Controller::Cpuset && has_partitions(scenario.tree)) {
        faults.push_back(
            {fmt::format("/actions/{}/controller", i), "beside partitions cpusets stay as they are"});
      }
      if (can_switch(machine, scenario.actions[i].controller)) continue;
      faults.push_back(
          {fmt::format("/actions/{}/controller", i), "only cgroup v2 switches it, and has it not here"});
    } else if (const auto controller = controller_of(scenario.actions[i])) {
      check_controller(machine, *controller, faults);
    }
  }
  const std::set<NodeId> absent = absent_at_first(scenario);
  for (size_t i = 0; i < scenario.probes.size(); ++i) {
    if (absent.contains(scenario.probes[i].node)) {
      faults.push_back({fmt::format("/probes/{}/node", i), "the node is not there when probes are tried"});
    }
    if (!machine.has(scenario.probes[i].knob)) {
      faults.push_back({fmt::format("/probes/{}/knob", i), "this machine does not have the knob"});
    }
  }
  if (moves_groups(scenario) && (has_partitions(scenario.tree) || limits_the_hierarchy(scenario))) {
    faults.push_back({"/actions", "groups neither come nor go beside partitions and hierarchy limits"});
  }
  check_limits(scenario, machine, faults);
  check_one_weight(scenario, machine, faults);
  for (const auto& more : {unmet_partitions(scenario, machine), unmet_threads(scenario, machine)}) {
    faults.insert(faults.end(), more.begin(), more.end());
  }
  return faults;
}

}  // namespace treeline

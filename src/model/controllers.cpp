#include "model/controllers.h"

#include <fmt/format.h>

#include <algorithm>

namespace treeline {

std::span<const Controller> switchable_controllers() {
  static constexpr std::array kControllers{Controller::Cpu, Controller::Memory, Controller::Pids,
                                           Controller::Cpuset, Controller::Io};
  return kControllers;
}

bool can_switch(const MachineFacts& machine, Controller controller) {
  const auto found = machine.controllers.find(controller);
  return found != machine.controllers.end() && found->second == CgroupVersion::V2;
}

bool switches_controllers(const Scenario& scenario) {
  return std::any_of(scenario.actions.begin(), scenario.actions.end(), switches_a_controller);
}

std::set<NodeId> lacking_after(const Scenario& scenario, Controller controller, size_t actions,
                               const std::function<bool(size_t)>& taken) {
  std::set<NodeId> lacking;
  for (size_t i = 0; i < actions; ++i) {
    const Action& action = scenario.actions[i];
    if (!switches_a_controller(action) || action.controller != controller || !taken(i)) continue;
    for (const NodeId node : groups_below(scenario.tree, action)) {
      if (action.kind == Action::Kind::DisableController) {
        lacking.insert(node);
      } else {
        lacking.erase(node);
      }
    }
  }
  return lacking;
}

std::set<NodeId> ever_lacking(const Scenario& scenario, Controller controller,
                              const std::function<bool(size_t)>& taken) {
  std::set<NodeId> ever;
  for (size_t i = 1; i <= scenario.actions.size(); ++i) {
    const std::set<NodeId> lacking = lacking_after(scenario, controller, i, taken);
    ever.insert(lacking.begin(), lacking.end());
  }
  return ever;
}

bool switches(const Scenario& scenario, Controller controller) {
  return std::any_of(scenario.actions.begin(), scenario.actions.end(), [=](const Action& action) {
    return switches_a_controller(action) && action.controller == controller;
  });
}

std::vector<NodeId> groups_below(const Tree& tree, const Action& action) {
  std::vector<NodeId> nodes = tree.subtree(action.node);
  nodes.erase(nodes.begin());
  return nodes;
}

void drop_limits_below(Tree& tree, const Action& action) {
  for (const NodeId node : groups_below(tree, action)) {
    std::erase_if(tree[node].limits,
                  [&](const auto& limit) { return knob_info(limit.first).controller == action.controller; });
  }
}

Limits fresh_limits(Controller controller) {
  // kernel/sched/core.c: init_cfs_bandwidth, sched_create_group; include/linux/cgroup.h: CGROUP_WEIGHT_DFL;
  // kernel/cgroup/pids.c: pids_css_alloc; mm/memcontrol.c: mem_cgroup_css_alloc, mem_cgroup_css_reset;
  // kernel/cgroup/cpuset.c: cpuset_css_alloc; block/blk-throttle.c: throtl_pd_alloc,
  // block/blk-iocost.c: ioc_cpd_alloc. Not memory.oom.group: see controllers.h.
  constexpr int64_t kDefaultWeight = 100;
  Limits limits{{Knob::CpuMax, CpuBandwidth{}},
                {Knob::CpuMaxBurst, Amount{0}},
                {Knob::CpuWeight, Amount{kDefaultWeight}},
                {Knob::CpuWeightNice, Amount{0}},
                {Knob::CpuIdle, Amount{0}},
                {Knob::MemoryMax, Amount{}},
                {Knob::MemorySwapMax, Amount{}},
                {Knob::MemoryHigh, Amount{}},
                {Knob::MemoryLow, Amount{0}},
                {Knob::MemoryMin, Amount{0}},
                {Knob::PidsMax, Amount{}},
                {Knob::CpusetCpus, IdSet{}},
                {Knob::CpusetMems, IdSet{}},
                {Knob::CpusetPartition, Amount{0}},
                {Knob::IoMax, IoRates{}},
                {Knob::IoWeight, Amount{kDefaultWeight}}};
  std::erase_if(limits, [&](const auto& limit) { return knob_info(limit.first).controller != controller; });
  return limits;
}

std::string text_below(const Scenario& scenario, const Action& action, const MachineFacts& machine,
                       const std::function<std::string(NodeId, const KnobWrite&)>& read) {
  std::string text;
  const Limits fresh = fresh_limits(action.controller);
  for (const NodeId node : groups_below(scenario.tree, action)) {
    for (const auto& [knob, value] : fresh) {
      if (!machine.has(knob)) continue;
      for (const KnobWrite& write : encode(knob, value, fresh, machine.knob_context(action.controller))) {
        text += fmt::format("{}{}/{}={}", text.empty() ? "" : ", ", scenario.tree.path(node), write.file,
                            read(node, write));
      }
    }
  }
  return text;
}

std::string expected_below(const Scenario& scenario, const Action& action, const MachineFacts& machine) {
  const bool is_there = action.kind == Action::Kind::EnableController;
  return text_below(scenario, action, machine, [&](NodeId, const KnobWrite& write) {
    return is_there ? write.expected : std::string(kNoFile);
  });
}

}  // namespace treeline

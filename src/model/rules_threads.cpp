#include "model/rules_threads.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "model/controllers.h"
#include "model/rules_partition.h"
#include "model/threads.h"

namespace treeline {

namespace {

/// Executor and threaded groups: all groups of a run get the same controllers, and a threaded one takes no
/// others (cgroup_vet_subtree_control_enable: EOPNOTSUPP).
void check_controllers(const Scenario& scenario, std::vector<Fault>& faults) {
  constexpr const char* kWhy = "of a tree with a threaded domain no group has this controller";
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    for (const auto& [knob, value] : scenario.tree[node].limits) {
      if (is_threaded(knob_info(knob).controller)) continue;
      faults.push_back({fmt::format("/tree/{}/limits/{}", node, knob_info(knob).name), kWhy});
    }
  }
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    if (action.kind != Action::Kind::SetLimit || is_threaded(knob_info(action.knob).controller)) continue;
    faults.push_back({fmt::format("/actions/{}/knob", i), kWhy});
  }
  for (size_t i = 0; i < scenario.probes.size(); ++i) {
    if (is_threaded(knob_info(scenario.probes[i].knob).controller)) continue;
    faults.push_back({fmt::format("/probes/{}/knob", i), kWhy});
  }
  if (has_partitions(scenario.tree)) {
    faults.push_back({"/tree", "partitions beside a threaded domain are not modelled"});
  }
}

}  // namespace

bool needs_thread_root(const MachineFacts& machine) {
  return can_switch(machine, Controller::Cpu) || can_switch(machine, Controller::Pids) ||
         can_switch(machine, Controller::Cpuset);
}

int expected_thread_errno(const Tree& tree, NodeId from, NodeId to, const MachineFacts& machine) {
  if (!needs_thread_root(machine)) return 0;
  const NodeId domain = tree.thread_root_of(from);
  return domain != kNoParent && domain == tree.thread_root_of(to) ? 0 : EOPNOTSUPP;
}

std::vector<Fault> unmet_threads(const Scenario& scenario, const MachineFacts& machine) {
  std::vector<Fault> faults;
  if (scenario.tree.has_thread_root()) {
    if (!needs_thread_root(machine)) faults.push_back({"/tree", "only cgroup v2 has threaded groups"});
    check_controllers(scenario, faults);
  }
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    if (action.kind != Action::Kind::MigrateThread) continue;
    const NodeId from = place_of(scenario, {action.worker, action.thread}, i, every_action);
    if (expected_thread_errno(scenario.tree, from, action.node, machine) != 0) {
      faults.push_back({fmt::format("/actions/{}/node", i), "on v2 a thread stays in its threaded domain"});
    }
  }
  return faults;
}

}  // namespace treeline

#include <algorithm>
#include <cerrno>

#include "model/rules.h"

namespace treeline {

std::set<NodeId> occupied_nodes(const Scenario& scenario) {
  std::set<NodeId> nodes;
  for (const Worker& worker : scenario.workers) nodes.insert(worker.node);
  for (const Action& action : scenario.actions) {
    if (moves_a_worker(action)) nodes.insert(action.node);
  }
  return nodes;
}

bool has_leaf_proxy(const Scenario& scenario, NodeId node, const MachineFacts& machine,
                    Controller controller) {
  if (machine.knob_context(controller).version == CgroupVersion::V1 || scenario.tree.is_leaf(node)) {
    return false;
  }
  return scenario.tree.thread_root_of(node) == kNoParent && occupied_nodes(scenario).contains(node);
}

int groups_in(const Scenario& scenario, NodeId top, const MachineFacts& machine, Controller controller) {
  int groups = 0;
  for (const NodeId node : scenario.tree.subtree(top)) {
    groups += has_leaf_proxy(scenario, node, machine, controller) ? 2 : 1;
  }
  return groups;
}

bool limits_the_hierarchy(const Scenario& scenario) {
  return changes(scenario, Knob::CgroupMaxDepth) || changes(scenario, Knob::CgroupMaxDescendants) ||
         std::any_of(scenario.tree.nodes.begin(), scenario.tree.nodes.end(), [](const Node& node) {
           return node.limits.contains(Knob::CgroupMaxDepth) ||
                  node.limits.contains(Knob::CgroupMaxDescendants);
         });
}

int expected_child_errno(const Scenario& scenario, NodeId node, const MachineFacts& machine) {
  int level = 0;
  for (const NodeId above : scenario.tree.lineage(node)) {
    const Limits& limits = scenario.tree[above].limits;
    const int descendants = groups_in(scenario, above, machine, Controller::Core) - 1;
    if (descendants >= amount(limits, Knob::CgroupMaxDescendants).value_or(INT64_MAX)) return EAGAIN;
    if (level >= amount(limits, Knob::CgroupMaxDepth).value_or(INT64_MAX)) return EAGAIN;
    ++level;
  }
  return 0;
}

}  // namespace treeline

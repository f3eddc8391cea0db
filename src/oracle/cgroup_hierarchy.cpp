#include "oracle/cgroup_hierarchy.h"

#include <fmt/format.h>

#include "model/rules.h"
#include "oracle/finding.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

/// Limits of the hierarchy on the node's lineage.
bool is_limited(const Scenario& scenario, NodeId node) {
  for (const NodeId above : scenario.tree.lineage(node)) {
    const Limits& limits = scenario.tree[above].limits;
    if (limits.contains(Knob::CgroupMaxDepth) || limits.contains(Knob::CgroupMaxDescendants)) return true;
  }
  return false;
}

}  // namespace

std::vector<Finding> judge_cgroup_hierarchy(const Scenario& drawn, const Observation& observation) {
  std::vector<Finding> findings;
  Scenario scenario = drawn;
  scenario.tree = tree_in_force(drawn, observation, drawn.actions.size());
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const int answered = observation.nodes[static_cast<size_t>(node)].child_errno;
    if (answered == NodeObservation::kNotTried || !is_limited(scenario, node)) continue;
    const int expected = expected_child_errno(scenario, node, observation.machine);
    findings.push_back(
        is_true({"cgroup.hierarchy", Controller::Core, node, ""}, answered == expected,
                fmt::format("one more group below {}: {} where {} is due", scenario.tree.path(node),
                            errno_name(answered), errno_name(expected))));
  }
  return findings;
}

}  // namespace treeline

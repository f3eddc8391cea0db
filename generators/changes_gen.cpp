#include "generators/changes_gen.h"

#include "generators/gens.h"
#include "model/rules.h"

namespace treeline {

Tree tree_by_now(const Scenario& scenario) {
  return tree_after(scenario, scenario.actions.size(), [](size_t) { return true; });
}

bool add_change(Scenario& scenario, const Action& change, const MachineFacts& machine) {
  if (expected_errno(tree_by_now(scenario), change.node, change.knob, change.value, machine) != 0)
    return false;
  scenario.actions.push_back(change);
  return true;
}

NodeId changed_node(const Tree& tree, NodeId target) {
  return *chance(80) ? target : *one_of(tree.lineage(target));
}

}  // namespace treeline

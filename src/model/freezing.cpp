#include "model/freezing.h"

#include <algorithm>

namespace treeline {

std::set<NodeId> frozen_after(const Scenario& scenario, size_t actions,
                              const std::function<bool(size_t)>& taken) {
  std::set<NodeId> frozen;
  for (size_t i = 0; i < actions; ++i) {
    const Action& action = scenario.actions[i];
    if (action.kind == Action::Kind::Freeze && taken(i)) frozen.insert(action.node);
    if (action.kind == Action::Kind::Thaw && taken(i)) frozen.erase(action.node);
  }
  return frozen;
}

bool is_frozen(const Tree& tree, const std::set<NodeId>& frozen, NodeId node) {
  const std::vector<NodeId> lineage = tree.lineage(node);
  return std::any_of(lineage.begin(), lineage.end(), [&](NodeId above) { return frozen.contains(above); });
}

}  // namespace treeline

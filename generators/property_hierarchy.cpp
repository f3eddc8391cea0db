#include <algorithm>

#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"

namespace treeline {

namespace {

Scenario draw_hierarchy(const Constraints& constraints, int size) {
  Scenario scenario;
  const Tree bare = *tree_gen(shape_for(constraints, size));
  const std::set<Knob> knobs{Knob::CgroupMaxDepth, Knob::CgroupMaxDescendants};
  scenario.tree = *with_limits(bare, knobs, *uniform(10, 60), Pressure::Tight, constraints);
  if (!std::any_of(scenario.tree.nodes.begin(), scenario.tree.nodes.end(),
                   [](const Node& node) { return !node.limits.empty(); })) {
    scenario.tree[kRoot].limits[Knob::CgroupMaxDescendants] = Amount{scenario.tree.size() - 1};
  }
  // Workers of interior nodes make leaf proxies, which count as descendants.
  if (*chance(40)) {
    const Placement placement = *placement_gen(scenario.tree, constraints, 4);
    scenario.strategy = placement.strategy;
    for (const NodeId node : placement.nodes) scenario.workers.push_back({node, Idle{}});
  }
  scenario.window = {*uniform<int64_t>(1, 5) * 1'000, false, 1'000};
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> hierarchy_gen(const Constraints& constraints) {
  return rc::gen::withSize([constraints](int size) {
    return rc::gen::exec([constraints, size] { return draw_hierarchy(constraints, size); }).as("hierarchy");
  });
}

}  // namespace treeline

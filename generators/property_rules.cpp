#include <algorithm>

#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/probes_gen.h"
#include "generators/scenario_gen.h"

namespace treeline {

namespace {

Scenario draw_rules(const Constraints& constraints, int size) {
  Scenario scenario;
  const Tree bare = *tree_gen(shape_for(constraints, size));
  const std::set<Knob> menu = all_knobs_but(constraints, {});
  const Swarm swarm = *swarm_gen(constraints, menu, {WorkloadKind::Idle});
  const Pressure pressure = *chance(70) ? Pressure::Tight : Pressure::Roomy;
  const bool has_worker = *chance(25);
  // A worker must live below the limits, even an idle one.
  scenario.tree = *with_limits(bare, swarm.knobs, swarm.limit_percent,
                               has_worker ? Pressure::Roomy : pressure, constraints);
  if (has_worker) {
    const Placement placement = *placement_gen(scenario.tree, constraints, 1);
    scenario.strategy = placement.strategy;
    scenario.workers.push_back({placement.nodes.front(), Idle{}});
  }
  if (*chance(90)) {
    // The knobs that are set are probed as often as all: only they can be at odds with their neighbours.
    const std::set<Knob>& probed = !swarm.knobs.empty() && *chance(50) ? swarm.knobs : menu;
    scenario.probes = *probes_gen(scenario.tree, probed, 8, constraints.machine);
  }
  scenario.window = {*uniform<int64_t>(1, 5) * 1'000, false, 1'000};
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> rules_gen(const Constraints& constraints) {
  return rc::gen::withSize([constraints](int size) {
    return rc::gen::exec([constraints, size] { return draw_rules(constraints, size); }).as("rules");
  });
}

}  // namespace treeline

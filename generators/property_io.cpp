#include <algorithm>

#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"

namespace treeline {

namespace {

/// Looser or independent limits on some other nodes.
void draw_other_rates(Tree& tree, NodeId target) {
  const int percent = *one_of(std::vector{0, 0, 20, 40});
  for (NodeId node = 0; node < tree.size(); ++node) {
    if (node != target && *chance(percent))
      tree[node].limits[Knob::IoMax] = draw_slow_rates(draw_io_sides(), kMostIoWorkers);
  }
}

Scenario draw_io(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, kMostIoWorkers);
  Scenario scenario = begun_on(ground);
  const int sharers = static_cast<int>(ground.below.size());
  const IoRates rates = draw_slow_rates(draw_io_sides(), sharers);
  scenario.tree[ground.target].limits[Knob::IoMax] = rates;
  draw_other_rates(scenario.tree, ground.target);
  add_io_workers(scenario, ground, rates);
  scenario.window = fixed_window(static_cast<double>(*uniform<int64_t>(300, 600)) * 1'000, constraints);
  scenario.tree = *with_company(scenario.tree, knobs_beside_io(constraints), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> io_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_io(constraints); }).as("io");
}

}  // namespace treeline

#include <algorithm>

#include "generators/actions_gen.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"

namespace treeline {

namespace {

Scenario draw_freezer(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 4, *chance(50) ? 2 : 0);
  Scenario scenario = begun_on(ground);
  const int cpus = static_cast<int>(constraints.machine.cpus.size());
  for (const NodeId node : ground.placement.nodes) {
    // Endless ones, few enough that each makes progress within a few ticks while nothing is frozen.
    const int threads = ground.placement.nodes.size() == 1 ? *uniform(1, std::min(cpus, 4)) : 1;
    const bool is_below = ground.tree.is_in_subtree(node, ground.target);
    // Outside the target a few, that must go on; each takes from the time that those inside are due.
    const bool is_busy = scenario.workers.empty() ? is_below : *chance(is_below ? 70 : 30);
    // What forks while it is to be frozen may leave a child behind.
    const Workload other = *chance(30) ? Workload(ForkStorm{*uniform(8, 24), 2'000}) : Workload(Idle{});
    scenario.workers.push_back({node, is_busy ? endless_hog(threads) : other});
  }
  std::vector<int> hogs;
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    const bool is_hog = std::holds_alternative<CpuHog>(scenario.workers[i].workload);
    if (is_hog) hogs.push_back(static_cast<int>(i));
  }
  const bool moves = *chance(45) && scenario.tree.size() > 1 && !hogs.empty();
  scenario.actions = moves ? *frozen_moves_gen(scenario, hogs) : *actions_gen(scenario.tree, ground.below, 2);
  scenario.window = fixed_window(static_cast<double>(end_after(scenario.actions)), constraints);
  const std::set<Knob> menu =
      all_knobs_but(constraints, {Knob::CpuMax, Knob::CpuIdle, Knob::CpuWeight, Knob::CpuWeightNice,
                                  Knob::CpusetCpus, Knob::MemoryHigh, Knob::Freeze});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> freezer_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_freezer(constraints); }).as("freezer");
}

}  // namespace treeline

#include <algorithm>

#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"

namespace treeline {

namespace {

/// Other nodes' limits: enough for their own workers, and at times what binds in the target's stead.
void draw_other_limits(Tree& tree, NodeId target, int workers) {
  const int percent = *one_of(std::vector{0, 0, 25, 50});
  for (NodeId node = 0; node < tree.size(); ++node) {
    if (node != target && *chance(percent)) {
      tree[node].limits[Knob::PidsMax] = Amount{workers + *log_uniform(1, 40)};
    }
  }
}

Scenario draw_pids(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 5);
  Scenario scenario = begun_on(ground);
  const int workers = static_cast<int>(ground.placement.nodes.size());
  const int sharers = static_cast<int>(ground.below.size());
  // Attaching is never refused (pids_can_attach): a limit below the number of workers is legal, but then says
  // little. `room` is what forks find.
  const int most_room = std::max(1, constraints.max_processes / 2 - workers);
  const int room = *uniform(0, std::min(12, most_room));
  scenario.tree[ground.target].limits[Knob::PidsMax] = Amount{sharers + room};
  draw_other_limits(scenario.tree, ground.target, workers);
  // Mostly more forks than there is room for; else exactly as many, or fewer.
  const int style = *uniform(0, 9);
  const int wanted = style < 8 ? room + *uniform(1, 6) : style == 8 ? room : room - *uniform(1, 4);
  const int forks = std::max(1, wanted);
  std::vector<int64_t> parts = *parts_of(std::max(forks, sharers), sharers, 1);
  for (const NodeId node : ground.placement.nodes) {
    if (!scenario.tree.is_in_subtree(node, ground.target)) {
      const int forks_outside = *uniform(1, 4);
      const bool forks_too = *chance(60);
      scenario.workers.push_back({node, forks_too ? Workload(ForkStorm{forks_outside}) : Workload(Idle{})});
      // A limit of its own, which it presses: one group's is not the other's.
      if (forks_too && *chance(50)) scenario.tree[node].limits[Knob::PidsMax] = Amount{forks_outside};
      continue;
    }
    scenario.workers.push_back({node, ForkStorm{static_cast<int>(parts.back())}});
    parts.pop_back();
  }
  scenario.window = settled_window(constraints);
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::PidsMax, Knob::CpuMax, Knob::CpuIdle, Knob::MemoryHigh, Knob::Freeze, Knob::IoMax});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> pids_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_pids(constraints); }).as("pids");
}

}  // namespace treeline

#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"

namespace treeline {

namespace {

/// Below the count by then, a little above it, far above it, or none.
Amount draw_limit(int count) {
  const int style = *uniform(0, 9);
  if (style == 9) return {};
  if (style >= 7) return {count + *uniform<int64_t>(10, 60)};
  if (style >= 4) return {count + *uniform<int64_t>(0, 4)};
  return {*uniform<int64_t>(0, count)};
}

Scenario draw_pids_change(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 3);
  Scenario scenario = begun_on(ground);
  const int sharers = static_cast<int>(ground.below.size());
  const int most = std::max(4, (constraints.max_processes - 4) / sharers - 1);
  const int64_t pause_us = 1'000 * *uniform<int64_t>(2, 6);
  const int forks = *uniform(std::min(8, most), most);
  for (const NodeId node : ground.placement.nodes) {
    const bool is_below = scenario.tree.is_in_subtree(node, ground.target);
    scenario.workers.push_back({node, is_below ? Workload(ForkStorm{forks, pause_us}) : Workload(Idle{})});
  }
  if (*chance(40)) {
    scenario.tree[ground.target].limits[Knob::PidsMax] = Amount{sharers + *uniform<int64_t>(1, 40)};
  }
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::PidsMax, Knob::CpuMax, Knob::CpuIdle, Knob::MemoryHigh, Knob::Freeze, Knob::IoMax});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  const int64_t whole_us = pause_us * forks;
  const int count = *uniform(1, 3);
  int64_t at_us = 0;
  for (int i = 0; i < count; ++i) {
    at_us += std::max<int64_t>(5, whole_us / (count + 1) / 1'000 * *uniform<int64_t>(50, 120) / 100) * 1'000;
    const int there = sharers * (1 + static_cast<int>(std::min<int64_t>(at_us / pause_us, forks)));
    const NodeId node = changed_node(scenario.tree, ground.target);
    add_change(scenario, {at_us, Action::Kind::SetLimit, node, Knob::PidsMax, draw_limit(there)},
               constraints.machine);
  }
  scenario.window =
      fixed_window(static_cast<double>(std::max(at_us + 20'000, whole_us * 3 / 2)), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> pids_change_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_pids_change(constraints); }).as("pids_change");
}

}  // namespace treeline

#include <algorithm>

#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"

namespace treeline {

namespace {

Workload draw_workload() {
  switch (*uniform(0, 3)) {
    case 0:
      return endless_hog(*uniform(1, 2));
    case 1:
      // Over before the kill, or in the midst of it.
      return *chance(50) ? ForkStorm{*uniform(1, 12)}
                         : ForkStorm{*uniform(8, 24), 1'000 * *uniform<int64_t>(1, 2)};
    case 2:
      return *memory_hog_gen(*log_uniform(64 << 10, 1 << 20), {MemoryKind::Anonymous});
    default:
      return Idle{};
  }
}

Scenario draw_kill(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 5);
  Scenario scenario = begun_on(ground);
  for (const NodeId node : ground.placement.nodes) scenario.workers.push_back({node, draw_workload()});
  int64_t at_us = 1'000 * *uniform<int64_t>(5, 20);
  // What is frozen dies all the same (kernel/cgroup/freezer.c: a fatal signal leaves the trap).
  if (constraints.machine.has(Knob::Freeze) && *chance(30)) {
    scenario.actions.push_back({at_us, Action::Kind::Freeze, *one_of(scenario.tree.lineage(ground.target))});
    at_us += 1'000 * *uniform<int64_t>(1, 10);
  }
  scenario.actions.push_back({at_us, Action::Kind::Kill, ground.target});
  scenario.window = fixed_window(static_cast<double>(at_us + 20'000), constraints);
  const std::set<Knob> menu = all_knobs_but(constraints, {Knob::CpuMax, Knob::CpuMaxBurst, Knob::CpuIdle,
                                                          Knob::MemoryHigh, Knob::Freeze, Knob::IoMax});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> kill_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_kill(constraints); }).as("kill");
}

}  // namespace treeline

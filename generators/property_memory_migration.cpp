#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/units.h"

namespace treeline {

namespace {

Scenario draw_memory_migration(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 3, 1);
  Scenario scenario = begun_on(ground);
  for (const NodeId node : ground.placement.nodes) {
    if (!scenario.workers.empty() && *chance(30)) {
      scenario.workers.push_back({node, *chance(50) ? Workload(Idle{}) : endless_hog(1)});
      continue;
    }
    MemoryHog hog = *memory_hog_gen(*log_uniform(kMiB, 4 * kMiB),
                                    {MemoryKind::Anonymous, MemoryKind::File, MemoryKind::Shared});
    hog.hold = true;
    scenario.workers.push_back({node, hog});
  }
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::MemoryMax, Knob::MemorySwapMax, Knob::MemoryHigh, Knob::MemoryOomGroup,
                    Knob::CpuMax, Knob::CpuIdle, Knob::Freeze, Knob::IoMax});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  const std::vector<int> movers = all_workers(scenario);
  int64_t at_us = kTouchedAfterUs;
  const int count = *uniform(1, 3);
  for (int i = 0; i < count; ++i) {
    const bool is_first = i == 0;
    add_migration(scenario, at_us, is_first ? std::vector<int>{0} : movers, scenario.tree.subtree(kRoot));
    at_us += 1'000 * *uniform<int64_t>(10, 30);
  }
  scenario.window = fixed_window(static_cast<double>(at_us), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> memory_migration_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_memory_migration(constraints); }).as("memory_migration");
}

}  // namespace treeline

#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/rules.h"

namespace treeline {

namespace {

int64_t draw_pause_us() { return 1'000 * *uniform<int64_t>(15, 60); }

Workload draw_work(const Constraints& constraints) {
  switch (*uniform(0, 5)) {
    case 0:
      return Idle{};
    case 1:
      return ForkStorm{*uniform(4, 24), 1'000 * *uniform<int64_t>(0, 4)};
    case 2:
      return *workload_gen(WorkloadKind::MemoryHog, constraints.max_workers, constraints);
    default:
      return endless_hog(*uniform(1, 2));
  }
}

/// The action, if what it concerns is as it must be by then.
void add(Scenario& scenario, int64_t at_us, Action::Kind kind, NodeId node) {
  scenario.actions.push_back({at_us, kind, node});
  Scenario checked = scenario;
  checked.window = {kMaxWindowUs, false, 10'000};
  if (!validate(checked).empty()) scenario.actions.pop_back();
}

/// Each of some nodes is created, or removed, or both; a few at one instant.
void draw_comings_and_goings(Scenario& scenario) {
  int64_t at_us = draw_pause_us();
  const int count = *uniform(1, 4);
  for (int i = 0; i < count; ++i) {
    const NodeId node = *uniform(1, scenario.tree.size() - 1);
    const bool creates = *chance(50);
    if (creates) {
      add(scenario, at_us, Action::Kind::Create, node);
      if (*chance(80)) at_us += draw_pause_us();
    }
    if (!creates || *chance(50)) add(scenario, at_us, Action::Kind::Remove, node);
    if (*chance(80)) at_us += draw_pause_us();
  }
}

/// A limit of the root, which outlives all: a part of a CPU, a number of tasks.
void draw_limits(Scenario& scenario, const Constraints& constraints) {
  if (constraints.machine.has(Knob::CpuMax) && *chance(60)) {
    const CpuBandwidth drawn =
        *bandwidth_gen({0.2, 0.6, 2'000, *chance(80) ? 20'000 : 100'000}, std::nullopt);
    scenario.tree[kRoot].limits[Knob::CpuMax] = drawn;
  }
  const std::set<Knob> menu =
      all_knobs_but(constraints, {Knob::CpuMax, Knob::CpuMaxBurst, Knob::CpuIdle, Knob::MemoryHigh,
                                  Knob::MemoryMax, Knob::MemorySwapMax, Knob::MemoryOomGroup, Knob::Freeze,
                                  Knob::CgroupMaxDepth, Knob::CgroupMaxDescendants, Knob::CpusetPartition});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
}

Scenario draw_groups(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 5, 1);
  Scenario scenario = begun_on(ground);
  for (const NodeId node : ground.placement.nodes) {
    scenario.workers.push_back({node, draw_work(constraints)});
  }
  draw_limits(scenario, constraints);
  draw_comings_and_goings(scenario);
  const int64_t last_us = scenario.actions.empty() ? 0 : scenario.actions.back().at_us;
  const int64_t end_us = last_us + stretch_us(by_now(scenario), kRoot, draw_pause_us(), constraints.machine);
  scenario.window = fixed_window(static_cast<double>(end_us), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> groups_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_groups(constraints); }).as("groups");
}

}  // namespace treeline

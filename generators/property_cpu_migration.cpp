#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/rules.h"

namespace treeline {

namespace {

/// Tight, with a short period, so that it shows soon who is held to it.
void limit_cpu(Scenario& scenario, NodeId node, const MachineFacts& machine) {
  const CpuBandwidth drawn =
      *bandwidth_gen({0.2, 0.6, 2'000, *chance(80) ? 20'000 : 100'000}, bandwidth_above(scenario.tree, node));
  if (expected_errno(scenario.tree, node, Knob::CpuMax, drawn, machine) != 0) return;
  scenario.tree[node].limits[Knob::CpuMax] = drawn;
}

void draw_cpusets(Scenario& scenario, NodeId place, const MachineFacts& machine) {
  if (!machine.has(Knob::CpusetCpus) || machine.cpus.size() < 2) return;
  if (*chance(60)) {
    scenario.tree[*one_of(scenario.tree.lineage(place))].limits[Knob::CpusetCpus] =
        IdSet{{*one_of(machine.cpus)}};
  }
}

/// Until all that was drawn for the present shows.
int64_t draw_stretch_us(const Scenario& now, const MachineFacts& machine) {
  int64_t longest_us = 1'000 * *uniform<int64_t>(40, 150);
  for (NodeId node = 0; node < now.tree.size(); ++node) {
    if (parallelism(now, node, machine) == 0) continue;
    longest_us = std::max(longest_us, stretch_us(now, node, longest_us, machine));
  }
  return longest_us;
}

Scenario draw(const Constraints& constraints) {
  const MachineFacts& machine = constraints.machine;
  const Ground ground = *ground_gen(constraints, 3, 1);
  Scenario scenario = begun_on(ground);
  std::vector<int> hogs;
  for (const NodeId node : ground.placement.nodes) {
    const bool is_busy = hogs.empty() || *chance(60);
    if (is_busy) hogs.push_back(static_cast<int>(scenario.workers.size()));
    scenario.workers.push_back({node, is_busy ? endless_hog(*uniform(1, 2)) : Workload(Idle{})});
  }
  const NodeId place = scenario.workers[static_cast<size_t>(hogs.front())].node;
  draw_cpusets(scenario, place, machine);
  const NodeId goal = *other_node_gen(scenario.tree.subtree(kRoot), place);
  if (*chance(75)) limit_cpu(scenario, node_between(scenario.tree, place, goal), machine);
  const std::set<Knob> menu = all_knobs_but(constraints, {Knob::CpuMax, Knob::CpuMaxBurst, Knob::CpuIdle,
                                                          Knob::CpusetCpus, Knob::MemoryHigh, Knob::Freeze});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  int64_t at_us = draw_stretch_us(scenario, machine);
  add_migration(scenario, at_us, {hogs.front()}, {goal});
  const int more = *uniform(0, 2);
  for (int i = 0; i < more; ++i) {
    at_us += draw_stretch_us(by_now(scenario), machine);
    add_migration(scenario, at_us, hogs, scenario.tree.subtree(kRoot));
  }
  at_us += draw_stretch_us(by_now(scenario), machine);
  scenario.window = fixed_window(static_cast<double>(at_us), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> cpu_migration_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw(constraints); }).as("cpu_migration");
}

}  // namespace treeline

#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"

namespace treeline {

namespace {

void draw_cpusets(Scenario& scenario, NodeId place, const MachineFacts& machine) {
  if (!machine.has(Knob::CpusetCpus) || machine.cpus.size() < 2) return;
  if (*chance(60)) {
    scenario.tree[*one_of(scenario.tree.lineage(place))].limits[Knob::CpusetCpus] =
        IdSet{{*one_of(machine.cpus)}};
  }
}

Scenario draw_cpu_migration(const Constraints& constraints) {
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
  return rc::gen::exec([constraints] { return draw_cpu_migration(constraints); }).as("cpu_migration");
}

}  // namespace treeline

#include <algorithm>

#include "generators/actions_gen.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/probes_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"

namespace treeline {

namespace {

/// Limits below which a worker could not even start are raised: here workloads are to meet.
void leave_room(Tree& tree, int workers) {
  for (Node& node : tree.nodes) {
    if (const auto memory = amount(node.limits, Knob::MemoryMax)) {
      const int64_t least = int64_t{2} * (workers + 1) * kWorkerOverheadBytes;
      node.limits[Knob::MemoryMax] = Amount{std::max(*memory, least)};
    }
    if (const auto tasks = amount(node.limits, Knob::PidsMax)) {
      node.limits[Knob::PidsMax] = Amount{std::max<int64_t>(*tasks, workers)};
    }
  }
}

std::vector<WorkloadKind> kinds_for(const MachineFacts& machine) {
  std::vector<WorkloadKind> kinds{WorkloadKind::CpuHog,    WorkloadKind::CpuHog, WorkloadKind::MemoryHog,
                                  WorkloadKind::ForkStorm, WorkloadKind::Mixed,  WorkloadKind::Idle};
  if (!machine.device.empty()) kinds.push_back(WorkloadKind::IoHog);
  return kinds;
}

void draw_workers(Scenario& scenario, const Swarm& swarm, const Constraints& constraints) {
  const Placement placement = *placement_gen(scenario.tree, constraints, constraints.max_workers);
  scenario.strategy = placement.strategy;
  std::vector<NodeId> nodes = placement.nodes;
  // At times two in one node, of different kinds.
  if (static_cast<int>(nodes.size()) < constraints.max_workers && *chance(25)) nodes.push_back(nodes.back());
  const int share = static_cast<int>(nodes.size());
  leave_room(scenario.tree, share);
  for (const NodeId node : nodes) {
    std::vector<WorkloadKind> kinds = swarm.workloads;
    const bool is_suggested = swarm.suggested && *chance(80);
    if (!is_suggested) kinds = {*one_of(kinds)};
    // Blocks too large for a rate would hold a worker in the kernel long after the window: always suggested.
    const bool is_io = kinds.front() == WorkloadKind::IoHog;
    scenario.workers.push_back(
        {node, is_suggested || is_io ? *suggested_workload_gen(scenario.tree, node, kinds, share, constraints)
                                     : *workload_gen(kinds.front(), share, constraints)});
  }
}

void draw_window(Scenario& scenario, const Constraints& constraints) {
  const bool all_settle = std::all_of(scenario.workers.begin(), scenario.workers.end(),
                                      [](const Worker& worker) { return settles(worker.workload); });
  if (all_settle && scenario.actions.empty() && *chance(70)) {
    scenario.window = settled_window(constraints);
    return;
  }
  const int64_t least_us = end_after(scenario.actions);
  const int64_t drawn_us = *uniform<int64_t>(60, 250) * 1'000;
  scenario.window = fixed_window(static_cast<double>(std::max(least_us, drawn_us)), constraints);
}

Scenario draw_mixed(const Constraints& constraints, int size) {
  Scenario scenario;
  const Tree bare = *tree_gen(shape_for(constraints, size));
  const Swarm swarm = *swarm_gen(constraints, all_knobs_but(constraints, {}), kinds_for(constraints.machine));
  scenario.tree =
      *with_limits(bare, swarm.knobs, std::min(swarm.limit_percent, 60), Pressure::Tight, constraints);
  draw_workers(scenario, swarm, constraints);
  if (swarm.actions && constraints.machine.has(Knob::Freeze)) {
    std::vector<NodeId> places;
    for (const Worker& worker : scenario.workers) places.push_back(worker.node);
    scenario.actions = *actions_gen(scenario.tree, places, 2);
  }
  if (swarm.probes) {
    scenario.probes = *probes_gen(scenario.tree, constraints.machine.knobs, 3, constraints.machine);
  }
  draw_window(scenario, constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> mixed_gen(const Constraints& constraints) {
  return rc::gen::withSize([constraints](int size) {
    return rc::gen::exec([constraints, size] { return draw_mixed(constraints, size); }).as("mixed");
  });
}

}  // namespace treeline

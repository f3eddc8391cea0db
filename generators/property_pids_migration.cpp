#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"

namespace treeline {

namespace {

/// Idle ones, and storms that have long to go; a storm first.
void draw_workers(Scenario& scenario, const std::vector<NodeId>& places, int64_t pause_us, int most_forks) {
  for (const NodeId node : places) {
    const bool is_idle = !scenario.workers.empty() && *chance(50);
    const int forks = *uniform(4, std::max(4, std::min(most_forks, 24)));
    scenario.workers.push_back({node, is_idle ? Workload(Idle{}) : ForkStorm{forks, pause_us}});
  }
}

Scenario draw_pids_migration(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 4, 1);
  Scenario scenario = begun_on(ground);
  const int sharers = static_cast<int>(ground.placement.nodes.size());
  const int64_t pause_us = 1'000 * *uniform<int64_t>(2, 6);
  draw_workers(scenario, ground.placement.nodes, pause_us, (constraints.max_processes - 4) / sharers - 1);
  const int forks = std::get<ForkStorm>(scenario.workers[0].workload).forks;
  const std::vector<NodeId> all = scenario.tree.subtree(kRoot);
  const NodeId goal = *other_node_gen(all, scenario.workers[0].node);
  if (*chance(80)) {
    const NodeId limited = node_between(scenario.tree, scenario.workers[0].node, goal);
    scenario.tree[limited].limits[Knob::PidsMax] = Amount{*uniform<int64_t>(0, forks)};
  }
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::PidsMax, Knob::CpuMax, Knob::CpuIdle, Knob::MemoryHigh, Knob::Freeze, Knob::IoMax});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  // The first goes early, with most forks before it; then any.
  const int64_t whole_us = pause_us * forks;
  int64_t at_us = 1'000 * *uniform<int64_t>(1, std::max<int64_t>(1, whole_us / 3'000));
  add_migration(scenario, at_us, {0}, {goal});
  const std::vector<int> movers = all_workers(scenario);
  const int more = *uniform(0, 3);
  for (int i = 0; i < more; ++i) {
    at_us += 1'000 * *uniform<int64_t>(5, std::max<int64_t>(5, whole_us / 2'000));
    add_migration(scenario, at_us, movers, all);
  }
  scenario.window =
      fixed_window(static_cast<double>(std::max(at_us + 20'000, whole_us * 3 / 2)), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> pids_migration_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_pids_migration(constraints); }).as("pids_migration");
}

}  // namespace treeline

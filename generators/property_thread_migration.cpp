#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/rules_threads.h"

namespace treeline {

namespace {

/// What may occur in the scenario.
struct Menu {
  bool cpu_max, pids_max, cpuset, process_moves;
};

Menu draw_menu() { return {*chance(60), *chance(60), *chance(40), *chance(40)}; }

/// The node below which threads may move: on v2 a thread root above the place, the tree's root in most draws.
NodeId draw_domain(Tree& tree, NodeId place, const MachineFacts& machine) {
  if (!needs_thread_root(machine)) return kRoot;
  std::vector<NodeId> above = tree.lineage(place);
  std::erase_if(above, [&](NodeId node) { return tree.is_leaf(node); });
  const NodeId domain = *chance(70) ? kRoot : *one_of(above);
  tree[domain].is_thread_root = true;
  return domain;
}

/// Threads that part first; then whoever shares the tree with them.
void draw_workers(Scenario& scenario, const std::vector<NodeId>& places, const Constraints& constraints) {
  constexpr int kMostForks = 12;
  const int share = constraints.max_processes / static_cast<int>(places.size());
  scenario.workers.push_back({places.front(), endless_hog(*uniform(2, 4))});
  for (size_t i = 1; i < places.size(); ++i) {
    const bool is_storm = *chance(40) && share > 2;
    const bool is_busy = *chance(50);
    const Workload storm =
        ForkStorm{*uniform(1, std::clamp(share - 1, 1, kMostForks)), int64_t{1'000} * *uniform(5, 20)};
    scenario.workers.push_back(
        {places[i], is_storm ? storm : (is_busy ? Workload(endless_hog(*uniform(1, 2))) : Workload(Idle{}))});
  }
}

/// The parted process must get all its threads; who shares its groups may be refused.
void limit_pids(Scenario& scenario, NodeId node) {
  int64_t least = 0;
  for (const Worker& worker : scenario.workers) {
    if (scenario.tree.is_in_subtree(worker.node, node)) least += tasks_of(worker.workload);
  }
  const bool has_threads = scenario.tree.is_in_subtree(scenario.workers.front().node, node);
  scenario.tree[node].limits[Knob::PidsMax] = Amount{has_threads ? least : *uniform<int64_t>(0, least + 2)};
}

void draw_limits(Scenario& scenario, const Menu& menu, NodeId goal, const Constraints& constraints) {
  const MachineFacts& machine = constraints.machine;
  const NodeId place = scenario.workers.front().node;
  if (menu.cpuset && machine.has(Knob::CpusetCpus) && machine.cpus.size() > 1) {
    const NodeId pinned = node_between(scenario.tree, place, goal);
    scenario.tree[pinned].limits[Knob::CpusetCpus] = IdSet{{*one_of(machine.cpus)}};
  }
  if (menu.cpu_max) limit_cpu(scenario, node_between(scenario.tree, place, goal), machine);
  if (menu.pids_max && machine.has(Knob::PidsMax))
    limit_pids(scenario, node_between(scenario.tree, place, goal));
  scenario.tree = *with_company(scenario.tree, {Knob::CpuWeight, Knob::PidsMax}, constraints);
}

Scenario draw_thread_migration(const Constraints& constraints) {
  const MachineFacts& machine = constraints.machine;
  const Ground ground = *ground_gen(constraints, 3, 1);
  const Menu menu = draw_menu();
  Scenario scenario = begun_on(ground);
  std::vector<NodeId> places = ground.placement.nodes;
  const NodeId domain = draw_domain(scenario.tree, places.front(), machine);
  draw_workers(scenario, places, constraints);
  const std::vector<NodeId> movable = scenario.tree.subtree(domain);
  const NodeId goal = *other_node_gen(movable, places.front());
  draw_limits(scenario, menu, goal, constraints);
  int64_t at_us = draw_stretch_us(scenario, machine);
  add_thread_migration(scenario, at_us, 0, {goal});
  const int more = *uniform(0, 3);
  for (int i = 0; i < more; ++i) {
    // Some at the same instant.
    if (*chance(70)) at_us += draw_stretch_us(by_now(scenario), machine);
    if (menu.process_moves && *chance(40)) {
      add_migration(scenario, at_us, {0}, movable);
    } else {
      add_thread_migration(scenario, at_us, 0, movable);
    }
  }
  at_us += draw_stretch_us(by_now(scenario), machine);
  scenario.window = fixed_window(static_cast<double>(at_us), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> thread_migration_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_thread_migration(constraints); }).as("thread_migration");
}

}  // namespace treeline

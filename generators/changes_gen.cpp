#include "generators/changes_gen.h"

#include <algorithm>
#include <numeric>

#include "generators/cpu_windows.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "model/rules.h"
#include "model/threads.h"

namespace treeline {

Scenario by_now(const Scenario& scenario) {
  const Scenario whole = by_threads(scenario).scenario;
  return scenario_after(whole, whole.actions.size(), every_action);
}

bool add_change(Scenario& scenario, const Action& change, const MachineFacts& machine) {
  if (expected_errno(by_now(scenario).tree, change.node, change.knob, change.value, machine) != 0)
    return false;
  scenario.actions.push_back(change);
  return true;
}

int64_t stretch_us(const Scenario& now, NodeId node, int64_t otherwise_us, const MachineFacts& machine) {
  constexpr double kLeastUs = 40'000;
  constexpr double kMostUs = 300'000;
  const auto bandwidth = get<CpuBandwidth>(now.tree[node].limits, Knob::CpuMax);
  if (!bandwidth || !bandwidth->quota_us) return otherwise_us;
  const double can_use = parallelism(now, node, machine);
  const int cpus = static_cast<int>(effective_cpus(now.tree, node, machine).ids.size());
  // A tick a CPU more than a whole run, in which nothing runs before the limit is set.
  const double late_us = cpus * static_cast<double>(machine.tick_ns()) / 1'000;
  const double needed = window_to_exceed_us(*bandwidth, 0, cpus, can_use, machine) + 2 * late_us;
  return static_cast<int64_t>(std::clamp(needed, kLeastUs, kMostUs)) / 1'000 * 1'000;
}

std::vector<int> all_workers(const Scenario& scenario) {
  std::vector<int> workers(scenario.workers.size());
  std::iota(workers.begin(), workers.end(), 0);
  return workers;
}

rc::Gen<NodeId> other_node_gen(std::vector<NodeId> nodes, NodeId than) {
  std::erase(nodes, than);
  return one_of(std::move(nodes));
}

bool add_migration(Scenario& scenario, int64_t at_us, const std::vector<int>& workers,
                   const std::vector<NodeId>& nodes) {
  const int worker = *one_of(workers);
  const NodeId from = by_now(scenario).workers[static_cast<size_t>(worker)].node;
  if (nodes == std::vector{from}) return false;
  Action migration{at_us, Action::Kind::Migrate, *other_node_gen(nodes, from)};
  migration.worker = worker;
  scenario.actions.push_back(migration);
  return true;
}

bool add_thread_migration(Scenario& scenario, int64_t at_us, int worker, const std::vector<NodeId>& nodes) {
  const auto threads = std::get<CpuHog>(scenario.workers[static_cast<size_t>(worker)].workload).threads;
  const int thread = *uniform(1, threads - 1);
  const NodeId from = place_of(scenario, {worker, thread}, scenario.actions.size(), every_action);
  if (nodes == std::vector{from}) return false;
  Action migration{at_us, Action::Kind::MigrateThread, *other_node_gen(nodes, from)};
  migration.worker = worker;
  migration.thread = thread;
  scenario.actions.push_back(migration);
  return true;
}

void limit_cpu(Scenario& scenario, NodeId node, const MachineFacts& machine) {
  const CpuBandwidth drawn =
      *bandwidth_gen({0.2, 0.6, 2'000, *chance(80) ? 20'000 : 100'000}, bandwidth_above(scenario.tree, node));
  if (expected_errno(scenario.tree, node, Knob::CpuMax, drawn, machine) != 0) return;
  scenario.tree[node].limits[Knob::CpuMax] = drawn;
}

int64_t draw_stretch_us(const Scenario& now, const MachineFacts& machine) {
  int64_t longest_us = 1'000 * *uniform<int64_t>(40, 150);
  for (NodeId node = 0; node < now.tree.size(); ++node) {
    if (parallelism(now, node, machine) == 0) continue;
    longest_us = std::max(longest_us, stretch_us(now, node, longest_us, machine));
  }
  return longest_us;
}

NodeId node_between(const Tree& tree, NodeId from, NodeId to) {
  std::vector<NodeId> sides;
  for (const NodeId end : {from, to}) {
    for (const NodeId above : tree.lineage(end)) {
      if (tree.is_in_subtree(from, above) != tree.is_in_subtree(to, above)) sides.push_back(above);
    }
  }
  return *one_of(sides);
}

NodeId changed_node(const Tree& tree, NodeId target) {
  return *chance(80) ? target : *one_of(tree.lineage(target));
}

}  // namespace treeline

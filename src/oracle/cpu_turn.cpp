#include "oracle/cpu_turn.h"

#include <algorithm>

#include "model/rules.h"
#include "oracle/cpu_weight.h"
#include "oracle/demand.h"

namespace treeline {

namespace {

int64_t tasks_of(const Scenario& scenario, const std::vector<size_t>& workers) {
  int64_t tasks = 0;
  for (const size_t i : workers) tasks += competing_tasks(scenario.workers[i].workload);
  return tasks;
}

}  // namespace

double shares_inside(const Scenario& scenario, const MachineFacts& machine, NodeId node, NodeId except) {
  auto own = static_cast<double>(tasks_of(scenario, workers_at(scenario, node)));
  if (has_leaf_proxy(scenario, node, machine, Controller::Cpu)) own = std::min(own, 1.0);
  double sum = kTaskShares * own;
  for (const NodeId child : scenario.tree.children(node)) {
    if (child == except || tasks_of(scenario, workers_in(scenario, child)) == 0) continue;
    sum += static_cast<double>(shares_of(scenario.tree[child].limits));
  }
  return sum;
}

namespace {

/// The least part of one CPU that a thread in `node` is due: the product of its part at each level.
double least_share(std::span<const Scenario> until, const Observation& observation, NodeId node,
                   LoadLeft left, Others others) {
  const Scenario& scenario = until.back();
  const MachineFacts& machine = observation.machine;
  double share = kTaskShares / std::max(shares_inside(scenario, machine, node, kNoParent), kTaskShares);
  if (has_leaf_proxy(scenario, node, machine, Controller::Cpu)) {
    // The leaf proxy is one level more: its part as a group, and one of its threads' part of it.
    const double shares = least_leaf_proxy_weight(until, observation, node, left, others);
    const double threads = std::max(static_cast<double>(tasks_of(scenario, workers_at(scenario, node))), 1.0);
    const double beside = shares_inside(scenario, machine, node, kNoParent) - kTaskShares;
    share = shares / (shares + std::max(beside, 0.0)) / threads;
  }
  for (const NodeId at : scenario.tree.lineage(node)) {
    if (at == kRoot) continue;
    const double shares = least_weight(until, observation, at, node, left, others);
    share *= shares / (shares + shares_inside(scenario, machine, scenario.tree[at].parent, at));
  }
  return share * least_part_of_cpu(until, observation, node, left, others);
}

double turn_of(std::span<const Scenario> until, const Observation& observation, NodeId node, LoadLeft left,
               Others others) {
  const auto slice = static_cast<double>(observation.machine.base_slice_ns + observation.machine.tick_ns());
  return 2 * slice / least_share(until, observation, node, left, others) + 2 * max_gap_ns(observation);
}

}  // namespace

double warm_turn_ns(const Scenario& scenario, const Observation& observation, NodeId node) {
  return turn_of({&scenario, 1}, observation, node, LoadLeft::Decayed, Others::Run);
}

double turn_ns(std::span<const Scenario> until, const Observation& observation, NodeId node) {
  return turn_of(until, observation, node, LoadLeft::All, Others::MayStandStill);
}

}  // namespace treeline

#include "oracle/cpu_fairness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/rules.h"
#include "model/rules_partition.h"
#include "oracle/cpu_turn.h"
#include "oracle/cpu_weight.h"
#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

/// Weights and workers as they are in the last stretch, and as they were at any time.
struct Stretches {
  Scenario end;
  std::vector<Scenario> all;

  static Stretches of(const Scenario& scenario, const Observation& observation) {
    Stretches stretches{scenario_at_end(scenario, observation), {}};
    for (size_t actions = 0; actions <= scenario.actions.size(); ++actions) {
      stretches.all.push_back(scenario_in_force(scenario, observation, actions));
    }
    return stretches;
  }
};

/// At the end all are hogs; before, who has moved since may have been anything.
double threads_at(const Scenario& scenario, NodeId node) {
  int64_t threads = 0;
  for (const size_t i : workers_at(scenario, node)) threads += competing_tasks(scenario.workers[i].workload);
  return static_cast<double>(threads);
}

/// ε of a group that competes: see the header.
double weight_error(const Stretches& stretches, const MachineFacts& machine, NodeId node) {
  const Scenario& scenario = stretches.end;
  double here = kTaskShares * threads_at(scenario, node);
  for (const NodeId child : scenario.tree.children(node)) {
    if (workers_in(scenario, child).empty()) continue;
    here += static_cast<double>(shares_of(scenario.tree[child].limits)) /
            (1 + weight_error(stretches, machine, child));
  }
  return std::ldexp(most_left(stretches.all, machine, node) / here, -kHalfLives);
}

bool anything_takes_tasks_away(const Scenario& scenario) {
  const bool all_are_changes =
      std::all_of(scenario.actions.begin(), scenario.actions.end(), [](const Action& action) {
        return action.kind == Action::Kind::Migrate || is_change_of(action, Knob::CpuWeight) ||
               is_change_of(action, Knob::CpuIdle);
      });
  return !all_are_changes || has_quota(scenario.tree, kRoot);
}

/// Weights of all that competes in `parent` but the node, at most.
double most_others(const Stretches& stretches, const MachineFacts& machine, NodeId parent, NodeId node) {
  double most = 0;
  for (const Scenario& then : stretches.all)
    most = std::max(most, shares_inside(then, machine, parent, node));
  return most;
}

/// When the parent had given so much service after an instant; behind the window if it did not.
int64_t served_at_ns(const Observation& observation, NodeId parent, int64_t from_ns, double service_ns) {
  std::optional<int64_t> begun;
  for (const Sample& sample : observation.nodes[static_cast<size_t>(parent)].series) {
    const auto usage = get(sample.counters, Counter::CpuUsageNs);
    if (!usage || sample.at_ns < from_ns) continue;
    if (!begun) begun = usage;
    if (static_cast<double>(*usage - *begun) >= service_ns) return sample.at_ns;
  }
  return observation.window_ns + 1;
}

/// Before EEVDF: until when a child whose weight was changed may wait for the lead that it had gained by the
/// old one.
int64_t caught_up_ns(const Stretches& stretches, const Scenario& drawn, const Observation& observation,
                     NodeId parent, double quantum_ns) {
  int64_t latest_ns = 0;
  if (!keeps_lead(observation.machine)) return latest_ns;
  for (size_t i = 0; i < drawn.actions.size(); ++i) {
    const Action& action = drawn.actions[i];
    const bool is_child = action.kind == Action::Kind::SetLimit && drawn.tree[action.node].parent == parent;
    if (!is_child || !was_changed(observation, i)) continue;
    const auto old = static_cast<double>(shares_of(stretches.all[i].tree[action.node].limits));
    const double lead_ns =
        2 * quantum_ns * most_others(stretches, observation.machine, parent, action.node) / old;
    const int64_t changed_ns = observation.actions[i].completed_ns;
    latest_ns = std::max(latest_ns, served_at_ns(observation, parent, changed_ns, lead_ns));
  }
  return latest_ns;
}

/// The one CPU that all workers of the subtree compete for without ever sleeping; -1 if it is not so.
int contended_cpu(const Scenario& scenario, const Observation& observation, NodeId top) {
  int cpu = -1;
  for (const size_t i : workers_in(scenario, top)) {
    const Worker& worker = scenario.workers[i];
    const IdSet cpus = effective_cpus(scenario.tree, worker.node, observation.machine);
    if (!always_wants_cpu(worker.workload) || cpus.ids.size() != 1) return -1;
    if (observation.workers[i].end != WorkerEnd::Stopped) return -1;
    if (cpu >= 0 && cpus.ids[0] != cpu) return -1;
    cpu = cpus.ids[0];
  }
  return cpu;
}

struct Service {
  double first_ns = 0;
  double last_ns = 0;
  double first_took_ns = 0;
  double last_took_ns = 0;
  bool known = false;
  double grown() const { return last_ns - first_ns; }
};

/// CPU time between the first sample at `from_ns` or later and the last one inside the window.
Service service_of(const Observation& observation, NodeId node, int64_t from_ns) {
  Service service;
  for (const Sample& sample : observation.nodes[static_cast<size_t>(node)].series) {
    const auto usage = get(sample.counters, Counter::CpuUsageNs);
    if (!usage || sample.at_ns < from_ns || sample.at_ns > observation.window_ns) continue;
    if (!service.known) {
      service.first_ns = static_cast<double>(*usage);
      service.first_took_ns = static_cast<double>(sample.took_ns);
    }
    service.last_ns = static_cast<double>(*usage);
    service.last_took_ns = static_cast<double>(sample.took_ns);
    service.known = true;
  }
  return service;
}

/// Bounds of one interval: from `from_ns` to the window's end.
struct Interval {
  const Scenario& scenario;
  const Observation& observation;
  NodeId parent;
  int64_t from_ns;
  double quantum_ns;

  Service whole() const { return service_of(observation, parent, from_ns); }
  Service of(NodeId child) const { return service_of(observation, child, from_ns); }
  double tolerance_ns(double share, double error) const {
    const Service all = whole();
    const double until_gone_ns = static_cast<double>(kHalfLifeNs) / std::log(2.0) +
                                 static_cast<double>(balance_interval_ns(observation));
    const double residual_ns = share * (1 - share) * error * std::min(all.grown(), until_gone_ns);
    return 2 * quantum_ns + all.first_took_ns + all.last_took_ns + residual_ns +
           2 * usage_rounding_ns(observation);
  }
  bool is_off(NodeId child, double share, double error) const {
    return std::fabs(of(child).grown() - share * whole().grown()) > tolerance_ns(share, error);
  }
};

}  // namespace

std::vector<Finding> judge_cpu_fairness(const Scenario& drawn, const Observation& observation) {
  std::vector<Finding> findings;
  if (anything_takes_tasks_away(drawn)) return findings;
  if (observation.machine.kernel_cpus() > 1 && has_partitions(drawn.tree)) return findings;
  const Stretches stretches = Stretches::of(drawn, observation);
  const Scenario& scenario = stretches.end;
  const int64_t warm_ns = last_change_ns(drawn, observation) + warm_up_ns(observation);
  for (NodeId parent = 0; parent < scenario.tree.size(); ++parent) {
    const int cpu = contended_cpu(scenario, observation, parent);
    if (cpu < 0) continue;
    std::vector<NodeId> groups;
    double total = 0;
    double competitors = threads_at(scenario, parent);
    // A group with the default weight has as many shares as a task.
    if (has_leaf_proxy(scenario, parent, observation.machine, Controller::Cpu)) competitors = 1;
    total += kTaskShares * competitors;
    for (const NodeId child : scenario.tree.children(parent)) {
      if (workers_in(scenario, child).empty()) continue;
      groups.push_back(child);
      total += static_cast<double>(shares_of(scenario.tree[child].limits));
      competitors += 1;
    }
    if (groups.empty() || competitors < 2) continue;
    double error = std::ldexp(1, -kHalfLives);  // of a leaf proxy
    for (const NodeId child : groups)
      error = std::max(error, weight_error(stretches, observation.machine, child));
    const double quantum = std::max(static_cast<double>(observation.machine.base_slice_ns),
                                    static_cast<double>(observation.machine.tick_ns())) +
                           tick_or_gap_ns(observation, cpu);
    const int64_t from_ns = std::max(warm_ns, caught_up_ns(stretches, drawn, observation, parent, quantum));
    const Interval interval{scenario, observation, parent, from_ns, quantum};
    const Interval second_half{scenario, observation, parent, (from_ns + observation.window_ns) / 2, quantum};
    const Service whole = interval.whole();
    for (const NodeId child : groups) {
      const Service own = interval.of(child);
      if (!own.known || !whole.known) {
        findings.push_back(is_true({"cpu.fairness", Controller::Cpu, child, "ms"}, true,
                                   "CPU time of " + scenario.tree.path(child),
                                   "nothing was read once the weights could show"));
        continue;
      }
      const double share = static_cast<double>(shares_of(scenario.tree[child].limits)) / total;
      const double tolerance = interval.tolerance_ns(share, error);
      const double unweighted = std::fabs(share - 1 / competitors);
      const double effect = std::max(unweighted, share / 2) * whole.grown();
      const std::string why =
          tolerance < effect ? "" : "the window is too short, or too noisy, for the weights to show";
      Finding finding = equal_within(
          {"cpu.fairness", Controller::Cpu, child, "ms"}, own.grown() / 1e6, share * whole.grown() / 1e6,
          tolerance / 1e6,
          fmt::format("CPU time of {} with {:.1f}% of its siblings' weight, of {:.1f} ms of its parent",
                      scenario.tree.path(child), share * 100, whole.grown() / 1e6),
          why);
      if (finding.status == Status::Violated && !second_half.is_off(child, share, error)) {
        finding.status = Status::Inconclusive;
        finding.sentence += ", which did not last";
      }
      findings.push_back(std::move(finding));
    }
  }
  return findings;
}

}  // namespace treeline

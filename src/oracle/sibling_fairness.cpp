#include "oracle/sibling_fairness.h"

#include <algorithm>
#include <cmath>

#include "model/rules.h"
#include "oracle/demand.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

bool stops_tasks(const Scenario& scenario) {
  return std::any_of(scenario.actions.begin(), scenario.actions.end(), [](const Action& action) {
    return action.kind == Action::Kind::Freeze || action.kind == Action::Kind::Kill;
  });
}

/// The CPUs that the child's hogs may use, if they could use them all; else none.
IdSet wanted_cpus(const Scenario& scenario, const Observation& observation, NodeId child) {
  IdSet cpus;
  size_t threads = 0;
  for (const size_t i : workers_in(scenario, child)) {
    const Worker& worker = scenario.workers[i];
    const bool ran_on = observation.workers[i].end == WorkerEnd::Stopped;
    if (!always_wants_cpu(worker.workload) || !ran_on) continue;
    const IdSet own = effective_cpus(scenario.tree, worker.node, observation.machine);
    if (threads > 0 && own != cpus) return {};
    cpus = own;
    threads += static_cast<size_t>(std::get<CpuHog>(worker.workload).threads);
  }
  return threads >= cpus.ids.size() ? cpus : IdSet{};
}

std::vector<NodeId> competitors(const Scenario& scenario, const Observation& observation, NodeId parent) {
  std::vector<NodeId> result;
  IdSet cpus;
  for (const NodeId child : scenario.tree.children(parent)) {
    const IdSet own = wanted_cpus(scenario, observation, child);
    if (own.ids.empty() || has_quota(scenario.tree, child)) continue;
    if (result.empty()) cpus = own;
    if (own == cpus) result.push_back(child);
  }
  return result;
}

/// Samples that count: of the last stretch, in the window, with the CPU time of all the children.
std::vector<size_t> samples_since(const Observation& observation, const std::vector<NodeId>& children,
                                  int64_t from_ns) {
  std::vector<size_t> result;
  const auto& series = observation.nodes[static_cast<size_t>(children.front())].series;
  for (size_t i = 0; i < series.size(); ++i) {
    const bool is_known = std::all_of(children.begin(), children.end(), [&](NodeId child) {
      const auto& own = observation.nodes[static_cast<size_t>(child)].series;
      return i < own.size() && own[i].counters.contains(Counter::CpuUsageNs);
    });
    if (is_known && series[i].at_ns >= from_ns && series[i].at_ns <= observation.window_ns) {
      result.push_back(i);
    }
  }
  return result;
}

void note_worst(SiblingFairness& fairness, int64_t at_ns) {
  const std::vector<double> lags = lags_ns(fairness.shares);
  for (size_t i = 0; i < lags.size(); ++i) {
    if (std::fabs(lags[i]) <= std::fabs(fairness.worst_lag_ns)) continue;
    fairness.worst_lag_ns = lags[i];
    fairness.worst = fairness.shares[i].node;
    fairness.worst_at_ns = at_ns;
  }
}

}  // namespace

double jain_index(std::span<const SiblingShare> shares) {
  double sum = 0;
  double squares = 0;
  for (const SiblingShare& share : shares) {
    const double normalized = share.service_ns / share.weight;
    sum += normalized;
    squares += normalized * normalized;
  }
  return squares > 0 ? sum * sum / (static_cast<double>(shares.size()) * squares) : 1;
}

std::vector<double> lags_ns(std::span<const SiblingShare> shares) {
  double weight = 0;
  double service = 0;
  for (const SiblingShare& share : shares) {
    weight += share.weight;
    service += share.service_ns;
  }
  std::vector<double> lags;
  for (const SiblingShare& share : shares) {
    lags.push_back(share.service_ns - share.weight / weight * service);
  }
  return lags;
}

std::vector<SiblingFairness> sibling_fairness(const Scenario& drawn, const Observation& observation) {
  std::vector<SiblingFairness> result;
  if (observation.kernel_died() || stops_tasks(drawn)) return result;
  const Scenario scenario = scenario_at_end(drawn, observation);
  const int64_t from_ns = last_change_ns(drawn, observation);
  for (NodeId parent = 0; parent < scenario.tree.size(); ++parent) {
    const std::vector<NodeId> children = competitors(scenario, observation, parent);
    if (children.size() < 2) continue;
    const std::vector<size_t> samples = samples_since(observation, children, from_ns);
    if (samples.size() < 2) continue;
    const auto used_ns = [&](NodeId child, size_t sample) {
      const Sample& seen = observation.nodes[static_cast<size_t>(child)].series[sample];
      return static_cast<double>(*get(seen.counters, Counter::CpuUsageNs));
    };
    const auto at_ns = [&](size_t sample) {
      return observation.nodes[static_cast<size_t>(children.front())].series[sample].at_ns;
    };
    SiblingFairness fairness;
    fairness.parent = parent;
    fairness.from_ns = at_ns(samples.front());
    fairness.to_ns = at_ns(samples.back());
    for (const NodeId child : children) {
      fairness.shares.push_back({child, static_cast<double>(shares_of(scenario.tree[child].limits)), 0});
    }
    for (const size_t sample : samples) {
      for (SiblingShare& share : fairness.shares) {
        share.service_ns = used_ns(share.node, sample) - used_ns(share.node, samples.front());
      }
      note_worst(fairness, at_ns(sample));
    }
    fairness.jain = jain_index(fairness.shares);
    result.push_back(std::move(fairness));
  }
  return result;
}

}  // namespace treeline

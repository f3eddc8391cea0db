#include "oracle/cpu_potential.h"

#include <algorithm>

#include "model/rules.h"
#include "oracle/demand.h"

namespace treeline {

namespace {

constexpr double kOwnerSharesV1 = 262'144;
constexpr int64_t kOwnerWeightV2 = 10'000;
constexpr double kTaskShares = 1'024;
constexpr double kProcStatNs = 10'000'000;

bool overlap(const IdSet& one, const IdSet& other) {
  return std::any_of(one.ids.begin(), one.ids.end(),
                     [&](int id) { return std::binary_search(other.ids.begin(), other.ids.end(), id); });
}

std::optional<double> used_ns(const Observation& observation, NodeId node) {
  const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
  const auto used = grown(seen.before, seen.after, Counter::CpuUsageNs);
  return used ? std::optional<double>(static_cast<double>(*used)) : std::nullopt;
}

/// The most CPU time that a node's quota lets through for certain.
std::optional<double> sure_cap_ns(const Scenario& scenario, const Observation& observation, NodeId node) {
  const auto limit = get<CpuBandwidth>(scenario.tree[node].limits, Knob::CpuMax);
  if (!limit || !limit->quota_us) return std::nullopt;
  const int64_t periods = std::max<int64_t>(observation.window_ns / (limit->period_us * 1'000) - 1, 0);
  return static_cast<double>(periods) * static_cast<double>(*limit->quota_us) * 1'000;
}

}  // namespace

double measured_ns(const Observation& observation) {
  return static_cast<double>(observation.final_at_ns - observation.first_attach_ns);
}

double share_against_outside(const Scenario& scenario, const Observation& observation) {
  int64_t threads = 0;
  for (const Worker& worker : scenario.workers) threads += competing_tasks(worker.workload);
  const bool is_v2 = observation.machine.knob_context(Controller::Cpu).version == CgroupVersion::V2;
  const double owner = is_v2 ? static_cast<double>(shares_from_weight(kOwnerWeightV2)) : kOwnerSharesV1;
  const double shares = owner / static_cast<double>(std::max<int64_t>(threads, 1));
  const double outside =
      kTaskShares * observation.running_tasks + static_cast<double>(observation.outside_shares);
  return shares / (shares + outside);
}

double stolen_ns(const Observation& observation, const IdSet& cpus) {
  double sum = 0;
  for (const CpuNoise& noise : observation.noise) {
    if (std::binary_search(cpus.ids.begin(), cpus.ids.end(), noise.cpu)) {
      sum += static_cast<double>(noise.steal_ns) + kProcStatNs;
    }
  }
  return sum;
}

bool has_competition(const Scenario& scenario, const Observation& observation, NodeId node) {
  const IdSet cpus = effective_cpus(scenario.tree, node, observation.machine);
  return std::any_of(scenario.workers.begin(), scenario.workers.end(), [&](const Worker& worker) {
    if (scenario.tree.is_in_subtree(worker.node, node)) return false;
    if (std::holds_alternative<Idle>(worker.workload)) return false;
    return overlap(cpus, effective_cpus(scenario.tree, worker.node, observation.machine));
  });
}

double cpu_potential_ns(const Scenario& scenario, const Observation& observation, NodeId node) {
  if (!scenario.actions.empty()) return 0;  // frozen time is no demand
  const auto window_ns = static_cast<double>(observation.window_ns);
  const IdSet cpus = effective_cpus(scenario.tree, node, observation.machine);
  const auto wanted = [&](size_t i) {
    const Worker& worker = scenario.workers[i];
    const WorkerObservation& seen = observation.workers[i];
    if (seen.end != WorkerEnd::Stopped && seen.end != WorkerEnd::Finished) return 0.0;
    const IdSet own = effective_cpus(scenario.tree, worker.node, observation.machine);
    return std::min(cpus_wanted(worker.workload), static_cast<double>(own.ids.size())) * window_ns;
  };
  const auto cap = [&](NodeId id) { return sure_cap_ns(scenario, observation, id); };
  const double demand_ns = potential(scenario, node, wanted, cap);
  const auto used = used_ns(observation, node);
  const auto used_by_tree = used_ns(observation, kRoot);
  if (!used || !used_by_tree) return 0;
  const double not_stolen_ns =
      static_cast<double>(cpus.ids.size()) * window_ns - stolen_ns(observation, cpus);
  const double left_ns = std::max(not_stolen_ns - *used_by_tree, 0.0);
  return std::min(demand_ns, *used + left_ns * share_against_outside(scenario, observation));
}

}  // namespace treeline

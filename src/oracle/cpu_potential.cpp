#include "oracle/cpu_potential.h"

#include <algorithm>
#include <set>

#include "model/rules.h"
#include "oracle/cpu_weight.h"
#include "oracle/demand.h"

namespace treeline {

namespace {

constexpr double kProcStatNs = 10'000'000;

/// The most CPU time that a node's quota lets through for certain.
std::optional<double> sure_cap_ns(const Limits& limits, int64_t length_ns) {
  const auto limit = get<CpuBandwidth>(limits, Knob::CpuMax);
  if (!limit || !limit->quota_us) return std::nullopt;
  const int64_t periods = std::max<int64_t>(length_ns / (limit->period_us * 1'000) - 1, 0);
  return static_cast<double>(periods) * static_cast<double>(*limit->quota_us) * 1'000;
}

bool always_runs(const Scenario& scenario) {
  return std::none_of(scenario.actions.begin(), scenario.actions.end(), [](const Action& action) {
    return action.kind == Action::Kind::Freeze || action.kind == Action::Kind::Thaw ||
           action.kind == Action::Kind::Kill;
  });
}

/// As long as its group was there.
bool lived_on(const Scenario& whole, const Observation& observation, size_t worker) {
  const WorkerEnd end = observation.workers[worker].end;
  if (end == WorkerEnd::Stopped || end == WorkerEnd::Finished) return true;
  const std::set<NodeId> gone =
      absent_after(whole, whole.actions.size(), [&](size_t i) { return was_changed(observation, i); });
  return end == WorkerEnd::Killed && gone.contains(scenario_at_end(whole, observation).workers[worker].node);
}

}  // namespace

int64_t running_ns(const Observation& observation, const Segment& segment) {
  const std::vector<Sample>& series = observation.nodes[kRoot].series;
  const int64_t from_ns = segment.is_first ? 0 : series[segment.first_sample].at_ns;
  if (segment.is_last) return observation.window_ns - from_ns;
  const Sample& last = series[segment.end_sample - 1];
  return last.at_ns - last.took_ns - from_ns;
}

bool is_of_cpu_max(const Action& action) { return is_change_of(action, Knob::CpuMax); }

double period_before_ns(const Scenario& whole, const Segment& segment) {
  constexpr int64_t kDefaultUs = 100'000;  // sched.h: default_cfs_period
  if (segment.is_first) return 0;
  int64_t longest_us = kDefaultUs;
  const auto take = [&](const KnobValue& value) {
    longest_us = std::max(longest_us, std::get<CpuBandwidth>(value).period_us);
  };
  for (const Node& node : whole.tree.nodes) {
    if (node.limits.contains(Knob::CpuMax)) take(node.limits.at(Knob::CpuMax));
  }
  for (const Action& action : whole.actions) {
    if (is_of_cpu_max(action)) take(action.value);
  }
  return static_cast<double>(longest_us) * 1'000;
}

double share_against_outside(const Scenario& scenario, const Observation& observation, NodeId node) {
  double least = 1;
  std::set<NodeId> places;
  for (const size_t i : workers_in(scenario, node)) places.insert(scenario.workers[i].node);
  for (const NodeId place : places) {
    least =
        std::min(least, least_part_of_cpu({&scenario, 1}, observation, place, LoadLeft::All, Others::Run));
  }
  return least;
}

double surely_idle_ns(const Observation& observation, const IdSet& cpus, int64_t running_ns) {
  if (observation.noise_began_ns == Observation::kNotKnown) return 0;
  const int64_t monitored_ns = observation.final_at_ns - observation.noise_began_ns;
  int64_t sum = 0;
  for (const CpuNoise& noise : noise_on(observation, cpus)) {
    sum += std::max<int64_t>(noise.idle_ns - noise.idle_error_ns - (monitored_ns - running_ns), 0);
  }
  return static_cast<double>(sum);
}

double stolen_ns(const Observation& observation, const IdSet& cpus) {
  double sum = 0;
  for (const CpuNoise& noise : noise_on(observation, cpus)) {
    sum += static_cast<double>(noise.steal_ns) + kProcStatNs;
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

std::optional<double> used_ns(const Observation& observation, const Segment& segment, NodeId node) {
  const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
  const auto used = grown(first_reading(segment, seen), last_reading(segment, seen), Counter::CpuUsageNs);
  return used ? std::optional<double>(static_cast<double>(*used)) : std::nullopt;
}

double cpu_potential_ns(const Scenario& whole, const Observation& observation, const Segment& segment,
                        NodeId node) {
  if (!always_runs(whole)) return 0;  // frozen time is no demand
  const Scenario& scenario = segment.scenario;
  const int64_t length_ns = running_ns(observation, segment);
  const auto running = static_cast<double>(length_ns);
  const MachineFacts machine = machine_always(whole, observation.machine);
  const IdSet cpus = effective_cpus(scenario.tree, node, machine);
  const auto wanted = [&](size_t i) {
    const Worker& worker = scenario.workers[i];
    if (!lived_on(whole, observation, i)) return 0.0;
    const IdSet own = effective_cpus(scenario.tree, worker.node, machine);
    return std::min(cpus_wanted(worker.workload), static_cast<double>(own.ids.size())) * running;
  };
  const auto cap = [&](NodeId id) { return sure_cap_ns(scenario.tree[id].limits, length_ns); };
  const double demand_ns = potential(scenario, node, wanted, cap);
  const auto used = used_ns(observation, segment, node);
  const auto used_by_tree = used_ns(observation, segment, kRoot);
  if (!used || !used_by_tree) return 0;
  const double not_stolen_ns = static_cast<double>(cpus.ids.size()) * running - stolen_ns(observation, cpus);
  const double left_ns = std::max(not_stolen_ns - *used_by_tree, 0.0);
  const double free_ns = std::max(left_ns * share_against_outside(scenario, observation, node),
                                  surely_idle_ns(observation, cpus, length_ns));
  return std::min(demand_ns, *used + free_ns);
}

}  // namespace treeline

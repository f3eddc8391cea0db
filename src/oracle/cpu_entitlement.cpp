#include "oracle/cpu_entitlement.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "model/rules.h"
#include "oracle/cpu_bandwidth.h"
#include "oracle/cpu_potential.h"
#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

/// CpuHog looks at its clock every few microseconds of work (executor/workload_cpu.cpp); starting its threads
/// and finding its pages takes some more. A tenth of a tick covers both on any machine that runs Linux at 250
/// Hz.
constexpr double kOvershootNs = 400'000;

bool other_quota_near(const Scenario& scenario, NodeId node) {
  const Tree& tree = scenario.tree;
  for (NodeId id = 0; id < tree.size(); ++id) {
    if (id == node || !tree[id].limits.contains(Knob::CpuMax)) continue;
    if (tree.are_on_one_path(id, node)) return true;
  }
  return false;
}

int always_wanting_threads(const Scenario& scenario, const Observation& observation, NodeId node) {
  int threads = 0;
  for (const size_t i : workers_in(scenario, node)) {
    const Workload& workload = scenario.workers[i].workload;
    if (observation.workers[i].end != WorkerEnd::Stopped) continue;  // the dead want nothing
    if (always_wants_cpu(workload)) threads += std::get<CpuHog>(workload).threads;
  }
  return threads;
}

/// CPUs on which the hogs of the subtree can run at the same time, for certain.
double parallel_cpus(const Scenario& scenario, const Observation& observation, NodeId node) {
  const IdSet cpus = effective_cpus(scenario.tree, node, observation.machine);
  for (const size_t i : workers_in(scenario, node)) {
    // A smaller cpuset below may crowd the hogs on few CPUs.
    if (effective_cpus(scenario.tree, scenario.workers[i].node, observation.machine) != cpus) return 1;
  }
  return std::min<double>(always_wanting_threads(scenario, observation, node),
                          static_cast<double>(cpus.ids.size()));
}

/// Some worker of the subtree runs and sleeps by turns.
bool any_sleeps(const Scenario& scenario, NodeId node) {
  const std::vector<size_t> workers = workers_in(scenario, node);
  return std::any_of(workers.begin(), workers.end(), [&](size_t i) {
    const Workload& workload = scenario.workers[i].workload;
    return !always_wants_cpu(workload) && !std::holds_alternative<Idle>(workload);
  });
}

/// What the quota surely gave the node, which `used` so much, in the segment, in ns; nullopt: it does not
/// bind.
std::optional<double> due_ns(const Scenario& whole, const Observation& observation, const Segment& segment,
                             NodeId node, const CpuBandwidth& limit, double used) {
  const Scenario& scenario = segment.scenario;
  const MachineFacts& machine = observation.machine;
  const IdSet cpus = effective_cpus(scenario.tree, node, machine);
  const auto cpu_count = static_cast<double>(cpus.ids.size());
  const double quota_ns = static_cast<double>(*limit.quota_us) * 1'000;
  const double period_ns = static_cast<double>(limit.period_us) * 1'000;
  const double slice_ns = static_cast<double>(machine.cfs_slice_us) * 1'000;
  const double parallel = parallel_cpus(scenario, observation, node);
  if (quota_ns > parallel * period_ns) return std::nullopt;
  const auto late_ns = static_cast<double>(machine.tick_ns() + machine.base_slice_ns);
  const int64_t length_ns = running_ns(observation, segment);
  const double refilled_ns = static_cast<double>(length_ns) - period_before_ns(whole, segment);
  const double periods = std::max(std::floor(refilled_ns / period_ns) - 1, 0.0);
  const double slack_ns = any_sleeps(scenario, node) ? (1 + cpu_count) * slice_ns : 0;
  const double given_ns = std::max(quota_ns - slack_ns, 0.0);
  const double in_time_ns = std::max(period_ns - late_ns, 0.0);
  const double all = periods * std::min(given_ns, parallel * in_time_ns);
  // What the outside takes: a part by its weight at most, and no more than was neither idle nor the node's.
  // Where another CPU is idle its hogs may share one all the same.
  const double of_one_cpu = periods * std::min(given_ns, in_time_ns);
  const double outside_ns =
      cpu_count * static_cast<double>(length_ns) - surely_idle_ns(observation, cpus, length_ns) - used;
  double due = std::max(all * share_against_outside(scenario, observation, node), of_one_cpu - outside_ns);
  due -= cpu_count * slice_ns + usage_rounding_ns(observation);
  const std::vector<double> ticks = ticks_or_gaps_ns(observation, cpus);
  const double gaps_ns = std::accumulate(ticks.begin(), ticks.end(), 0.0);
  due -= parallel * (gaps_ns + stolen_ns(observation, cpus));
  return segment.is_first ? due : due - gaps_ns;
}

void judge_entitlement(const Scenario& whole, const Observation& observation, const Segment& segment,
                       std::vector<Finding>& findings) {
  const Scenario& scenario = segment.scenario;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const auto limit = get<CpuBandwidth>(scenario.tree[node].limits, Knob::CpuMax);
    const auto used = used_ns(observation, segment, node);
    if (!limit || !limit->quota_us || !used) continue;
    if (always_wanting_threads(scenario, observation, node) == 0) continue;
    if (other_quota_near(scenario, node) || has_competition(scenario, observation, node)) continue;
    const auto due = due_ns(whole, observation, segment, node, *limit, *used);
    if (!due) continue;
    const double half = cpu_bandwidth_bound_ns(
        CpuBandwidth{*limit->quota_us / 2, limit->period_us}, 0,
        static_cast<double>(segment.to_ns - segment.from_ns),
        ticks_or_gaps_ns(observation, effective_cpus(scenario.tree, node, observation.machine)),
        observation.machine.cfs_slice_us);
    findings.push_back(at_least(
        {"cpu.entitlement", Controller::Cpu, node, "ms"}, *used / 1e6, std::max(*due, 0.0) / 1e6,
        fmt::format("CPU time that {} got of its {} in {}", scenario.tree.path(node),
                    describe(Knob::CpuMax, *limit), span_of(segment)),
        *due > half ? "" : "on this window and with this noise half of the quota could look the same"));
  }
}

}  // namespace

std::vector<Finding> judge_cpu_entitlement(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  if (!std::all_of(scenario.actions.begin(), scenario.actions.end(), is_of_cpu_max)) return findings;
  if (scenario.window.until_settled) return findings;
  for (const Segment& segment : segments_of(scenario, observation)) {
    judge_entitlement(scenario, observation, segment, findings);
  }
  return findings;
}

std::vector<Finding> judge_cpu_no_throttle(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  // A quota that is lowered in the middle of a period may be below what was used in it already.
  if (changes(scenario, Knob::CpuMax)) return findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const auto limit = get<CpuBandwidth>(scenario.tree[node].limits, Knob::CpuMax);
    const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
    const auto throttled = grown(seen.before, seen.after, Counter::CpuThrottled);
    const std::vector<size_t> workers = workers_in(scenario, node);
    if (!limit || !limit->quota_us || !throttled || workers.empty()) continue;
    double demand_ns = 0;
    bool known = true;
    for (const size_t i : workers) {
      const Workload& workload = scenario.workers[i].workload;
      const auto* hog = std::get_if<CpuHog>(&workload);
      demand_ns += kOvershootNs;
      if (std::holds_alternative<Idle>(workload)) continue;
      if (!hog || hog->duty_percent == 100) {
        known = false;
        break;
      }
      const double cycle_ns = static_cast<double>(hog->cycle_us) * 1'000;
      const double cycles = std::ceil(static_cast<double>(limit->period_us) * 1'000 / cycle_ns) + 1;
      demand_ns += hog->threads * cycles * (cycle_ns * hog->duty_percent / 100 + kOvershootNs / 4);
    }
    if (!known) continue;
    for (const int cpu : effective_cpus(scenario.tree, node, observation.machine).ids) {
      demand_ns +=
          static_cast<double>(observation.machine.cfs_slice_us) * 1'000 + tick_or_gap_ns(observation, cpu);
    }
    const double quota_ns = static_cast<double>(*limit->quota_us) * 1'000;
    if (demand_ns > quota_ns) continue;
    findings.push_back(at_most(
        {"cpu.no_throttle", Controller::Cpu, node, "throttled periods"}, static_cast<double>(*throttled), 0,
        fmt::format("{} under {} never wants more than {:.1f} ms a period", scenario.tree.path(node),
                    describe(Knob::CpuMax, *limit), demand_ns / 1e6)));
  }
  return findings;
}

}  // namespace treeline

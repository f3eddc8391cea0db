#include "oracle/cpu_bandwidth.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "model/rules.h"
#include "oracle/cpu_potential.h"
#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/segments.h"

namespace treeline {

double cpu_bandwidth_bound_ns(const CpuBandwidth& limit, int64_t burst_us, double window_ns,
                              const std::vector<double>& tick_ns_by_cpu, int64_t slice_us) {
  const double quota_ns = static_cast<double>(*limit.quota_us) * 1'000;
  const double period_ns = static_cast<double>(limit.period_us) * 1'000;
  const double periods = std::floor(window_ns / period_ns);
  const double rest_ns = window_ns - periods * period_ns;
  const auto cpus = static_cast<double>(tick_ns_by_cpu.size());
  double bound = quota_ns * (periods + 1);
  bound +=
      burst_us > 0 ? quota_ns + static_cast<double>(burst_us) * 1'000 : std::min(quota_ns, rest_ns * cpus);
  for (const double tick_ns : tick_ns_by_cpu) bound += static_cast<double>(slice_us) * 1'000 + tick_ns;
  return bound;
}

namespace {

bool period_was_scaled(const Observation& observation) {
  const auto& log = observation.health.log;
  return std::any_of(log.begin(), log.end(), [](const std::string& line) {
    return line.find("period too short, scaling up") != std::string::npos;
  });
}

/// What of a node's CPU time may be charged to a segment that began while its tasks ran: a change resets pool
/// and slices (tg_set_cfs_bandwidth), but each CPU's running task is only charged at its next tick
/// (update_curr).
double uncharged_ns(const Segment& segment, const std::vector<double>& ticks) {
  return segment.is_first ? 0 : std::accumulate(ticks.begin(), ticks.end(), 0.0);
}

/// Greatest delay of a tick on each CPU that the group may hold time on. Where its CPUs change, on any: what
/// it holds on one that it leaves goes back to its pool (return_cfs_rq_runtime), and may be used on another.
std::vector<double> ticks_of(const Scenario& whole, const Observation& observation, const Segment& segment,
                             NodeId node) {
  const IdSet cpus = moves_cpus(whole) ? IdSet{observation.machine.cpus}
                                       : effective_cpus(segment.scenario.tree, node, observation.machine);
  return ticks_or_gaps_ns(observation, cpus);
}

/// A CPU that is on its way out no longer asks the pool (unthrottle_offline_cfs_rqs); the task that runs on
/// it goes at the next tick (balance_push). One that comes back begins with nothing.
double hotplug_ns(const Scenario& whole, const Observation& observation, const std::vector<double>& ticks) {
  const auto count = std::count_if(whole.actions.begin(), whole.actions.end(), [](const Action& action) {
    return action.kind == Action::Kind::CpuOffline;
  });
  const double tick_ns = ticks.empty() ? 0 : *std::max_element(ticks.begin(), ticks.end());
  return static_cast<double>(count) *
         (tick_ns + static_cast<double>(observation.machine.cfs_slice_us) * 1'000);
}

template <typename Used>
void judge_segment(const Scenario& whole, const Observation& observation, const Segment& segment,
                   const char* name, const char* by, const Used& used_in, std::vector<Finding>& findings) {
  const Scenario& scenario = segment.scenario;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const Limits& limits = scenario.tree[node].limits;
    const auto limit = get<CpuBandwidth>(limits, Knob::CpuMax);
    const std::optional<double> used = used_in(segment, node);
    if (!limit || !limit->quota_us || !used || workers_in(scenario, node).empty()) continue;
    const std::vector<double> ticks = ticks_of(whole, observation, segment, node);
    const int64_t burst = amount(limits, Knob::CpuMaxBurst).value_or(0);
    const auto length_ns = static_cast<double>(segment.to_ns - segment.from_ns);
    const double bound =
        cpu_bandwidth_bound_ns(*limit, burst, length_ns, ticks, observation.machine.cfs_slice_us) +
        uncharged_ns(segment, ticks) + hotplug_ns(whole, observation, ticks) + usage_rounding_ns(observation);
    const Subject subject{name, Controller::Cpu, node, "ms"};
    const std::string what = fmt::format("CPU time of {} under {} in {}, {}", scenario.tree.path(node),
                                         describe(Knob::CpuMax, *limit), span_of(segment), by);
    const double could = cpu_potential_ns(whole, observation, segment, node);
    std::string why;
    if (could <= bound) {
      why = fmt::format("without the limit it would surely have used only {:.1f} ms", could / 1e6);
    }
    Finding finding = at_most(subject, *used / 1e6, bound / 1e6, what, why);
    if (period_was_scaled(observation)) {
      finding.status = Status::Inconclusive;
      finding.sentence = what + ": the kernel says that it changed quota and period";
    }
    findings.push_back(std::move(finding));
  }
}

template <typename Used>
std::vector<Finding> judge_all(const Scenario& scenario, const Observation& observation, const char* name,
                               const char* by, const Used& used_in) {
  std::vector<Finding> findings;
  for (const Segment& segment : segments_of(scenario, observation)) {
    judge_segment(scenario, observation, segment, name, by, used_in, findings);
  }
  return findings;
}

/// A thread that was never there, or that the kernel tells nothing of.
bool has_no_clock(const Scenario& scenario, const Observation& observation, size_t worker) {
  return scenario.workers[worker].stands_for && observation.workers[worker].end == WorkerEnd::NotStarted;
}

}  // namespace

std::vector<Finding> judge_cpu_bandwidth(const Scenario& scenario, const Observation& observation) {
  return judge_all(scenario, observation, "cpu.bandwidth", "by its counter",
                   [&](const Segment& segment, NodeId node) { return used_ns(observation, segment, node); });
}

std::vector<Finding> judge_cpu_bandwidth_witness(const Scenario& scenario, const Observation& observation) {
  return judge_all(scenario, observation, "cpu.bandwidth_witness", "by its workers' own clocks",
                   [&](const Segment& segment, NodeId node) -> std::optional<double> {
                     double sum = 0;
                     for (const size_t i : workers_in(segment.scenario, node)) {
                       if (has_no_clock(segment.scenario, observation, i)) return std::nullopt;
                       const WorkerObservation& worker = observation.workers[i];
                       sum +=
                           static_cast<double>(grown_in(segment, observation, worker, &WorkerSample::cpu_ns,
                                                        worker.attached_cpu_ns, worker.cpu_clock_ns));
                     }
                     return sum;
                   });
}

}  // namespace treeline

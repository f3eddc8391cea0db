#include "oracle/cpu_pressure.h"

#include <fmt/format.h>

#include <algorithm>

#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/pressure.h"

namespace treeline {

namespace {

/// One task that never sleeps before it is stopped. What other tasks wait is not all known: a thread's is not
/// in its process's account, and one that is preempted on its way to sleep is no more TASK_RUNNING, by which
/// sched_info_depart decides, but still queued.
bool has_known_delay(const Workload& workload, const WorkerObservation& worker) {
  const auto* hog = std::get_if<CpuHog>(&workload);
  const bool never_sleeps = std::holds_alternative<Idle>(workload) || (hog && hog->threads == 1);
  return never_sleeps && (!hog || always_wants_cpu(workload)) && worker.held_still &&
         worker.run_delay_ns >= 0 && worker.attached_run_delay_ns >= 0;
}

double waited_ns(const WorkerObservation& worker) {
  return static_cast<double>(worker.run_delay_ns - worker.attached_run_delay_ns);
}

/// Each wait is counted from rq->clock to rq->clock; PSI may go on until the pick after it. A worker goes to
/// sleep at most twice, once to wait for the start and once when it is stopped, and may be preempted on its
/// way: a wait that run_delay lacks, of a turn and, if it is throttled in it, a period.
std::optional<double> most_waited_ns(const Scenario& scenario, const Observation& observation, NodeId node) {
  double most = usage_rounding_ns(observation);
  for (const size_t i : workers_in(scenario, node)) {
    const WorkerObservation& worker = observation.workers[i];
    if (!has_known_delay(scenario.workers[i].workload, worker)) return std::nullopt;
    const NodeId place = scenario.workers[i].node;
    most += waited_ns(worker) + picks_ns(worker) + 2 * longest_absence_ns(scenario, observation, place);
  }
  return most;
}

struct LongestWait {
  double counted_ns = 0;  ///< By the worker's own account, what it waited before it was attached included.
  double sure_ns = 0;     ///< Of that, what the group's pressure must show.
};

/// The pressure is known until the last sample before `after`.
LongestWait longest_wait(const Scenario& scenario, const Observation& observation, NodeId node) {
  LongestWait longest;
  const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
  if (seen.series.empty()) return longest;
  for (const size_t i : workers_in(scenario, node)) {
    const WorkerObservation& worker = observation.workers[i];
    if (worker.run_delay_ns < 0 || worker.attached_run_delay_ns < 0) continue;
    longest.counted_ns = std::max(longest.counted_ns, static_cast<double>(worker.run_delay_ns));
    longest.sure_ns = std::max(longest.sure_ns, waited_ns(worker) - picks_ns(worker));
  }
  const auto unread = static_cast<double>(observation.final_at_ns - seen.series.back().at_ns);
  longest.sure_ns -= unread + usage_rounding_ns(observation) + lost_ns(seen, observation);
  return longest;
}

}  // namespace

std::vector<Finding> judge_cpu_pressure(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
    const auto grown_ns = grown(seen.before, seen.after, Counter::CpuSomePressureNs);
    if (!grown_ns) continue;
    const Subject subject{"cpu.pressure", Controller::Cpu, node, "ms"};
    const double pressure_ms = static_cast<double>(*grown_ns) / 1e6;
    if (const auto most = most_waited_ns(scenario, observation, node)) {
      const bool is_wide = *most > static_cast<double>(observation.window_ns) / 2;
      findings.push_back(at_most(subject, pressure_ms, *most / 1e6,
                                 fmt::format("CPU pressure of {} against the sum of what its tasks waited",
                                             scenario.tree.path(node)),
                                 is_wide ? "its tasks waited for too much of the window" : ""));
    }
    if (observation.machine.cpus.size() != 1) continue;
    const LongestWait longest = longest_wait(scenario, observation, node);
    const bool is_wide = 2 * longest.sure_ns <= longest.counted_ns;
    findings.push_back(at_least(
        subject, pressure_ms, std::max(longest.sure_ns, 0.0) / 1e6,
        fmt::format("CPU pressure of {} against what one of its tasks waited", scenario.tree.path(node)),
        is_wide ? "no task waited long enough to tell" : ""));
  }
  return findings;
}

}  // namespace treeline

#include "oracle/cgroup_refusal.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/attempts.h"
#include "oracle/finding.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

/// It ran to the end, or died of a kill that came later. Of one that died in another way it is only known
/// when it was reaped.
bool was_alive(const WorkerObservation& worker, int64_t at_ns) {
  if (worker.end == WorkerEnd::Stopped || worker.end == WorkerEnd::Finished) return true;
  return worker.end == WorkerEnd::Killed && worker.ended_ns > at_ns;
}

Controller subject_of(const Action& action) { return controller_of(action).value_or(Controller::Core); }

/// `begun`: the scenario as it began, see begun_in_force().
Finding judge_attempt(const Scenario& scenario, const Scenario& begun, const Observation& observation,
                      size_t i) {
  const Action& action = scenario.actions[i];
  const ActionObservation& seen = observation.actions[i];
  const auto taken = [&](size_t before) { return was_changed(observation, before); };
  const int due = due_errno(begun, i, observation.machine, taken);
  const int surely_due = due_errno(begun, i, observation.machine, taken, [&](size_t worker) {
    return was_alive(observation.workers[worker], seen.completed_ns);
  });
  Finding finding = is_true(
      {"cgroup.refusal", subject_of(action), action.node, ""}, seen.write_errno == due && seen.read.empty(),
      fmt::format("{} at {:.1f} ms: {} where {} is due, {}", describe(action, scenario.tree),
                  static_cast<double>(seen.started_ns) / 1e6, errno_name(seen.write_errno), errno_name(due),
                  seen.read.empty() ? "and all reads as before" : "and before it reads " + seen.read),
      due == surely_due ? "" : "its tasks may have been gone");
  if (due != surely_due) finding.status = Status::Inconclusive;
  return finding;
}

/// What was seen just before and after an action, as one.
void join_stretches(std::vector<IdSet>& stretches, size_t action) {
  std::vector<int>& ids = stretches[action].ids;
  const std::vector<int>& next = stretches[action + 1].ids;
  ids.insert(ids.end(), next.begin(), next.end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  stretches.erase(stretches.begin() + static_cast<std::ptrdiff_t>(action) + 1);
}

}  // namespace

std::vector<Finding> judge_cgroup_refusal(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  const Scenario begun = begun_in_force(scenario, observation);
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const bool was_tried = observation.actions[i].started_ns != ActionObservation::kNotTried;
    if (!is_attempt(scenario.actions[i]) || !was_tried) continue;
    findings.push_back(judge_attempt(scenario, begun, observation, i));
  }
  return findings;
}

std::optional<Run> without_attempts(const Scenario& scenario, const Observation& observation) {
  if (std::none_of(scenario.actions.begin(), scenario.actions.end(), is_attempt)) return std::nullopt;
  Run run{scenario, observation};
  int64_t away_ns = 0;
  for (size_t i = scenario.actions.size(); i-- > 0;) {
    if (!is_attempt(scenario.actions[i])) continue;
    const auto at = static_cast<std::ptrdiff_t>(i);
    const ActionObservation& seen = observation.actions[i];
    if (seen.started_ns != ActionObservation::kNotTried) away_ns += seen.completed_ns - seen.started_ns;
    run.scenario.actions.erase(run.scenario.actions.begin() + at);
    run.observation.actions.erase(run.observation.actions.begin() + at);
    for (WorkerObservation& worker : run.observation.workers) {
      if (i + 1 < worker.cpus_by_stretch.size()) join_stretches(worker.cpus_by_stretch, i);
    }
  }
  for (CpuNoise& noise : run.observation.noise) noise.max_gap_ns += away_ns;
  return run;
}

}  // namespace treeline

#include "oracle/cgroup_kill.h"

#include <fmt/format.h>

#include <algorithm>

#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

bool may_die_late(const Scenario& scenario, NodeId node) {
  const std::vector<size_t> workers = workers_in(scenario, node);
  const bool waits = std::any_of(workers.begin(), workers.end(), [&](size_t i) {
    return std::holds_alternative<IoHog>(scenario.workers[i].workload);
  });
  return waits || changes(scenario, Knob::CpuMax) ||
         std::any_of(scenario.tree.nodes.begin(), scenario.tree.nodes.end(),
                     [](const Node& any) { return any.limits.contains(Knob::CpuMax); });
}

Subject subject_of(NodeId node) { return {"cgroup.kill", Controller::Core, node, "tasks"}; }

/// Workers that were told to die by some action, by index.
std::vector<bool> condemned(const Scenario& scenario, const Observation& observation) {
  std::vector<bool> result(scenario.workers.size(), false);
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    const bool tried = observation.actions[i].started_ns != ActionObservation::kNotTried;
    if (action.kind != Action::Kind::Kill || !tried) continue;
    for (const size_t worker : workers_in(scenario, action.node)) result[worker] = true;
  }
  return result;
}

}  // namespace

std::vector<Finding> judge_cgroup_kill(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    const ActionObservation& seen = observation.actions[i];
    if (action.kind != Action::Kind::Kill || seen.started_ns == ActionObservation::kNotTried) continue;
    const std::string path = scenario.tree.path(action.node);
    const std::vector<size_t> workers = workers_in(scenario, action.node);
    const auto survivors = std::count_if(workers.begin(), workers.end(), [&](size_t worker) {
      const WorkerEnd end = observation.workers[worker].end;
      return end == WorkerEnd::Stopped || end == WorkerEnd::Finished || end == WorkerEnd::Failed;
    });
    const bool late = seen.completed_ns == kNever && may_die_late(scenario, action.node);
    const bool all_died = seen.write_errno == 0 && survivors == 0 && seen.completed_ns != kNever;
    Finding finding = is_true(
        subject_of(action.node), all_died || late,
        fmt::format("{} was killed: {} of its {} workers live on, and it {}", path, survivors, workers.size(),
                    seen.completed_ns == kNever ? "still has tasks" : "has no task left"),
        late              ? "its tasks may not have run"
        : workers.empty() ? "it had no worker"
                          : "");
    finding.observed = static_cast<double>(survivors);
    findings.push_back(std::move(finding));
  }
  if (findings.empty()) return findings;
  const std::vector<bool> told = condemned(scenario, observation);
  for (size_t worker = 0; worker < scenario.workers.size(); ++worker) {
    if (told[worker]) continue;
    findings.push_back(is_true(subject_of(scenario.workers[worker].node),
                               observation.workers[worker].end != WorkerEnd::Killed,
                               fmt::format("worker {} in {}, where nothing was killed", worker,
                                           scenario.tree.path(scenario.workers[worker].node))));
  }
  return findings;
}

}  // namespace treeline

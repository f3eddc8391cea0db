#include "oracle/freezer.h"

#include <fmt/format.h>

#include <algorithm>

#include "oracle/demand.h"
#include "oracle/finding.h"

namespace treeline {

namespace {

constexpr int64_t kNever = -1;

/// Within this time a runnable hog surely runs: every other hog may take a slice and a tick before it, a gap may come
/// at either end, and outside tasks take a small share (their weight is 1/256 of the tree's).
double turn_ns(const Scenario& scenario, const Observation& observation) {
  double others = 2;
  for (const Worker& worker : scenario.workers) others += static_cast<double>(tasks_wanted(worker.workload));
  const auto slice = static_cast<double>(observation.machine.base_slice_ns + observation.machine.tick_ns());
  return others * slice + 2 * max_gap_ns(observation);
}

bool any_quota(const Scenario& scenario) {
  return std::any_of(scenario.tree.nodes.begin(), scenario.tree.nodes.end(),
                     [](const Node& node) { return node.limits.contains(Knob::CpuMax); });
}

/// A freeze that completed, and when and with what progress it ended.
struct FrozenSpan {
  size_t action = 0;
  size_t thaw = 0;  ///< Index of the thaw; the number of actions if it lasted to the end.
  int64_t from_ns = 0;
  int64_t to_ns = 0;
};

std::vector<FrozenSpan> frozen_spans(const Scenario& scenario, const Observation& observation) {
  std::vector<FrozenSpan> spans;
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    if (scenario.actions[i].kind != Action::Kind::Freeze || observation.actions[i].completed_ns == kNever) continue;
    FrozenSpan span{i, scenario.actions.size(), observation.actions[i].completed_ns, observation.final_at_ns};
    for (size_t j = i + 1; j < scenario.actions.size(); ++j) {
      if (scenario.actions[j].kind != Action::Kind::Thaw || scenario.actions[j].node != scenario.actions[i].node) continue;
      span.thaw = j;
      span.to_ns = observation.actions[j].started_ns;
      break;
    }
    spans.push_back(span);
  }
  return spans;
}

int64_t progress_at(const std::vector<int64_t>& progress, size_t worker, int64_t otherwise) {
  return worker < progress.size() ? progress[worker] : otherwise;
}

std::string why_not_running(const Scenario& scenario, const Observation& observation, size_t worker) {
  if (!always_wants_cpu(scenario.workers[worker].workload)) return "the worker would not always make progress";
  if (observation.workers[worker].end != WorkerEnd::Stopped) return "the worker died";
  return any_quota(scenario) ? "a quota may have kept it from running" : "";
}

}  // namespace

std::vector<Finding> judge_freezer_stops(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  const auto subject = [](NodeId node) { return Subject{"freezer.stops", Controller::Freezer, node, "steps"}; };
  for (const FrozenSpan& span : frozen_spans(scenario, observation)) {
    const Action& action = scenario.actions[span.action];
    for (const size_t i : workers_in(scenario, action.node)) {
      const int64_t before = progress_at(observation.actions[span.action].progress, i, 0);
      const int64_t after = span.thaw < scenario.actions.size()
                                ? progress_at(observation.actions[span.thaw].progress, i, before)
                                : observation.workers[i].progress;
      std::string why = why_not_running(scenario, observation, i);
      if (static_cast<double>(span.to_ns - span.from_ns) < turn_ns(scenario, observation)) {
        why = "it was frozen for too short a time to tell";
      }
      findings.push_back(at_most(
          subject(action.node), static_cast<double>(after - before), 0,
          fmt::format("progress of worker {} in {} while {} was frozen for {:.1f} ms", i,
                      scenario.tree.path(scenario.workers[i].node), scenario.tree.path(action.node),
                      static_cast<double>(span.to_ns - span.from_ns) / 1e6),
          why));
    }
  }
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const ActionObservation& seen = observation.actions[i];
    if (scenario.actions[i].kind != Action::Kind::Freeze || seen.completed_ns != kNever) continue;
    if (seen.started_ns >= observation.window_ns || seen.write_errno != 0) continue;
    const double waited_ns = 500e6;
    const bool could_not = any_quota(scenario) || waited_ns < turn_ns(scenario, observation);
    findings.push_back(is_true(subject(scenario.actions[i].node), could_not,
                               fmt::format("{} was told to freeze and never read FROZEN",
                                           scenario.tree.path(scenario.actions[i].node)),
                               could_not ? "its tasks may not have run" : ""));
  }
  return findings;
}

std::vector<Finding> judge_freezer_resumes(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  const std::vector<FrozenSpan> spans = frozen_spans(scenario, observation);
  for (const FrozenSpan& span : spans) {
    if (span.thaw == scenario.actions.size()) continue;
    const Action& thaw = scenario.actions[span.thaw];
    for (const size_t i : workers_in(scenario, thaw.node)) {
      const NodeId node = scenario.workers[i].node;
      // The time until something above the worker is frozen again, or the end.
      bool still_frozen = false;
      int64_t until_ns = observation.window_ns;
      for (const FrozenSpan& other : spans) {
        if (other.action == span.action || !scenario.tree.is_in_subtree(node, scenario.actions[other.action].node)) continue;
        if (observation.actions[other.action].started_ns > span.to_ns) {
          until_ns = std::min(until_ns, observation.actions[other.action].started_ns);
        } else if (other.to_ns > span.to_ns) {
          still_frozen = true;
        }
      }
      if (still_frozen) continue;
      const int64_t made = observation.workers[i].progress - progress_at(observation.actions[span.thaw].progress, i, 0);
      std::string why = why_not_running(scenario, observation, i);
      const bool in_time = static_cast<double>(until_ns - span.to_ns) >= turn_ns(scenario, observation);
      if (!in_time) why = "there was too little time after the thaw";
      findings.push_back(is_true({"freezer.resumes", Controller::Freezer, thaw.node, "steps"},
                                 made > 0 || !why.empty(),
                                 fmt::format("worker {} in {} made {} steps after {} was thawed", i,
                                             scenario.tree.path(node), made, scenario.tree.path(thaw.node)),
                                 why));
    }
  }
  return findings;
}

}  // namespace treeline

#include "oracle/freezer.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/rules.h"
#include "oracle/cpu_turn.h"
#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

constexpr int64_t kNever = -1;

/// The executor had time for it.
bool was_tried(const Observation& observation, size_t action) {
  return observation.actions[action].started_ns != ActionObservation::kNotTried;
}

/// A worker may sleep where nothing can be frozen, and for longer than the executor waits:
///  - submit_bio waits in TASK_UNINTERRUPTIBLE for a throttled or slow disk;
///  - above memory.high a task sleeps in TASK_KILLABLE on its way to user space, up to 2 s at a time
///    (mm/memcontrol.c: mem_cgroup_handle_over_high, MEMCG_MAX_HIGH_DELAY_JIFFIES).
bool sleeps_in_kernel(const Scenario& scenario, const Worker& worker) {
  const auto limited_by = [&](Knob knob) {
    const std::vector<NodeId> lineage = scenario.tree.lineage(worker.node);
    return std::any_of(lineage.begin(), lineage.end(),
                       [&](NodeId above) { return scenario.tree[above].limits.contains(knob); });
  };
  if (std::holds_alternative<IoHog>(worker.workload) || std::holds_alternative<Mixed>(worker.workload)) {
    return true;
  }
  const auto* hog = std::get_if<MemoryHog>(&worker.workload);
  const bool has_blocks = hog && hog->kind == MemoryKind::File;
  return hog && (limited_by(Knob::MemoryHigh) || (has_blocks && limited_by(Knob::IoMax)));
}

bool any_sleeps_in_kernel(const Scenario& scenario, NodeId node) {
  const std::vector<size_t> workers = workers_in(scenario, node);
  return std::any_of(workers.begin(), workers.end(),
                     [&](size_t i) { return sleeps_in_kernel(scenario, scenario.workers[i]); });
}

bool any_quota(const Scenario& scenario) {
  return changes(scenario, Knob::CpuMax) ||
         std::any_of(scenario.tree.nodes.begin(), scenario.tree.nodes.end(),
                     [](const Node& node) { return node.limits.contains(Knob::CpuMax); });
}

/// A freeze, and when it began and ended to be in force.
struct FrozenSpan {
  size_t action = 0;
  size_t thaw = 0;  ///< Index of the thaw; the number of actions if it lasted to the end.
  int64_t from_ns = 0;
  int64_t to_ns = 0;
};

bool completed(const Observation& observation, const FrozenSpan& span) {
  return observation.actions[span.action].completed_ns != kNever;
}

/// Every freeze that was ordered; one that never completed lasts from the order on.
std::vector<FrozenSpan> frozen_spans(const Scenario& scenario, const Observation& observation) {
  std::vector<FrozenSpan> spans;
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    if (scenario.actions[i].kind != Action::Kind::Freeze || !was_tried(observation, i)) continue;
    FrozenSpan span{i, scenario.actions.size(), observation.actions[i].completed_ns, observation.final_at_ns};
    if (!completed(observation, span)) span.from_ns = observation.actions[i].started_ns;
    for (size_t j = i + 1; j < scenario.actions.size(); ++j) {
      if (scenario.actions[j].kind != Action::Kind::Thaw ||
          scenario.actions[j].node != scenario.actions[i].node)
        continue;
      if (!was_tried(observation, j)) continue;
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
  if (!always_wants_cpu(scenario.workers[worker].workload))
    return "the worker would not always make progress";
  if (observation.workers[worker].end != WorkerEnd::Stopped) return "the worker died";
  return any_quota(scenario) ? "a quota may have kept it from running" : "";
}

}  // namespace

std::vector<Finding> judge_freezer_stops(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  const auto subject = [](NodeId node) {
    return Subject{"freezer.stops", Controller::Freezer, node, "steps"};
  };
  for (const FrozenSpan& span : frozen_spans(scenario, observation)) {
    const Action& action = scenario.actions[span.action];
    if (!completed(observation, span)) continue;
    for (const size_t i : workers_in(scenario, action.node)) {
      const int64_t before = progress_at(observation.actions[span.action].progress, i, 0);
      const int64_t after = span.thaw < scenario.actions.size()
                                ? progress_at(observation.actions[span.thaw].progress, i, before)
                                : observation.workers[i].progress;
      std::string why = why_not_running(scenario, observation, i);
      if (static_cast<double>(span.to_ns - span.from_ns) <
          turn_ns(scenario, observation, scenario.workers[i].node)) {
        why = "it was frozen for too short a time to tell";
      }
      findings.push_back(
          at_most(subject(action.node), static_cast<double>(after - before), 0,
                  fmt::format("progress of worker {} in {} while {} was frozen for {:.1f} ms", i,
                              scenario.tree.path(scenario.workers[i].node), scenario.tree.path(action.node),
                              static_cast<double>(span.to_ns - span.from_ns) / 1e6),
                  why));
    }
  }
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const ActionObservation& seen = observation.actions[i];
    if (scenario.actions[i].kind != Action::Kind::Freeze || seen.completed_ns != kNever) continue;
    if (!was_tried(observation, i)) continue;
    const NodeId node = scenario.actions[i].node;
    if (seen.write_errno != 0) {
      findings.push_back(is_true(
          subject(node), false,
          fmt::format("{} cannot be told to freeze: errno {}", scenario.tree.path(node), seen.write_errno)));
      continue;
    }
    const double waited_ns = 500e6;
    const std::vector<size_t> workers = workers_in(scenario, node);
    const bool starved = std::any_of(workers.begin(), workers.end(), [&](size_t worker) {
      return waited_ns < turn_ns(scenario, observation, scenario.workers[worker].node);
    });
    const bool could_not = any_quota(scenario) || starved || any_sleeps_in_kernel(scenario, node);
    findings.push_back(
        is_true(subject(node), could_not,
                fmt::format("{} was told to freeze and never read FROZEN", scenario.tree.path(node)),
                could_not ? "its tasks may not have run" : ""));
  }
  return findings;
}

std::vector<Finding> judge_freezer_resumes(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  const std::vector<FrozenSpan> spans = frozen_spans(scenario, observation);
  for (const FrozenSpan& span : spans) {
    if (span.thaw == scenario.actions.size() || !completed(observation, span)) continue;
    const Action& thaw = scenario.actions[span.thaw];
    for (const size_t i : workers_in(scenario, thaw.node)) {
      const NodeId node = scenario.workers[i].node;
      // The time until something above the worker is frozen again, or the end.
      bool still_frozen = false;
      int64_t until_ns = observation.window_ns;
      for (const FrozenSpan& other : spans) {
        if (other.action == span.action ||
            !scenario.tree.is_in_subtree(node, scenario.actions[other.action].node))
          continue;
        if (observation.actions[other.action].started_ns > span.to_ns) {
          until_ns = std::min(until_ns, observation.actions[other.action].started_ns);
        } else if (other.to_ns > span.to_ns) {
          still_frozen = true;
        }
      }
      if (still_frozen) continue;
      const int64_t made =
          observation.workers[i].progress - progress_at(observation.actions[span.thaw].progress, i, 0);
      std::string why = why_not_running(scenario, observation, i);
      const bool in_time = static_cast<double>(until_ns - span.to_ns) >= turn_ns(scenario, observation, node);
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

#include "oracle/freezer.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>

#include "model/freezing.h"
#include "oracle/cpu_turn.h"
#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

/// The executor had time for it.
bool was_tried(const Observation& observation, size_t action) {
  return observation.actions[action].started_ns != ActionObservation::kNotTried;
}

/// When a reading after the move first showed its new group FROZEN; kNever if the next one did not, although
/// the executor had waited for it.
int64_t frozen_again_ns(const Observation& observation, const Action& move, size_t action) {
  for (const Sample& sample : observation.nodes[static_cast<size_t>(move.node)].series) {
    if (sample.at_ns - sample.took_ns < observation.actions[action].completed_ns) continue;
    constexpr int64_t kFrozen = 2;
    return get(sample.counters, Counter::FreezerState) == kFrozen ? sample.at_ns : kNever;
  }
  return kNever;
}

/// When all tasks that were told to stop by the action (a freeze, or the move of one) had stopped; kNever if
/// they were not seen to.
int64_t stopped_ns(const Scenario& scenario, const Observation& observation, size_t action) {
  const Action& done = scenario.actions[action];
  if (done.kind == Action::Kind::Freeze) return observation.actions[action].completed_ns;
  return frozen_again_ns(observation, done, action);
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
  return changes(scenario, Knob::CpuMax) || has_quota(scenario.tree, kRoot);
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

/// A time in which a worker stood still, by what was told to it: from the action that froze it, or moved it
/// to where it is frozen, to the one that thawed it or moved it away.
struct Stillness {
  size_t worker = 0;
  size_t told = 0;       ///< Index of the first action that told it to stop.
  size_t first = 0;      ///< Of the first that saw it stand still; the same as `told` if none did.
  size_t last = 0;       ///< Of the one that ended it; the number of actions if it lasted to the end.
  bool is_seen = false;  ///< All tasks in its group were seen to have stopped.
  int64_t from_ns = 0;
  int64_t to_ns = 0;
};

/// The run as it is between two actions, for each number of actions.
class Course {
 public:
  Course(const Scenario& scenario, const Observation& observation)
      : whole_(scenario), observation_(observation) {
    const auto taken = [&](size_t i) {
      // What was told to thaw is to go on, whatever the kernel said.
      return scenario.actions[i].kind == Action::Kind::Migrate ? was_changed(observation, i)
                                                               : was_tried(observation, i);
    };
    for (size_t actions = 0; actions <= scenario.actions.size(); ++actions) {
      by_then_.push_back(scenario_in_force(scenario, observation, actions));
      frozen_.push_back(frozen_after(scenario, actions, taken));
    }
  }

  const Scenario& after(size_t actions) const { return by_then_[actions]; }
  std::span<const Scenario> until(size_t actions) const { return {by_then_.data(), actions + 1}; }
  NodeId place(size_t worker, size_t actions) const { return by_then_[actions].workers[worker].node; }
  bool stands_still(size_t worker, size_t actions) const {
    return is_frozen(whole_.tree, frozen_[actions], place(worker, actions));
  }

  std::vector<Stillness> of(size_t worker) const {
    std::vector<Stillness> all;
    for (size_t i = 0; i < whole_.actions.size(); ++i) {
      const bool was_still = stands_still(worker, i);
      const bool is_still = stands_still(worker, i + 1);
      if (is_still && !was_still) all.push_back(begun(worker, i));
      if (is_still && !all.back().is_seen && freezes(i, worker)) {
        const size_t told = all.back().told;
        all.back() = begun(worker, i);
        all.back().told = told;
      }
      if (was_still && !is_still) {
        all.back().last = i;
        all.back().to_ns = observation_.actions[i].started_ns;
      }
    }
    return all;
  }

  /// The longest turn of the worker from the one action to the other.
  double turn_of(size_t worker, size_t first, size_t last) const {
    double longest_ns = 0;
    for (size_t i = first; i < last; ++i) {
      longest_ns = std::max(longest_ns, turn_ns(until(i + 1), observation_, place(worker, i + 1)));
    }
    return longest_ns;
  }

 private:
  Stillness begun(size_t worker, size_t action) const {
    const int64_t seen_ns = stopped_ns(whole_, observation_, action);
    const bool is_seen = seen_ns != kNever;
    return {worker,
            action,
            action,
            whole_.actions.size(),
            is_seen,
            is_seen ? seen_ns : observation_.actions[action].started_ns,
            observation_.final_at_ns};
  }

  bool freezes(size_t action, size_t worker) const {
    return whole_.actions[action].kind == Action::Kind::Freeze && was_tried(observation_, action) &&
           whole_.tree.is_in_subtree(place(worker, action), whole_.actions[action].node);
  }

  const Scenario& whole_;
  const Observation& observation_;
  std::vector<Scenario> by_then_;
  std::vector<std::set<NodeId>> frozen_;
};

Subject subject_of(const char* invariant, NodeId node) {
  return {invariant, Controller::Freezer, node, "steps"};
}

/// A group that was told to stop all its tasks, or one more of them, did so in the time that the executor
/// waits.
std::optional<Finding> judge_stopping(const Scenario& scenario, const Observation& observation,
                                      const Course& course, size_t i) {
  const Action& action = scenario.actions[i];
  const ActionObservation& seen = observation.actions[i];
  const bool freezes = action.kind == Action::Kind::Freeze;
  const auto worker = static_cast<size_t>(action.worker);
  const bool stops = action.kind == Action::Kind::Migrate && was_changed(observation, i) &&
                     course.stands_still(worker, i + 1);
  if (!was_tried(observation, i) || (!freezes && !stops)) return std::nullopt;
  if (stopped_ns(scenario, observation, i) != kNever) return std::nullopt;
  const Subject subject = subject_of("freezer.stops", action.node);
  const std::string path = scenario.tree.path(action.node);
  if (freezes && seen.write_errno != 0) {
    return is_true(subject, false,
                   fmt::format("{} cannot be told to freeze: errno {}", path, seen.write_errno));
  }
  const Scenario& now = course.after(i + 1);
  const std::vector<size_t> workers = workers_in(now, action.node);
  const bool starved = std::any_of(workers.begin(), workers.end(), [&](size_t other) {
    return static_cast<double>(kFreezeDeadlineNs) <
           turn_ns(course.until(i + 1), observation, now.workers[other].node);
  });
  const bool could_not = any_quota(scenario) || starved || any_sleeps_in_kernel(now, action.node);
  return is_true(
      subject, could_not,
      freezes ? fmt::format("{} was told to freeze and never read FROZEN", path)
              : fmt::format("{} is frozen, and worker {} came in: it no longer reads FROZEN", path, worker),
      could_not ? "its tasks may not have run" : "");
}

std::string how_ended(const Scenario& scenario, const Stillness& still) {
  const Action& action = scenario.actions[still.last];
  const std::string path = scenario.tree.path(action.node);
  return action.kind == Action::Kind::Migrate ? fmt::format("it moved to {}", path)
                                              : fmt::format("{} was thawed", path);
}

}  // namespace

std::vector<Finding> judge_freezer_stops(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  const Course course(scenario, observation);
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    for (const Stillness& still : course.of(i)) {
      if (!still.is_seen) continue;
      const int64_t before = progress_at(observation.actions[still.first].progress, i, 0);
      const bool has_ended = still.last < scenario.actions.size();
      const int64_t after = has_ended ? progress_at(observation.actions[still.last].progress, i, before)
                                      : observation.workers[i].progress;
      std::string why = why_not_running(scenario, observation, i);
      if (static_cast<double>(still.to_ns - still.from_ns) < course.turn_of(i, still.first, still.last)) {
        why = "it was frozen for too short a time to tell";
      }
      const NodeId node = scenario.actions[still.first].node;
      findings.push_back(
          at_most(subject_of("freezer.stops", node), static_cast<double>(after - before), 0,
                  fmt::format("progress of worker {} in {} while it was frozen in {} for {:.1f} ms", i,
                              scenario.tree.path(course.place(i, still.first + 1)), scenario.tree.path(node),
                              static_cast<double>(still.to_ns - still.from_ns) / 1e6),
                  why));
    }
  }
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    if (auto finding = judge_stopping(scenario, observation, course, i)) findings.push_back(*finding);
  }
  return findings;
}

std::vector<Finding> judge_freezer_resumes(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  const Course course(scenario, observation);
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    const std::vector<Stillness> all = course.of(i);
    for (size_t k = 0; k < all.size(); ++k) {
      const Stillness& still = all[k];
      if (still.last == scenario.actions.size() || !still.is_seen) continue;
      // Until it is told to stop again, or the end.
      const bool stops_again = k + 1 < all.size();
      const size_t next = stops_again ? all[k + 1].told : scenario.actions.size();
      const ActionObservation* stop = stops_again ? &observation.actions[next] : nullptr;
      const int64_t until_ns = stop ? stop->started_ns : observation.window_ns;
      const int64_t before = progress_at(observation.actions[still.last].progress, i, 0);
      const int64_t made =
          (stop ? progress_at(stop->progress, i, before) : observation.workers[i].progress) - before;
      std::string why = why_not_running(scenario, observation, i);
      if (static_cast<double>(until_ns - still.to_ns) < course.turn_of(i, still.last, next)) {
        why = "there was too little time after the thaw";
      }
      const NodeId place = course.place(i, still.last + 1);
      findings.push_back(is_true(subject_of("freezer.resumes", scenario.actions[still.last].node),
                                 made > 0 || !why.empty(),
                                 fmt::format("worker {} in {} made {} steps after {}", i,
                                             scenario.tree.path(place), made, how_ended(scenario, still)),
                                 why));
    }
  }
  return findings;
}

}  // namespace treeline

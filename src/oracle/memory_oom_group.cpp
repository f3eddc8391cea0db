#include "oracle/memory_oom_group.h"

#include <fmt/format.h>

#include <algorithm>

#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/memory_support.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

/// A limit on the path from the worker's group to `top`, below `top`, at any time.
bool limited_below(const Scenario& scenario, const Observation& observation, NodeId top, NodeId from) {
  for (const NodeId node : scenario.tree.lineage(from)) {
    if (node == top) return false;
    const auto limits = amounts_of(scenario, observation, node, Knob::MemoryMax);
    if (std::any_of(limits.begin(), limits.end(), [](const auto& limit) { return limit.has_value(); }))
      return true;
  }
  return false;
}

/// When the first write of memory.max began that came after the last flag was set; none: behind all. A victim
/// is seen to have gone only some time after its kill.
int64_t pressed_ns(const Scenario& scenario, const Observation& observation) {
  int64_t pressed_ns = INT64_MAX;
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    if (!was_changed(observation, i)) continue;
    if (is_change_of(action, Knob::MemoryOomGroup)) pressed_ns = INT64_MAX;
    if (is_change_of(action, Knob::MemoryMax))
      pressed_ns = std::min(pressed_ns, observation.actions[i].started_ns);
  }
  return pressed_ns;
}

/// Somebody may have been killed while it was not yet settled which groups go as a whole.
bool killed_too_early(const Scenario& scenario, const Observation& observation) {
  if (!changes(scenario, Knob::MemoryOomGroup)) return false;
  const int64_t settled_ns = pressed_ns(scenario, observation);
  return std::any_of(observation.workers.begin(), observation.workers.end(), [&](const auto& worker) {
    return worker.end == WorkerEnd::OomKilled && worker.ended_ns <= settled_ns;
  });
}

/// Had ended by itself, or could never start: nobody could kill it.
bool was_gone(const WorkerObservation& worker) { return worker.end == WorkerEnd::NotStarted; }

bool was_killed(const WorkerObservation& worker) {
  return worker.end == WorkerEnd::OomKilled || worker.end == WorkerEnd::Killed;
}

}  // namespace

std::vector<Finding> judge_memory_oom_group(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  if (machine_was_out_of_memory(observation)) return findings;
  const Tree tree = scenario_at_end(scenario, observation).tree;
  const bool is_too_early = killed_too_early(scenario, observation);
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    if (amount(tree[node].limits, Knob::MemoryOomGroup) != 1) continue;
    const std::vector<size_t> workers = workers_in(scenario, node);
    const bool any_victim = !is_too_early && std::any_of(workers.begin(), workers.end(), [&](size_t i) {
      return observation.workers[i].end == WorkerEnd::OomKilled &&
             !limited_below(scenario, observation, node, scenario.workers[i].node);
    });
    const auto left = std::count_if(workers.begin(), workers.end(), [&](size_t i) {
      return !was_killed(observation.workers[i]) && !was_gone(observation.workers[i]);
    });
    if (workers.empty()) continue;
    std::string why;
    if (workers.size() < 2) why = "there is one worker only";
    if (!any_victim) why = "nobody was killed for a limit of it or above";
    if (is_too_early) why = "somebody may have been killed before the last flag was set";
    Finding finding =
        is_true({"memory.oom_group", Controller::Memory, node, "workers"}, !any_victim || left == 0,
                fmt::format("{} with memory.oom.group: {} of its {} workers outlived an OOM kill",
                            scenario.tree.path(node), any_victim ? left : 0, workers.size()),
                why);
    finding.observed = static_cast<double>(any_victim ? left : 0);
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace treeline

#include "oracle/memory_oom_group.h"

#include <fmt/format.h>

#include <algorithm>

#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/memory_support.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

/// A limit on the path from the worker's group to `top`, below `top`.
bool limited_below(const Scenario& scenario, NodeId top, NodeId from) {
  for (const NodeId node : scenario.tree.lineage(from)) {
    if (node == top) return false;
    if (amount(scenario.tree[node].limits, Knob::MemoryMax)) return true;
  }
  return false;
}

/// Had ended by itself, or could never start: nobody could kill it.
bool was_gone(const WorkerObservation& worker) { return worker.end == WorkerEnd::NotStarted; }

bool was_killed(const WorkerObservation& worker) {
  return worker.end == WorkerEnd::OomKilled || worker.end == WorkerEnd::Killed;
}

}  // namespace

std::vector<Finding> judge_memory_oom_group(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  // A memory.max that comes or goes kills and reclaims by itself: nothing is said of it here.
  if (changes(scenario, Knob::MemoryMax)) return findings;
  if (machine_was_out_of_memory(observation)) return findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    if (amount(scenario.tree[node].limits, Knob::MemoryOomGroup) != 1) continue;
    const std::vector<size_t> workers = workers_in(scenario, node);
    const bool any_victim = std::any_of(workers.begin(), workers.end(), [&](size_t i) {
      return observation.workers[i].end == WorkerEnd::OomKilled &&
             !limited_below(scenario, node, scenario.workers[i].node);
    });
    const auto left = std::count_if(workers.begin(), workers.end(), [&](size_t i) {
      return !was_killed(observation.workers[i]) && !was_gone(observation.workers[i]);
    });
    if (workers.empty()) continue;
    std::string why;
    if (workers.size() < 2) why = "there is one worker only";
    if (!any_victim) why = "nobody was killed for a limit of it or above";
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

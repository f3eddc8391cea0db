#include "oracle/memory_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/memory_support.h"

namespace treeline {

namespace {

constexpr double kMiB = 1 << 20;
constexpr int64_t kForcedPages = 8;

Subject subject_of(const char* name, NodeId node) { return {name, Controller::Memory, node, "MiB"}; }

/// The most that any reading showed; nullopt where there was none.
std::optional<int64_t> peak_bytes(const NodeObservation& node) {
  const std::optional<int64_t> peak = peak_in_window_bytes(node);
  if (!peak) return std::nullopt;
  return std::max({*peak, get(node.drained, Counter::MemoryPeak).value_or(0),
                   get(node.drained, Counter::MemoryCurrent).value_or(0)});
}

/// Anonymous and shared bytes that the living, still workers of the subtree have touched and keep.
int64_t witnessed_bytes(const Scenario& scenario, const Observation& observation, NodeId node) {
  int64_t sum = 0;
  for (const size_t i : workers_in(scenario, node)) {
    const WorkerObservation& worker = observation.workers[i];
    const Workload& workload = scenario.workers[i].workload;
    const bool died = worker.end == WorkerEnd::OomKilled || worker.end == WorkerEnd::Killed;
    if (died || unreclaimable_bytes(workload) == 0 || !holds_memory(workload)) continue;
    sum += std::min(worker.bytes_touched, unreclaimable_bytes(workload));
  }
  return sum;
}

}  // namespace

std::vector<Finding> judge_memory_max(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const std::optional<int64_t> limit = memory_limit_bytes(scenario, observation, node);
    const std::vector<size_t> workers = workers_in(scenario, node);
    if (!limit || workers.empty()) continue;
    int64_t tasks = 0;
    for (const size_t i : workers) tasks += tasks_wanted(scenario.workers[i].workload);
    const int64_t bound = *limit + tasks * kForcedPages * observation.machine.page_size;
    const double would_use = potential(
        scenario, node,
        [&](size_t i) {
          const Workload& workload = scenario.workers[i].workload;
          return holds_memory(workload) ? static_cast<double>(touched_bytes(workload)) : 0.0;
        },
        [&](NodeId id) -> std::optional<double> {
          const auto other = memory_limit_bytes(scenario, observation, id);
          return other ? std::optional<double>(static_cast<double>(*other)) : std::nullopt;
        });
    std::string why;
    if (would_use <= static_cast<double>(bound)) why = "its workers would not use more without the limit";
    if (!all_settled(scenario, observation, node)) why = "its workers were not done";
    const std::string path = scenario.tree.path(node);
    if (const auto peak = peak_bytes(observation.nodes[static_cast<size_t>(node)])) {
      findings.push_back(at_most(subject_of("memory.max", node), static_cast<double>(*peak) / kMiB,
                                 static_cast<double>(bound) / kMiB,
                                 fmt::format("most memory charged to {}", path), why));
    }
    if (observation.machine.swap_bytes > 0) continue;  // what was touched may be swapped out
    findings.push_back(at_most(subject_of("memory.max", node),
                               static_cast<double>(witnessed_bytes(scenario, observation, node)) / kMiB,
                               static_cast<double>(bound) / kMiB,
                               fmt::format("memory that workers in {} hold, by their own count", path), why));
  }
  return findings;
}

namespace {

Finding judge_missing_kill(const Scenario& scenario, const Observation& observation, NodeId node,
                           int64_t limit) {
  const int64_t demand = held_demand_bytes(scenario, node);
  const int kills = oom_killed_in(scenario, observation, node);
  const bool settled = all_settled(scenario, observation, node);
  const std::string what = fmt::format(
      "{} with memory.max {:.3f} MiB, whose workers want {:.3f} MiB at once: {} OOM-killed",
      scenario.tree.path(node), static_cast<double>(limit) / kMiB, static_cast<double>(demand) / kMiB, kills);
  const bool cut_short = any_failed(scenario, observation, node);
  std::string why;
  if (!settled || cut_short) why = "they were not done";
  // A kernel that kills at half of the limit would have been seen to only above that.
  if (demand * 2 <= limit) why = "they want too little to press the limit";
  const int64_t most = most_demand_bytes(scenario, observation, node);
  if (demand <= limit && most > limit) why = "that is too near the limit to tell";
  if (demand <= limit && kills > 0) why = "they were killed before they wanted that much";
  const bool must_kill = demand > limit && settled && !cut_short;
  Finding finding = is_true(subject_of("memory.oom", node), !must_kill || kills > 0, what, why);
  finding.bound = static_cast<double>(limit) / kMiB;
  finding.observed = static_cast<double>(demand) / kMiB;
  return finding;
}

}  // namespace

std::vector<Finding> judge_memory_oom(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  if (observation.machine.swap_bytes > 0) return findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const std::optional<int64_t> limit = memory_limit_bytes(scenario, observation, node);
    if (!limit || held_demand_bytes(scenario, node) == 0) continue;
    findings.push_back(judge_missing_kill(scenario, observation, node, *limit));
  }
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    if (observation.workers[i].end != WorkerEnd::OomKilled) continue;
    const std::vector<NodeId> lineage = scenario.tree.lineage(scenario.workers[i].node);
    const bool due = std::any_of(lineage.begin(), lineage.end(), [&](NodeId above) {
      const auto limit = memory_limit_bytes(scenario, observation, above);
      return limit && most_demand_bytes(scenario, observation, above) > *limit;
    });
    Finding finding = is_true(
        subject_of("memory.oom", scenario.workers[i].node), due,
        fmt::format("worker {} in {} was OOM-killed; {}", i, scenario.tree.path(scenario.workers[i].node),
                    due ? "some limit above it was exceeded" : "all demand fits every limit above it"));
    if (machine_was_out_of_memory(observation)) finding.status = Status::Inconclusive;
    findings.push_back(std::move(finding));
  }
  return findings;
}

namespace {

/// Kills of whole groups that the node is in.
int64_t group_kills_above(const Scenario& scenario, const Observation& observation, NodeId node) {
  int64_t kills = 0;
  for (const NodeId above : scenario.tree.lineage(node)) {
    const NodeObservation& seen = observation.nodes[static_cast<size_t>(above)];
    kills += grown(seen.before, seen.drained, Counter::MemoryOomGroupKills).value_or(0);
  }
  return kills;
}

}  // namespace

std::vector<Finding> judge_memory_oom_attribution(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  const auto counted_at = [&](NodeId node) {
    const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
    return grown(seen.before, seen.drained, Counter::MemoryOomKills);
  };
  bool any_kill = oom_killed_in(scenario, observation, kRoot) > 0;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    any_kill = any_kill || counted_at(node).value_or(0) > 0;
  }
  if (!any_kill) return findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const auto counted = counted_at(node);
    int victims = 0;
    bool forks = false;
    for (const size_t i : workers_at(scenario, node)) {
      victims += observation.workers[i].end == WorkerEnd::OomKilled ? 1 : 0;
      forks = forks || tasks_wanted(scenario.workers[i].workload) > 1;
    }
    if (!counted) continue;
    const int64_t twice = group_kills_above(scenario, observation, node);
    const bool holds = *counted >= victims && (forks || *counted <= victims + twice);
    Finding finding = is_true({"memory.oom_attribution", Controller::Memory, node, "kills"}, holds,
                              fmt::format("{} counts {} OOM kills; {} of its own workers were killed",
                                          scenario.tree.path(node), *counted, victims));
    finding.observed = static_cast<double>(*counted);
    finding.bound = victims;
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace treeline

#include "oracle/memory_limits.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/controllers.h"
#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/memory_support.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

constexpr int64_t kForcedPages = 8;

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

/// How far the limit of a node may be exceeded by allocations that are forced.
int64_t forced_bytes(const Scenario& scenario, const Observation& observation, NodeId node) {
  return tasks_wanted_in(scenario, node) * kForcedPages * observation.machine.page_size;
}

/// What the node's workers of whom `lives` holds would keep without its own limit, under those of the tree.
template <typename Lives>
double would_keep_bytes(const Scenario& scenario, const Observation& observation, const Tree& tree,
                        NodeId node, const Lives& lives) {
  return potential(
      scenario, node,
      [&](size_t i) {
        const Workload& workload = scenario.workers[i].workload;
        return lives(i) && holds_memory(workload) ? static_cast<double>(touched_bytes(workload)) : 0.0;
      },
      [&](NodeId id) -> std::optional<double> {
        const auto other = memory_limit_bytes(tree, observation, id);
        return other ? std::optional<double>(static_cast<double>(*other)) : std::nullopt;
      });
}

/// Groups whose memory controller was off for some time: their charge begins anew, and tells of their tasks
/// no more.
std::set<NodeId> ever_without_memory(const Scenario& scenario, const Observation& observation) {
  return ever_lacking(scenario, Controller::Memory,
                      [&](size_t action) { return was_changed(observation, action); });
}

/// Whether a worker that was OOM-killed had not given all back when a reading began: it is not reaped, and
/// has no memory of its own any more (exit_mm), or that is not known.
bool is_on_its_way_out(const WorkerObservation& worker, const Sample& reading) {
  if (worker.end != WorkerEnd::OomKilled || worker.ended_ns <= reading.at_ns - reading.took_ns) return false;
  const auto own = std::find_if(worker.series.begin(), worker.series.end(),
                                [&](const WorkerSample& sample) { return sample.at_ns >= reading.at_ns; });
  return own == worker.series.end() || own->rss_bytes == 0;
}

/// The most that any reading within the segment showed while nobody in the node was on the way out.
std::optional<int64_t> most_without_victims(const Segment& segment, const Observation& observation,
                                            NodeId node, const std::vector<size_t>& workers) {
  const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
  std::optional<int64_t> most;
  const auto take = [&](const Sample& reading) {
    const bool is_fit = std::none_of(workers.begin(), workers.end(), [&](size_t i) {
      return is_on_its_way_out(observation.workers[i], reading);
    });
    const auto value = get(reading.counters, Counter::MemoryCurrent);
    if (is_fit && value) most = std::max(most.value_or(*value), *value);
  };
  const size_t end = std::min(segment.end_sample, seen.series.size());
  for (size_t i = segment.first_sample; i < end; ++i) take(seen.series[i]);
  if (segment.is_last) take({observation.final_at_ns, seen.after, 0});
  return most;
}

/// Page cache below the node that a reclaim for its limit must leave: as much as its children's memory.min
/// is, whose own children are protected only within that.
int64_t protected_cache_bytes(const Scenario& scenario, NodeId node) {
  int64_t sum = 0;
  for (const NodeId child : scenario.tree.children(node)) {
    const Amount amount = get<Amount>(scenario.tree[child].limits, Knob::MemoryMin).value_or(Amount{0});
    int64_t cache = 0;
    for (const size_t i : workers_in(scenario, child)) {
      const Workload& workload = scenario.workers[i].workload;
      cache += touched_bytes(workload) - unreclaimable_bytes(workload);
    }
    sum += std::min(amount.value.value_or(cache), cache);
  }
  return sum;
}

/// The same by what protected the cache in any stretch.
int64_t ever_protected_cache_bytes(const std::vector<Segment>& segments, NodeId node) {
  int64_t most = 0;
  for (const Segment& segment : segments)
    most = std::max(most, protected_cache_bytes(segment.scenario, node));
  return most;
}

/// The most that was read in a stretch whose limits did not change. memory.peak spans them all.
void judge_max_in(const Scenario& scenario, const Observation& observation, const std::set<NodeId>& lacking,
                  const std::vector<Segment>& segments, const Segment& segment,
                  std::vector<Finding>& findings) {
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    if (lacking.contains(node)) continue;
    const auto limit = memory_limit_bytes(segment.scenario.tree, observation, node);
    const std::vector<size_t> workers = workers_in(scenario, node);
    const auto most = most_without_victims(segment, observation, node, workers);
    if (!limit || !most || workers.empty()) continue;
    // A write that lowers the limit kills before the segment begins: whom it killed would still be there.
    const auto lives = [&](size_t i) { return observation.workers[i].ended_ns > segment.change_ns; };
    const bool are_done = std::all_of(workers.begin(), workers.end(), [&](size_t i) {
      const WorkerObservation& worker = observation.workers[i];
      return worker.end == WorkerEnd::OomKilled ||
             (worker.settled_ns >= 0 && worker.settled_ns <= segment.to_ns);
    });
    int64_t bound = *limit + forced_bytes(scenario, observation, node);
    if (!segment.is_first) bound += ever_protected_cache_bytes(segments, node);
    std::string why;
    if (would_keep_bytes(scenario, observation, segment.scenario.tree, node, lives) <=
        static_cast<double>(bound)) {
      why = "its workers would not use more without the limit";
    }
    if (!are_done) why = "its workers were not done";
    findings.push_back(at_most(
        memory_subject("memory.max", node), mib(*most), mib(bound),
        fmt::format("most memory charged to {} from {:.1f} to {:.1f} ms", scenario.tree.path(node),
                    static_cast<double>(segment.from_ns) / 1e6, static_cast<double>(segment.to_ns) / 1e6),
        why));
  }
}

}  // namespace

std::vector<Finding> judge_memory_max(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  const std::set<NodeId> lacking = ever_without_memory(scenario, observation);
  if (changes(scenario, Knob::MemoryMax)) {
    const std::vector<Segment> segments = segments_of(scenario, observation);
    for (const Segment& segment : segments) {
      judge_max_in(scenario, observation, lacking, segments, segment, findings);
    }
    return findings;
  }
  const Tree tree = tree_in_force(scenario, observation, 0);
  const Tree at_end = scenario_at_end(scenario, observation).tree;
  // Whom a limit killed that was lost with its controller would not have used more by the ones of the end.
  const int64_t switched_ns = last_change_ns(scenario, observation, [](const Action& action) {
    return switches_a_controller(action) && action.controller == Controller::Memory;
  });
  const auto lives = [&](size_t i) {
    return switched_ns == 0 || observation.workers[i].end != WorkerEnd::OomKilled ||
           observation.workers[i].ended_ns > switched_ns;
  };
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const std::optional<int64_t> limit = memory_limit_bytes(tree, observation, node);
    if (lacking.contains(node) || !limit || workers_in(scenario, node).empty()) continue;
    const int64_t bound = *limit + forced_bytes(scenario, observation, node);
    const double would_use = would_keep_bytes(scenario, observation, at_end, node, lives);
    std::string why;
    if (would_use <= static_cast<double>(bound)) why = "its workers would not use more without the limit";
    if (!all_settled(scenario, observation, node)) why = "its workers were not done";
    const std::string path = scenario.tree.path(node);
    if (const auto peak = peak_bytes(observation.nodes[static_cast<size_t>(node)])) {
      findings.push_back(at_most(memory_subject("memory.max", node), mib(*peak), mib(bound),
                                 fmt::format("most memory charged to {}", path), why));
    }
    if (observation.machine.swap_bytes > 0) continue;  // what was touched may be swapped out
    findings.push_back(at_most(memory_subject("memory.max", node),
                               mib(witnessed_bytes(scenario, observation, node)), mib(bound),
                               fmt::format("memory that workers in {} hold, by their own count", path), why));
  }
  return findings;
}

namespace {

/// The least of all limits that the node had.
std::optional<int64_t> least_limit_bytes(const Scenario& scenario, const Observation& observation,
                                         NodeId node) {
  std::optional<int64_t> least;
  for (const auto& limit : amounts_of(scenario, observation, node, Knob::MemoryMax)) {
    if (limit) least = std::min(least.value_or(*limit), *limit);
  }
  const int64_t page = observation.machine.page_size;
  return least ? std::optional<int64_t>(*least / page * page) : std::nullopt;
}

Finding judge_missing_kill(const Scenario& scenario, const Observation& observation, NodeId node,
                           int64_t limit) {
  const int64_t demand = held_demand_bytes(scenario, node);
  const int kills = oom_killed_in(scenario, observation, node);
  const bool settled = all_settled(scenario, observation, node);
  const std::string what =
      fmt::format("{} with memory.max {:.3f} MiB, whose workers want {:.3f} MiB at once: {} OOM-killed",
                  scenario.tree.path(node), mib(limit), mib(demand), kills);
  const bool cut_short = any_failed(scenario, observation, node);
  std::string why;
  if (!settled || cut_short) why = "they were not done";
  // A kernel that kills at half of the limit would have been seen to only above that.
  if (demand * 2 <= limit) why = "they want too little to press the limit";
  const int64_t most = most_demand_bytes(scenario, observation, node);
  if (demand <= limit && most > limit) why = "that is too near the limit to tell";
  if (demand <= limit && kills > 0) why = "they were killed before they wanted that much";
  const bool must_kill = demand > limit && settled && !cut_short;
  Finding finding = is_true(memory_subject("memory.oom", node), !must_kill || kills > 0, what, why);
  finding.bound = mib(limit);
  finding.observed = mib(demand);
  return finding;
}

}  // namespace

std::vector<Finding> judge_memory_oom(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  if (observation.machine.swap_bytes > 0) return findings;
  const std::vector<Segment> segments = segments_of(scenario, observation);
  if (segments.empty()) return findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    // The limits of the last stretch: what presses them in the end either fits or was killed.
    const std::optional<int64_t> limit = memory_limit_bytes(segments.back().scenario.tree, observation, node);
    if (!limit || held_demand_bytes(scenario, node) == 0) continue;
    findings.push_back(judge_missing_kill(scenario, observation, node, *limit));
  }
  const auto may_kill = [&](NodeId above) {
    const auto limit = least_limit_bytes(scenario, observation, above);
    return limit && most_demand_bytes(scenario, observation, above) > *limit;
  };
  std::vector<Finding> victims =
      judge_victims(scenario, observation, memory_subject("memory.oom", kRoot), may_kill,
                    "some limit above it was exceeded", "all demand fits every limit above it");
  findings.insert(findings.end(), victims.begin(), victims.end());
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

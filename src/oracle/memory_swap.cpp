#include "oracle/memory_swap.h"

#include <fmt/format.h>

#include <algorithm>

#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/memory_support.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

std::optional<int64_t> peak_swap_bytes(const NodeObservation& node) {
  std::optional<int64_t> peak;
  const auto see = [&](const Counters& counters) {
    for (const Counter counter : {Counter::MemorySwapPeak, Counter::MemorySwapCurrent}) {
      if (const auto value = get(counters, counter)) peak = std::max(peak.value_or(0), *value);
    }
  };
  for (const Sample& sample : node.series) see(sample.counters);
  see(node.after);
  see(node.drained);
  return peak;
}

bool limits_swap(const MachineFacts& machine) {
  return machine.swap_bytes > 0 && machine.knob_context(Controller::Memory).version == CgroupVersion::V2;
}

/// Why swap would not surely have exceeded the bound if nothing limited it.
std::string why_too_little(const Scenario& scenario, const Observation& observation, const Tree& tree,
                           NodeId node, int64_t bound) {
  const auto memory = memory_limit_bytes(tree, observation, node);
  // A pager that is slower than the window shows nothing.
  if (!all_settled(scenario, observation, node)) return "its workers were not done";
  if (!memory) return "no memory.max beside it makes anything be swapped out";
  return held_demand_bytes(scenario, node) <= *memory + bound ? "its workers want too little" : "";
}

/// In each stretch with its own limits.
std::vector<Finding> judge_changing_swap_at(const Scenario& scenario, const Observation& observation,
                                            const std::vector<Segment>& segments, NodeId node) {
  std::vector<Finding> findings;
  const int64_t page = observation.machine.page_size;
  const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
  const std::vector<size_t> workers = workers_in(scenario, node);
  std::optional<int64_t> limit;
  int64_t there = 0;  // when the limit was set
  for (const Segment& segment : segments) {
    const auto set = amount(segment.scenario.tree[node].limits, Knob::MemorySwapMax);
    if (set != limit && !segment.is_first)
      there = get(first_reading(segment, seen), Counter::MemorySwapCurrent).value_or(0);
    limit = set;
    const auto most = most_in(segment, seen, Counter::MemorySwapCurrent);
    if (!limit || !most || workers.empty()) continue;
    const int64_t bound = std::max(*limit / page * page, there);
    std::string why = why_too_little(scenario, observation, segment.scenario.tree, node, bound);
    const bool are_done = std::all_of(workers.begin(), workers.end(), [&](size_t i) {
      const WorkerObservation& worker = observation.workers[i];
      return (worker.settled_ns >= 0 ? worker.settled_ns : worker.ended_ns) <= segment.to_ns;
    });
    const bool are_all_there = std::all_of(workers.begin(), workers.end(), [&](size_t i) {
      return observation.workers[i].ended_ns > segment.change_ns;
    });
    if (!are_done) why = "its workers were not done by then";
    if (!are_all_there) why = "some of its workers had been killed before";
    findings.push_back(at_most(
        memory_subject("memory.swap_max", node), mib(*most), mib(bound),
        fmt::format("most swap charged to {} in {}", scenario.tree.path(node), span_of(segment)), why));
  }
  return findings;
}

}  // namespace

std::vector<Finding> judge_memory_swap_max(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  if (!limits_swap(observation.machine)) return findings;
  if (changes(scenario, Knob::MemoryMax) || changes(scenario, Knob::MemorySwapMax)) {
    const std::vector<Segment> segments = segments_of(scenario, observation);
    for (NodeId node = 0; node < scenario.tree.size(); ++node) {
      for (Finding& finding : judge_changing_swap_at(scenario, observation, segments, node)) {
        findings.push_back(std::move(finding));
      }
    }
    return findings;
  }
  const int64_t page = observation.machine.page_size;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const auto limit = amount(scenario.tree[node].limits, Knob::MemorySwapMax);
    const auto peak = peak_swap_bytes(observation.nodes[static_cast<size_t>(node)]);
    if (!limit || !peak || workers_in(scenario, node).empty()) continue;
    const int64_t bound = *limit / page * page;
    findings.push_back(at_most(memory_subject("memory.swap_max", node), mib(*peak), mib(bound),
                               fmt::format("most swap charged to {}", scenario.tree.path(node)),
                               why_too_little(scenario, observation, scenario.tree, node, bound)));
  }
  return findings;
}

namespace {

/// The most swap that the subtree can get.
int64_t most_swap_bytes(const Scenario& scenario, const Observation& observation, NodeId node) {
  int64_t most = observation.machine.swap_bytes;
  for (const NodeId above : scenario.tree.lineage(node)) {
    most = std::min(most, amount(scenario.tree[above].limits, Knob::MemorySwapMax).value_or(most));
  }
  return most;
}

/// The swap that the subtree gets at least, whatever the others do.
int64_t sure_swap_bytes(const Scenario& scenario, const Observation& observation, NodeId node) {
  constexpr int64_t kPagesKeptByCpu = 2 * 64 + 512;
  const auto demand = [&](NodeId id) { return most_demand_bytes(scenario, observation, id); };
  const MachineFacts& machine = observation.machine;
  const int64_t kept = static_cast<int64_t>(machine.cpus.size()) * kPagesKeptByCpu * machine.page_size;
  int64_t sure = machine.swap_bytes - kept - (demand(kRoot) - demand(node));
  for (const NodeId above : scenario.tree.lineage(node)) {
    const auto limit = amount(scenario.tree[above].limits, Knob::MemorySwapMax);
    if (limit) sure = std::min(sure, *limit - (demand(above) - demand(node)));
  }
  for (const NodeId below : scenario.tree.subtree(node)) {
    const auto limit = amount(scenario.tree[below].limits, Knob::MemorySwapMax);
    if (below != node && limit && *limit < demand(below)) sure = 0;
  }
  return std::max<int64_t>(sure, 0);
}

/// Nothing that the workers may do makes a kill for want of memory at this node necessary.
bool surely_fits(const Scenario& scenario, const Observation& observation, NodeId node) {
  const auto limit = memory_limit_bytes(scenario, observation, node);
  const int64_t most = most_demand_bytes(scenario, observation, node);
  if (!limit || most <= *limit) return true;
  int64_t can_be_swapped = 0;
  for (const size_t i : workers_in(scenario, node)) {
    can_be_swapped += unreclaimable_bytes(scenario.workers[i].workload);
  }
  return most - can_be_swapped <= *limit && most <= *limit + sure_swap_bytes(scenario, observation, node);
}

Finding judge_kills_at(const Scenario& scenario, const Observation& observation, NodeId node, int64_t limit) {
  const int64_t held = held_demand_bytes(scenario, node);
  const int64_t swap = most_swap_bytes(scenario, observation, node);
  const int kills = oom_killed_in(scenario, observation, node);
  const bool done = all_settled(scenario, observation, node) && !any_failed(scenario, observation, node);
  const bool must_kill = done && held > limit + swap;
  std::string why;
  if (held <= limit) why = "they want too little to be swapped out";
  if (!must_kill && !surely_fits(scenario, observation, node)) why = "that is too near the limits to tell";
  if (!must_kill && kills > 0) why = "they were killed before they wanted that much";
  if (!done) why = "they were not done";
  Finding finding = is_true(
      memory_subject("memory.oom_swap", node), !must_kill || kills > 0,
      fmt::format(
          "{} with memory.max {:.3f} MiB and at most {:.3f} MiB of swap, whose workers want {:.3f} MiB at "
          "once: {} OOM-killed",
          scenario.tree.path(node), mib(limit), mib(swap), mib(held), kills),
      why);
  finding.bound = mib(limit + swap);
  finding.observed = mib(held);
  return finding;
}

}  // namespace

std::vector<Finding> judge_memory_oom_swap(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  // A limit that comes or goes kills and reclaims by itself: nothing is said of it here.
  const bool moves = changes(scenario, Knob::MemoryMax) || changes(scenario, Knob::MemorySwapMax);
  if (!limits_swap(observation.machine) || moves) return findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const auto limit = memory_limit_bytes(scenario, observation, node);
    if (!limit || held_demand_bytes(scenario, node) == 0) continue;
    findings.push_back(judge_kills_at(scenario, observation, node, *limit));
  }
  std::vector<Finding> victims = judge_victims(
      scenario, observation, {"memory.oom_swap", Controller::Memory, kRoot, ""},
      [&](NodeId above) { return !surely_fits(scenario, observation, above); },
      "memory and swap above it may have been exceeded", "memory and swap were left");
  findings.insert(findings.end(), victims.begin(), victims.end());
  return findings;
}

}  // namespace treeline

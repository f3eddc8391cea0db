#include "oracle/memory_high.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/rules.h"
#include "oracle/cpu_potential.h"
#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/memory_support.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

double delay_seconds(int64_t over_pages, int64_t high_pages, int64_t hz) {
  const double over = static_cast<double>(over_pages) / static_cast<double>(std::max<int64_t>(high_pages, 1));
  const auto jiffies =
      std::min<double>(64.0 * static_cast<double>(hz) * over * over, 2.0 * static_cast<double>(hz));
  const auto whole = static_cast<int64_t>(jiffies);
  return whole <= hz / 100 ? 0 : static_cast<double>(whole - 1) / static_cast<double>(hz);
}

/// Bytes that the worker had touched by then, by its last sample.
int64_t touched_by(const WorkerObservation& worker, int64_t at_ns, int64_t page) {
  int64_t pages = 0;
  for (const WorkerSample& sample : worker.series) {
    if (sample.at_ns <= at_ns) pages = sample.progress;
  }
  return pages * page;
}

/// What the subtree's workers would have touched by the end of the stretch, each at the speed that it had
/// while it ran or waited for a CPU, as the other limits would let them keep it.
double would_touch_bytes(const Segment& segment, const Observation& observation, NodeId node) {
  const Scenario& scenario = segment.scenario;
  return potential(
      scenario, node,
      [&](size_t i) {
        const WorkerObservation& worker = observation.workers[i];
        const auto bytes = static_cast<double>(unreclaimable_bytes(scenario.workers[i].workload));
        const auto busy_ns =
            static_cast<double>(worker.cpu_clock_ns + std::max<int64_t>(worker.run_delay_ns, 0));
        if (!holds_memory(scenario.workers[i].workload) || busy_ns <= 0 || worker.run_delay_ns < 0)
          return 0.0;
        const int64_t before =
            segment.is_first ? 0 : touched_by(worker, segment.from_ns, observation.machine.page_size);
        const double speed = static_cast<double>(worker.bytes_touched) / busy_ns;
        return std::min(bytes, static_cast<double>(before) +
                                   speed * static_cast<double>(running_ns(observation, segment)));
      },
      [&](NodeId id) -> std::optional<double> {
        const auto most = memory_limit_bytes(scenario, observation, id);
        const auto high = amount(scenario.tree[id].limits, Knob::MemoryHigh);
        if (!most && !high) return std::nullopt;
        return static_cast<double>(std::min(most.value_or(INT64_MAX), high.value_or(INT64_MAX)));
      });
}

/// Some memory.max that could make the kernel kill in the subtree.
bool any_max_near(const Scenario& scenario, NodeId node) {
  for (NodeId id = 0; id < scenario.tree.size(); ++id) {
    if (scenario.tree.are_on_one_path(id, node) && amount(scenario.tree[id].limits, Knob::MemoryMax))
      return true;
  }
  return false;
}

Finding judge_kills(const Scenario& scenario, const Observation& observation, NodeId node,
                    bool was_exceeded) {
  const int kills = oom_killed_in(scenario, observation, node);
  Finding finding = is_true(
      {"memory.high", Controller::Memory, node, "kills"}, kills == 0,
      fmt::format("{} with memory.high, where no memory.max can bind: {} of its workers were OOM-killed",
                  scenario.tree.path(node), kills),
      was_exceeded ? "" : "memory.high was not reached");
  finding.observed = kills;
  if (machine_was_out_of_memory(observation)) finding.status = Status::Inconclusive;
  return finding;
}

}  // namespace

int64_t memory_high_bound_pages(int64_t high_pages, int64_t begun_pages, int64_t tasks, double seconds,
                                int64_t hz, int64_t stock_pages) {
  constexpr int64_t kBatchesInOneFault = 3;
  const double slept = static_cast<double>(tasks) * seconds;
  const int64_t over_pages = std::max<int64_t>(begun_pages - high_pages, 0);
  int64_t batches = 1;
  for (double sum = 0; batches < INT32_MAX; ++batches) {
    sum += delay_seconds(over_pages + batches * kChargeBatchPages, high_pages, hz);
    if (sum > slept) break;
  }
  return high_pages + over_pages + kChargeBatchPages * (batches + kBatchesInOneFault * tasks) + stock_pages;
}

namespace {

std::optional<int64_t> peak_bytes_in(const Segment& segment, const NodeObservation& seen) {
  const bool is_whole = segment.is_first && segment.is_last;
  return is_whole ? peak_in_window_bytes(seen) : most_in(segment, seen, Counter::MemoryCurrent);
}

/// Of one stretch in which the node has memory.high, and was charged with `peak` at most.
Finding judge_growth(const Segment& segment, const Observation& observation, NodeId node, int64_t peak) {
  const Scenario& scenario = segment.scenario;
  const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
  const int64_t high = *amount(scenario.tree[node].limits, Knob::MemoryHigh);
  const int64_t page = observation.machine.page_size;
  const int64_t groups = groups_in(scenario, node, observation.machine, Controller::Memory);
  const int64_t begun = segment.is_first
                            ? baseline_bytes(observation, node)
                            : get(first_reading(segment, seen), Counter::MemoryCurrent).value_or(peak);
  const double seconds = static_cast<double>(segment.to_ns - segment.from_ns) / 1e9;
  const int64_t bound =
      page * memory_high_bound_pages(high / page, begun / page, tasks_wanted_in(scenario, node), seconds,
                                     observation.machine.hz, groups * stock_bytes(observation) / page);
  const std::string why = would_touch_bytes(segment, observation, node) <= static_cast<double>(bound)
                              ? "its workers would not have touched more"
                              : "";
  return at_most(memory_subject("memory.high", node), mib(peak), mib(bound),
                 fmt::format("most memory charged to {} with memory.high {:.3f} MiB in {}",
                             scenario.tree.path(node), mib(high), span_of(segment)),
                 why);
}

void judge_node(const Scenario& scenario, const std::vector<Segment>& stretches,
                const Observation& observation, NodeId node, std::vector<Finding>& findings) {
  bool is_judged = false;
  bool was_exceeded = false;
  for (const Segment& segment : stretches) {
    const auto high = amount(segment.scenario.tree[node].limits, Knob::MemoryHigh);
    const auto peak = peak_bytes_in(segment, observation.nodes[static_cast<size_t>(node)]);
    if (!high || !peak) continue;
    is_judged = true;
    was_exceeded = was_exceeded || *peak > *high;
    findings.push_back(judge_growth(segment, observation, node, *peak));
  }
  if (is_judged && !any_max_near(scenario, node)) {
    findings.push_back(judge_kills(scenario, observation, node, was_exceeded));
  }
}

}  // namespace

std::vector<Finding> judge_memory_high(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  // A memory.max that comes or goes kills and reclaims by itself: nothing is said of it here.
  if (changes(scenario, Knob::MemoryMax)) return findings;
  const std::vector<Segment> stretches = stretches_of(scenario, observation, Knob::MemoryHigh);
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    if (!workers_in(scenario, node).empty()) judge_node(scenario, stretches, observation, node, findings);
  }
  return findings;
}

}  // namespace treeline

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

/// What the subtree's workers would have touched in the window, each at the speed that it had while it ran or
/// waited for a CPU, as the other limits would let them keep it.
double would_touch_bytes(const Scenario& scenario, const Observation& observation, NodeId node) {
  return potential(
      scenario, node,
      [&](size_t i) {
        const WorkerObservation& worker = observation.workers[i];
        const auto bytes = static_cast<double>(unreclaimable_bytes(scenario.workers[i].workload));
        const auto busy_ns =
            static_cast<double>(worker.cpu_clock_ns + std::max<int64_t>(worker.run_delay_ns, 0));
        if (!holds_memory(scenario.workers[i].workload) || busy_ns <= 0 || worker.run_delay_ns < 0)
          return 0.0;
        const double speed = static_cast<double>(worker.bytes_touched) / busy_ns;
        return std::min(bytes, speed * static_cast<double>(observation.window_ns));
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

int64_t memory_high_bound_pages(int64_t high_pages, int64_t tasks, double seconds, int64_t hz,
                                int64_t stock_pages) {
  constexpr int64_t kBatchesInOneFault = 3;
  const double slept = static_cast<double>(tasks) * seconds;
  int64_t batches = 0;
  for (double sum = 0; batches < INT32_MAX; ++batches) {
    sum += delay_seconds(batches * kChargeBatchPages, high_pages, hz);
    if (sum > slept) break;
  }
  return high_pages + kChargeBatchPages * (batches + kBatchesInOneFault * tasks) + stock_pages;
}

std::vector<Finding> judge_memory_high(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  // A memory.max that comes or goes kills and reclaims by itself: nothing is said of it here.
  if (changes(scenario, Knob::MemoryMax)) return findings;
  const int64_t page = observation.machine.page_size;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const auto high = amount(scenario.tree[node].limits, Knob::MemoryHigh);
    const std::vector<size_t> workers = workers_in(scenario, node);
    if (!high || workers.empty()) continue;
    const auto& seen = observation.nodes[static_cast<size_t>(node)];
    const auto peak = peak_in_window_bytes(seen);
    if (!peak) continue;
    int64_t tasks = 0;
    for (const size_t i : workers) tasks += tasks_wanted(scenario.workers[i].workload);
    const int64_t groups = groups_in(scenario, node, observation.machine, Controller::Memory);
    const int64_t bound =
        page * memory_high_bound_pages(std::max(*high, baseline_bytes(observation, node)) / page, tasks,
                                       measured_ns(observation) / 1e9, observation.machine.hz,
                                       groups * stock_bytes(observation) / page);
    const double would = would_touch_bytes(scenario, observation, node);
    const std::string why =
        would <= static_cast<double>(bound) ? "its workers would not have touched more" : "";
    findings.push_back(
        at_most(memory_subject("memory.high", node), mib(*peak), mib(bound),
                fmt::format("most memory charged to {} with memory.high {:.3f} MiB in {:.0f} ms",
                            scenario.tree.path(node), mib(*high), measured_ns(observation) / 1e6),
                why));
    if (any_max_near(scenario, node)) continue;
    findings.push_back(judge_kills(scenario, observation, node, *peak > *high));
  }
  return findings;
}

}  // namespace treeline

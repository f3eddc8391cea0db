#include "oracle/memory_swap.h"

#include <fmt/format.h>

#include <algorithm>

#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/memory_support.h"

namespace treeline {

namespace {

constexpr double kMiB = 1 << 20;

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

}  // namespace

std::vector<Finding> judge_memory_swap_max(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  const bool is_sum = observation.machine.knob_context(Controller::Memory).version == CgroupVersion::V1;
  if (observation.machine.swap_bytes == 0 || is_sum) return findings;
  const int64_t page = observation.machine.page_size;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const auto limit = amount(scenario.tree[node].limits, Knob::MemorySwapMax);
    const auto peak = peak_swap_bytes(observation.nodes[static_cast<size_t>(node)]);
    if (!limit || !peak || workers_in(scenario, node).empty()) continue;
    const auto memory = memory_limit_bytes(scenario, observation, node);
    const int64_t bound = *limit / page * page;
    std::string why;
    if (!memory) why = "no memory.max beside it makes anything be swapped out";
    if (memory && held_demand_bytes(scenario, node) <= *memory + bound) why = "its workers want too little";
    // A pager that is slower than the window shows nothing.
    if (!all_settled(scenario, observation, node)) why = "its workers were not done";
    findings.push_back(at_most({"memory.swap_max", Controller::Memory, node, "MiB"},
                               static_cast<double>(*peak) / kMiB, static_cast<double>(bound) / kMiB,
                               fmt::format("most swap charged to {}", scenario.tree.path(node)), why));
  }
  return findings;
}

}  // namespace treeline

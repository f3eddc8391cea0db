#include "oracle/pressure.h"

#include <algorithm>

namespace treeline {

double picks_ns(const WorkerObservation& worker) {
  constexpr double kPickNs = 50'000;
  return kPickNs * static_cast<double>(worker.voluntary_switches + worker.involuntary_switches + 1);
}

double longest_period_ns(const Scenario& scenario, NodeId node) {
  double longest = 0;
  for (const NodeId above : scenario.tree.lineage(node)) {
    const auto limit = get<CpuBandwidth>(scenario.tree[above].limits, Knob::CpuMax);
    if (limit) longest = std::max(longest, static_cast<double>(limit->period_us) * 1'000);
  }
  return longest;
}

double lost_ns(const NodeObservation& seen, const Observation& observation) {
  constexpr double kAveragedEveryNs = 2e9;
  const auto tick = static_cast<double>(observation.machine.tick_ns());
  double lost = tick * (3 + 1 + static_cast<double>(observation.final_at_ns) / kAveragedEveryNs);
  for (const Sample& sample : seen.series) {
    if (!sample.counters.contains(Counter::CpuSomePressureNs)) continue;
    lost += tick + 2 * std::min(tick, static_cast<double>(sample.took_ns));
  }
  return lost;
}

}  // namespace treeline

#include "oracle/pressure.h"

#include <algorithm>
#include <vector>

#include "oracle/cpu_turn.h"
#include "oracle/segments.h"

namespace treeline {

double picks_ns(const WorkerObservation& worker) {
  constexpr double kPickNs = 50'000;
  return kPickNs * static_cast<double>(worker.voluntary_switches + worker.involuntary_switches + 1);
}

namespace {

/// Of a cpu.max on the way up from the node; 0 if there is none.
double longest_period_ns(const Scenario& scenario, NodeId node) {
  double longest = 0;
  for (const NodeId above : scenario.tree.lineage(node)) {
    const auto limit = get<CpuBandwidth>(scenario.tree[above].limits, Knob::CpuMax);
    if (limit) longest = std::max(longest, static_cast<double>(limit->period_us) * 1'000);
  }
  return longest;
}

}  // namespace

double longest_absence_ns(const Scenario& scenario, const Observation& observation, NodeId node) {
  double longest = 0;
  std::vector<Scenario> until;
  for (size_t actions = 0; actions <= scenario.actions.size(); ++actions) {
    until.push_back(scenario_in_force(scenario, observation, actions));
    longest = std::max(longest, turn_ns(until, observation, node) + longest_period_ns(until.back(), node));
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

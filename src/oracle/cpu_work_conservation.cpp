#include "oracle/cpu_work_conservation.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/rules.h"
#include "oracle/demand.h"
#include "oracle/finding.h"

namespace treeline {

namespace {

/// Limits above under which even a runnable task may have to wait while its CPU idles.
bool may_have_to_sleep(const Scenario& scenario, NodeId node) {
  const std::vector<NodeId> lineage = scenario.tree.lineage(node);
  return std::any_of(lineage.begin(), lineage.end(), [&](NodeId above) {
    const Limits& limits = scenario.tree[above].limits;
    return limits.contains(Knob::CpuMax) || limits.contains(Knob::MemoryHigh) ||
           limits.contains(Knob::Freeze);
  });
}

struct Hogs {
  int64_t runnable_ns = 0;  ///< Of the one that was so for longest.
  double used_ns = 0;       ///< Of all.
};

Hogs hogs_at(const Scenario& scenario, const Observation& observation, NodeId node) {
  Hogs hogs;
  for (const size_t i : workers_at(scenario, node)) {
    const WorkerObservation& worker = observation.workers[i];
    if (!always_wants_cpu(scenario.workers[i].workload) || worker.end != WorkerEnd::Stopped) continue;
    hogs.runnable_ns = std::max(hogs.runnable_ns, observation.window_ns - worker.started_ns);
    hogs.used_ns += static_cast<double>(worker.cpu_clock_ns - worker.attached_cpu_ns);
  }
  return hogs;
}

}  // namespace

std::vector<Finding> judge_cpu_work_conservation(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  if (!scenario.actions.empty() || observation.noise_began_ns == Observation::kNotKnown) return findings;
  const auto monitored_ns = static_cast<double>(observation.final_at_ns - observation.noise_began_ns);
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const Hogs hogs = hogs_at(scenario, observation, node);
    if (hogs.runnable_ns <= 0 || may_have_to_sleep(scenario, node)) continue;
    const IdSet cpus = effective_cpus(scenario.tree, node, observation.machine);
    double idle_ns = 0;
    double error_ns = 0;
    const std::vector<CpuNoise> monitored = noise_on(observation, cpus);
    for (const CpuNoise& noise : monitored) {
      idle_ns += static_cast<double>(noise.idle_ns);
      error_ns += static_cast<double>(noise.idle_error_ns);
    }
    if (monitored.size() != cpus.ids.size()) continue;
    const double bound = static_cast<double>(monitored.size()) * monitored_ns + error_ns -
                         static_cast<double>(hogs.runnable_ns);
    findings.push_back(
        at_most({"cpu.work_conservation", Controller::Cpu, node, "ms"}, idle_ns / 1e6, bound / 1e6,
                fmt::format("idle time of CPU {} while {} always wants it", format_id_set(cpus),
                            scenario.tree.path(node)),
                idle_ns + hogs.used_ns / 2 > bound ? "" : "others may have kept the CPU busy"));
  }
  return findings;
}

}  // namespace treeline

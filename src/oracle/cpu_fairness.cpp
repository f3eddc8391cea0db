#include "oracle/cpu_fairness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/rules.h"
#include "oracle/demand.h"
#include "oracle/finding.h"

namespace treeline {

namespace {

constexpr int64_t kWarmUpNs = int64_t{8} * 32'000'000;
constexpr double kResidual = 1.0 / 256;
constexpr double kTaskShares = 1'024;

bool anything_takes_tasks_away(const Scenario& scenario) {
  if (!scenario.actions.empty()) return true;
  return std::any_of(scenario.tree.nodes.begin(), scenario.tree.nodes.end(), [](const Node& node) {
    const auto limit = get<CpuBandwidth>(node.limits, Knob::CpuMax);
    return limit && limit->quota_us;
  });
}

/// The one CPU that all workers of the subtree compete for without ever sleeping; -1 if it is not so.
int contended_cpu(const Scenario& scenario, const Observation& observation, NodeId top) {
  int cpu = -1;
  for (const size_t i : workers_in(scenario, top)) {
    const Worker& worker = scenario.workers[i];
    const IdSet cpus = effective_cpus(scenario.tree, worker.node, observation.machine);
    if (!always_wants_cpu(worker.workload) || cpus.ids.size() != 1) return -1;
    if (observation.workers[i].end != WorkerEnd::Stopped) return -1;
    if (cpu >= 0 && cpus.ids[0] != cpu) return -1;
    cpu = cpus.ids[0];
  }
  return cpu;
}

struct Service {
  double first_ns = 0;
  double last_ns = 0;
  double first_took_ns = 0;
  double last_took_ns = 0;
  bool known = false;
  double grown() const { return last_ns - first_ns; }
};

/// CPU time between the first sample after the warm-up and the last one inside the window.
Service service_of(const Observation& observation, NodeId node) {
  Service service;
  for (const Sample& sample : observation.nodes[static_cast<size_t>(node)].series) {
    const auto usage = get(sample.counters, Counter::CpuUsageNs);
    if (!usage || sample.at_ns < kWarmUpNs || sample.at_ns > observation.window_ns) continue;
    if (!service.known) {
      service.first_ns = static_cast<double>(*usage);
      service.first_took_ns = static_cast<double>(sample.took_ns);
    }
    service.last_ns = static_cast<double>(*usage);
    service.last_took_ns = static_cast<double>(sample.took_ns);
    service.known = true;
  }
  return service;
}

}  // namespace

std::vector<Finding> judge_cpu_fairness(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  if (anything_takes_tasks_away(scenario)) return findings;
  for (NodeId parent = 0; parent < scenario.tree.size(); ++parent) {
    const int cpu = contended_cpu(scenario, observation, parent);
    if (cpu < 0) continue;
    std::vector<NodeId> groups;
    double total = 0;
    double competitors = 0;
    for (const size_t i : workers_at(scenario, parent)) {
      competitors += std::get<CpuHog>(scenario.workers[i].workload).threads;
    }
    // A group with the default weight has as many shares as a task.
    if (has_leaf_proxy(scenario, parent, observation.machine, Controller::Cpu)) competitors = 1;
    total += kTaskShares * competitors;
    for (const NodeId child : scenario.tree.children(parent)) {
      if (workers_in(scenario, child).empty()) continue;
      groups.push_back(child);
      total += static_cast<double>(shares_of(scenario.tree[child].limits));
      competitors += 1;
    }
    if (groups.empty() || competitors < 2) continue;
    const Service whole = service_of(observation, parent);
    const double quantum = std::max(static_cast<double>(observation.machine.base_slice_ns),
                                    static_cast<double>(observation.machine.tick_ns())) +
                           tick_or_gap_ns(observation, cpu);
    const double tolerance = 2 * quantum + whole.first_took_ns + whole.last_took_ns +
                             kResidual * whole.grown() + 2 * usage_rounding_ns(observation);
    for (const NodeId child : groups) {
      const Service own = service_of(observation, child);
      if (!own.known || !whole.known) continue;
      const double share = static_cast<double>(shares_of(scenario.tree[child].limits)) / total;
      const double unweighted = std::fabs(share - 1 / competitors);
      const double effect = std::max(unweighted, share / 2) * whole.grown();
      const std::string why =
          tolerance < effect ? "" : "the window is too short, or too noisy, for the weights to show";
      findings.push_back(equal_within(
          {"cpu.fairness", Controller::Cpu, child, "ms"}, own.grown() / 1e6, share * whole.grown() / 1e6,
          tolerance / 1e6,
          fmt::format("CPU time of {} with {:.1f}% of its siblings' weight, of {:.1f} ms of its parent",
                      scenario.tree.path(child), share * 100, whole.grown() / 1e6),
          why));
    }
  }
  return findings;
}

}  // namespace treeline

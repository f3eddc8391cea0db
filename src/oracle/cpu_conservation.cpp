#include "oracle/cpu_conservation.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "oracle/demand.h"
#include "oracle/finding.h"

namespace treeline {

namespace {

constexpr double kUsageRoundingNs = 2'000;

std::optional<int64_t> used_ns(const Observation& observation, NodeId node) {
  const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
  return grown(seen.before, seen.drained, Counter::CpuUsageNs);
}

struct Account {
  double used_ns = 0;
  double tolerance_ns = 0;
  bool complete = true;  ///< No worker left children that nobody of its own waited for.
};

Account account_of(const Scenario& scenario, const Observation& observation,
                   const std::vector<size_t>& workers) {
  Account account;
  for (const size_t i : workers) {
    const WorkerObservation& worker = observation.workers[i];
    account.used_ns += static_cast<double>(worker.user_ns + worker.system_ns);
    account.tolerance_ns += static_cast<double>(worker.attached_cpu_ns) + kUsageRoundingNs +
                            static_cast<double>(observation.machine.tick_ns()) + max_gap_ns(observation);
    const bool died = worker.end == WorkerEnd::OomKilled || worker.end == WorkerEnd::Killed;
    if (died && tasks_wanted(scenario.workers[i].workload) > 1) account.complete = false;
  }
  return account;
}

/// Somebody who was at the nodes once, whom `is_here` tells, is to leave them or has come: rusage does not
/// tell what he used where.
bool is_crossed(const Scenario& scenario, const std::function<bool(NodeId)>& is_here) {
  return std::any_of(scenario.actions.begin(), scenario.actions.end(), [&](const Action& action) {
    if (!moves_a_worker(action)) return false;
    return is_here(action.node) != is_here(scenario.workers[static_cast<size_t>(action.worker)].node);
  });
}

}  // namespace

std::vector<Finding> judge_cpu_conservation(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const std::vector<NodeId> children = scenario.tree.children(node);
    const auto used = used_ns(observation, node);
    if (children.empty() || !used || workers_in(scenario, node).empty()) continue;
    if (is_crossed(scenario, [&](NodeId place) { return place == node; })) continue;
    const Account own = account_of(scenario, observation, workers_at(scenario, node));
    double below = 0;
    double most = 0;
    bool all_read = true;
    for (const NodeId child : children) {
      const auto child_ns = used_ns(observation, child);
      all_read = all_read && child_ns;
      below += static_cast<double>(child_ns.value_or(0));
      most = std::max(most, static_cast<double>(child_ns.value_or(0)));
    }
    if (!all_read) continue;
    const double tolerance = own.tolerance_ns + kUsageRoundingNs * static_cast<double>(children.size());
    std::string why;
    if (most <= tolerance) why = "no child used more than the tolerance";
    if (!own.complete) why = "a killed worker left children";
    Finding finding = equal_within(
        {"cpu.conservation", Controller::Cpu, node, "ms"}, static_cast<double>(*used) / 1e6,
        (below + own.used_ns) / 1e6, tolerance / 1e6,
        fmt::format("CPU time of {} against its own tasks' and its children's", scenario.tree.path(node)),
        why);
    if (!own.complete) finding.status = Status::Inconclusive;
    findings.push_back(std::move(finding));
  }
  return findings;
}

std::vector<Finding> judge_cpu_rusage(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const std::vector<size_t> workers = workers_in(scenario, node);
    const auto used = used_ns(observation, node);
    if (workers.empty() || !used) continue;
    if (is_crossed(scenario, [&](NodeId place) { return scenario.tree.is_in_subtree(place, node); }))
      continue;
    const Account account = account_of(scenario, observation, workers);
    std::string why;
    if (account.used_ns < 2 * account.tolerance_ns) why = "its workers used too little to tell";
    if (!account.complete) why = "a killed worker left children";
    Finding finding = equal_within(
        {"cpu.rusage", Controller::Cpu, node, "ms"}, static_cast<double>(*used) / 1e6, account.used_ns / 1e6,
        account.tolerance_ns / 1e6,
        fmt::format("CPU time of {} against its workers' rusage", scenario.tree.path(node)), why);
    if (!account.complete) finding.status = Status::Inconclusive;
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace treeline

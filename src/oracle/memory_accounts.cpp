#include "oracle/memory_accounts.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/rules.h"
#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/memory_support.h"

namespace treeline {

namespace {

std::optional<int64_t> current(const Observation& observation, NodeId node) {
  return get(observation.nodes[static_cast<size_t>(node)].after, Counter::MemoryCurrent);
}

bool has_baseline(const Observation& observation, NodeId node) {
  return get(observation.nodes[static_cast<size_t>(node)].before, Counter::MemoryCurrent).has_value();
}

bool died(const WorkerObservation& worker) {
  return worker.end == WorkerEnd::OomKilled || worker.end == WorkerEnd::Killed;
}

struct Holdings {
  int64_t sure = 0;      ///< Anonymous and shared pages that are touched and kept.
  int64_t possible = 0;  ///< On top: page cache, what was freed meanwhile, overhead.
  int64_t rss = 0;       ///< By /proc.
  int64_t rss_error = 0;
};

Holdings holdings_of(const Scenario& scenario, const Observation& observation,
                     const std::vector<size_t>& workers) {
  const auto cpus = static_cast<int64_t>(observation.machine.cpus.size());
  const int64_t page = observation.machine.page_size;
  Holdings sum;
  for (const size_t i : workers) {
    const WorkerObservation& worker = observation.workers[i];
    const Workload& workload = scenario.workers[i].workload;
    sum.possible += overhead_bytes(workload, page);
    const bool reclaimable = unreclaimable_bytes(workload) == 0;
    if (reclaimable || died(worker) || !holds_memory(workload)) {
      if (!died(worker) || reclaimable) sum.possible += worker.bytes_touched;
      continue;
    }
    sum.sure += std::min(worker.bytes_touched, unreclaimable_bytes(workload));
    sum.rss += std::max<int64_t>(worker.held_rss_bytes, 0);
    sum.rss_error += (64 * cpus + 64) * page;
  }
  return sum;
}

}  // namespace

std::vector<Finding> judge_memory_conservation(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const std::vector<NodeId> children = scenario.tree.children(node);
    const auto charged = current(observation, node);
    const bool all_read =
        has_baseline(observation, node) && std::all_of(children.begin(), children.end(), [&](NodeId child) {
          return current(observation, child) && has_baseline(observation, child);
        });
    if (children.empty() || !charged || !all_read || workers_in(scenario, node).empty()) continue;
    const Holdings own = holdings_of(scenario, observation, workers_at(scenario, node));
    // What its own tasks hold may be swapped out.
    if (observation.machine.swap_bytes > 0 && own.sure > 0) continue;
    int64_t below = 0;
    int64_t most = 0;
    int64_t base = baseline_bytes(observation, node);
    for (const NodeId child : children) {
      const int64_t bytes = *current(observation, child);
      below += bytes;
      most = std::max(most, bytes);
      base -= baseline_bytes(observation, child);
    }
    // A leaf proxy's stock is its own.
    const bool has_proxy = has_leaf_proxy(scenario, node, observation.machine, Controller::Memory);
    const int64_t tolerance = (has_proxy ? 2 : 1) * stock_bytes(observation) + own.possible;
    std::string why;
    if (most <= 2 * tolerance) why = "its children hold too little to tell";
    if (!all_still(scenario, observation, node)) why = "its workers were not still when it was read";
    Finding finding = equal_within(
        memory_subject("memory.conservation", node), mib(*charged), mib(below + base + own.sure),
        mib(tolerance),
        fmt::format("memory of {} against its own tasks' and its children's", scenario.tree.path(node)), why);
    if (!all_still(scenario, observation, node)) finding.status = Status::Inconclusive;
    findings.push_back(std::move(finding));
  }
  return findings;
}

std::vector<Finding> judge_memory_rss(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  if (observation.machine.swap_bytes > 0) return findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const std::vector<size_t> workers = workers_in(scenario, node);
    const auto charged = current(observation, node);
    if (workers.empty() || !charged || !has_baseline(observation, node)) continue;
    if (!all_still(scenario, observation, node)) continue;
    const Holdings held = holdings_of(scenario, observation, workers);
    const int64_t least = std::max(held.sure, held.rss - held.rss_error);
    const int64_t groups = groups_in(scenario, node, observation.machine, Controller::Memory);
    const int64_t most =
        held.sure + held.possible + baseline_bytes(observation, node) + groups * stock_bytes(observation);
    if (held.sure + held.rss == 0 && held.possible == 0) continue;
    const std::string path = scenario.tree.path(node);
    const std::string why = held.sure * 2 <= most ? "its workers hold too little to tell" : "";
    findings.push_back(at_least(memory_subject("memory.rss", node), mib(*charged), mib(least),
                                fmt::format("memory charged to {} against what its workers hold", path),
                                why));
    findings.push_back(
        at_most(memory_subject("memory.rss", node), mib(*charged), mib(most),
                fmt::format("memory charged to {} against all that its workers could cause", path), why));
  }
  return findings;
}

namespace {

/// A group that is made later is charged to its parent (mm/memcontrol.c, mem_cgroup_css_alloc), which the
/// reading before it was there does not have.
bool gets_a_group_below(const Scenario& scenario, NodeId node) {
  return std::any_of(scenario.actions.begin(), scenario.actions.end(), [&](const Action& action) {
    return action.kind == Action::Kind::Create && action.node != node &&
           scenario.tree.is_in_subtree(action.node, node);
  });
}

}  // namespace

std::vector<Finding> judge_memory_drained(const Scenario& scenario, const Observation& observation) {
  constexpr int64_t kWorkerPages = 32;
  std::vector<Finding> findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
    const std::vector<size_t> workers = workers_in(scenario, node);
    const auto left = get(seen.drained, Counter::MemoryCurrent);
    const auto peak = get(seen.after, Counter::MemoryPeak);
    if (workers.empty() || !left || !peak || !has_baseline(observation, node)) continue;
    if (gets_a_group_below(scenario, node)) continue;
    const auto groups =
        std::min<int64_t>(groups_in(scenario, node, observation.machine, Controller::Memory), kStockSlots);
    const int64_t bound = baseline_bytes(observation, node) + groups * stock_bytes(observation) +
                          static_cast<int64_t>(workers.size()) * kWorkerPages * observation.machine.page_size;
    const std::string why = *peak <= bound ? "it never held more than may stay" : "";
    findings.push_back(at_most(
        memory_subject("memory.drained", node), mib(*left), mib(bound),
        fmt::format("memory still charged to {} after all of its tasks are gone", scenario.tree.path(node)),
        why));
  }
  return findings;
}

}  // namespace treeline

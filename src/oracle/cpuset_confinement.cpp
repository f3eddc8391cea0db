#include "oracle/cpuset_confinement.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/rules.h"
#include "oracle/finding.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

/// CPUs on which the worker may have run at some time: those of each node in which it was.
IdSet allowed_ever(const Scenario& scenario, const Observation& observation, size_t worker) {
  std::set<int> ids;
  const auto add = [&](NodeId node) {
    const IdSet cpus = effective_cpus(scenario.tree, node, observation.machine);
    ids.insert(cpus.ids.begin(), cpus.ids.end());
  };
  add(scenario.workers[worker].node);
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    const bool is_of_it =
        action.kind == Action::Kind::Migrate && static_cast<size_t>(action.worker) == worker;
    if (is_of_it && was_changed(observation, i)) add(action.node);
  }
  return IdSet{{ids.begin(), ids.end()}};
}

}  // namespace

std::vector<Finding> judge_cpuset_confinement(const Scenario& whole, const Observation& observation) {
  const Scenario scenario = scenario_at_end(whole, observation);
  std::vector<Finding> findings;
  const bool any = std::any_of(scenario.tree.nodes.begin(), scenario.tree.nodes.end(),
                               [](const Node& node) { return node.limits.contains(Knob::CpusetCpus); });
  if (!any) return findings;
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    const NodeId node = scenario.workers[i].node;
    const WorkerObservation& seen = observation.workers[i];
    const IdSet allowed = effective_cpus(scenario.tree, node, observation.machine);
    const IdSet ever = allowed_ever(whole, observation, i);
    const bool ran_inside =
        std::includes(ever.ids.begin(), ever.ids.end(), seen.cpus_seen.ids.begin(), seen.cpus_seen.ids.end());
    const bool told_inside = seen.cpus_allowed.empty() || seen.cpus_allowed == format_id_set(allowed);
    std::string why;
    if (seen.cpus_allowed.empty()) why = "it was dead before it could be asked";
    if (seen.cpus_seen.ids.empty()) why = "it never ran";
    if (allowed.ids.size() >= observation.machine.cpus.size()) why = "it may use every CPU";
    findings.push_back(
        is_true({"cpuset.confinement", Controller::Cpuset, node, ""}, ran_inside && told_inside,
                fmt::format("worker {} in {} may run on CPUs {}; it ran on {}, and the kernel allows {}", i,
                            scenario.tree.path(node), format_id_set(ever), format_id_set(seen.cpus_seen),
                            seen.cpus_allowed),
                why));
  }
  return findings;
}

}  // namespace treeline

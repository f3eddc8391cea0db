#include "oracle/cpuset_confinement.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/rules.h"
#include "oracle/finding.h"

namespace treeline {

std::vector<Finding> judge_cpuset_confinement(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  const bool any = std::any_of(scenario.tree.nodes.begin(), scenario.tree.nodes.end(),
                               [](const Node& node) { return node.limits.contains(Knob::CpusetCpus); });
  if (!any) return findings;
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    const NodeId node = scenario.workers[i].node;
    const WorkerObservation& seen = observation.workers[i];
    const IdSet allowed = effective_cpus(scenario.tree, node, observation.machine);
    const bool ran_inside = std::includes(allowed.ids.begin(), allowed.ids.end(), seen.cpus_seen.ids.begin(),
                                          seen.cpus_seen.ids.end());
    const bool told_inside = seen.cpus_allowed.empty() || seen.cpus_allowed == format_id_set(allowed);
    std::string why;
    if (seen.cpus_allowed.empty()) why = "it was dead before it could be asked";
    if (seen.cpus_seen.ids.empty()) why = "it never ran";
    if (allowed.ids.size() >= observation.machine.cpus.size()) why = "it may use every CPU";
    findings.push_back(
        is_true({"cpuset.confinement", Controller::Cpuset, node, ""}, ran_inside && told_inside,
                fmt::format("worker {} in {} may run on CPUs {}; it ran on {}, and the kernel allows {}", i,
                            scenario.tree.path(node), format_id_set(allowed), format_id_set(seen.cpus_seen),
                            seen.cpus_allowed),
                why));
  }
  return findings;
}

}  // namespace treeline

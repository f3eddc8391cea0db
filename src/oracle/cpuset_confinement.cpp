#include "oracle/cpuset_confinement.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/rules.h"
#include "model/threads.h"
#include "oracle/finding.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

/// Where a worker may run, and where it was seen, between two actions.
struct Stretch {
  IdSet allowed;
  IdSet seen;
  bool is_confined = false;  ///< The kernel had a CPU to keep it from.
};

Stretch stretch_of(const Scenario& whole, const Observation& observation, size_t worker, size_t actions) {
  const Scenario scenario = scenario_in_force(whole, observation, actions);
  const MachineFacts machine = machine_in_force(whole, observation, actions);
  const WorkerObservation& own = observation.workers[worker];
  const IdSet allowed = effective_cpus(scenario.tree, scenario.workers[worker].node, machine);
  const bool is_apart = actions < own.cpus_by_stretch.size();
  return {allowed, is_apart ? own.cpus_by_stretch[actions] : own.cpus_seen,
          allowed.ids.size() < machine.cpus.size()};
}

std::vector<Stretch> stretches_of(const Scenario& whole, const Observation& observation, size_t worker) {
  std::vector<Stretch> stretches;
  for (size_t actions = 0; actions <= whole.actions.size(); ++actions) {
    stretches.push_back(stretch_of(whole, observation, worker, actions));
  }
  if (!observation.workers[worker].cpus_by_stretch.empty()) return stretches;
  // It is only known where it ran at any time.
  std::set<int> ever;
  for (const Stretch& stretch : stretches) {
    ever.insert(stretch.allowed.ids.begin(), stretch.allowed.ids.end());
  }
  return {{IdSet{{ever.begin(), ever.end()}}, stretches.back().seen, stretches.back().is_confined}};
}

bool ran_inside(const Stretch& stretch) {
  const auto& [allowed, seen, is_confined] = stretch;
  return std::includes(allowed.ids.begin(), allowed.ids.end(), seen.ids.begin(), seen.ids.end());
}

std::string why_unproven(const WorkerObservation& worker, const std::vector<Stretch>& stretches) {
  const bool any_confined = std::any_of(stretches.begin(), stretches.end(),
                                        [](const Stretch& stretch) { return stretch.is_confined; });
  const bool ran_confined = std::any_of(stretches.begin(), stretches.end(), [](const Stretch& stretch) {
    return stretch.is_confined && !stretch.seen.ids.empty();
  });
  if (!any_confined) return "it may use every CPU";
  if (!ran_confined) return "it never ran where a CPU was kept from it";
  return worker.cpus_allowed.empty() ? "it was dead before it could be asked" : "";
}

}  // namespace

std::vector<Finding> judge_cpuset_confinement(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  if (observation.machine.cpus.size() < 2) return findings;
  const Scenario at_end = scenario_at_end(scenario, observation);
  const auto has_set = [](const Node& node) { return node.limits.contains(Knob::CpusetCpus); };
  const auto has_sets = [&](const Tree& tree) {
    return std::any_of(tree.nodes.begin(), tree.nodes.end(), has_set);
  };
  if (!has_sets(scenario.tree) && !has_sets(at_end.tree)) return findings;
  for (size_t i = 0; i < at_end.workers.size(); ++i) {
    const NodeId node = at_end.workers[i].node;
    const WorkerObservation& seen = observation.workers[i];
    const std::vector<Stretch> stretches = stretches_of(scenario, observation, i);
    const auto outside = std::find_if_not(stretches.begin(), stretches.end(), ran_inside);
    const Stretch& shown = outside == stretches.end() ? stretches.back() : *outside;
    const IdSet allowed_at_end = stretch_of(scenario, observation, i, scenario.actions.size()).allowed;
    const bool told_inside = seen.cpus_allowed.empty() || seen.cpus_allowed == format_id_set(allowed_at_end);
    findings.push_back(is_true(
        {"cpuset.confinement", Controller::Cpuset, node, ""}, outside == stretches.end() && told_inside,
        fmt::format("{} in {} may run on CPUs {}{}; it ran on {}, and in the end the kernel allows {}",
                    worker_name(at_end, i), at_end.tree.path(node), format_id_set(shown.allowed),
                    stretches.size() == 1 ? ""
                                          : fmt::format(" after {} of {} actions", &shown - stretches.data(),
                                                        stretches.size() - 1),
                    format_id_set(shown.seen), seen.cpus_allowed),
        why_unproven(seen, stretches)));
  }
  return findings;
}

}  // namespace treeline

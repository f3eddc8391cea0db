#include "oracle/cgroup_controllers.h"

#include <fmt/format.h>

#include "model/controllers.h"
#include "oracle/finding.h"

namespace treeline {

std::vector<Finding> judge_cgroup_controllers(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    const ActionObservation& seen = observation.actions[i];
    if (!switches_a_controller(action) || seen.started_ns == ActionObservation::kNotTried) continue;
    const std::string expected = expected_below(scenario, action, observation.machine);
    findings.push_back(
        is_true({"cgroup.controllers", action.controller, action.node, ""},
                seen.write_errno == 0 && seen.read == expected,
                fmt::format("{} at {:.1f} ms: {}, then read \"{}\", expected \"{}\"",
                            describe(action, scenario.tree), static_cast<double>(seen.started_ns) / 1e6,
                            errno_name(seen.write_errno), seen.read, expected)));
  }
  return findings;
}

}  // namespace treeline

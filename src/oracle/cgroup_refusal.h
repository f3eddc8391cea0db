#pragma once

#include <optional>
#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// Each attempt (model/attempts.h) is answered with the errno that is due, and what it would have changed
/// reads as before. That it has no hidden effect either is for all other invariants to say: they go on with
/// the state as if it had not been. Where the errno rests on tasks in a group, at least one of them was
/// surely alive.
std::vector<Finding> judge_cgroup_refusal(const Scenario& scenario, const Observation& observation);

struct Run {
  Scenario scenario;
  Observation observation;
};
/// The run as if nothing had been attempted; nullopt if nothing was. The executor attempts with real-time
/// priority: that time, which may be all at once, a CPU was away.
std::optional<Run> without_attempts(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

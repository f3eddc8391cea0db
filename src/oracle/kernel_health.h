#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// The kernel neither warned nor got tainted while the scenario ran. OOM reports, and complaints about late
/// timers and clocks, which tell of the machine below, are no violation. Named at the root.
std::vector<Finding> judge_kernel_health(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

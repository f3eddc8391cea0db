#pragma once

#include <vector>

#include "cgroup/cgroup_tree.h"
#include "model/observation.h"
#include "model/scenario.h"

namespace treeline {

/// Tries each probe's write in turn and puts the old value back.
std::vector<ProbeObservation> run_probes(CgroupTree& groups, const Scenario& scenario,
                                         const MachineFacts& machine);

}  // namespace treeline

#pragma once

#include <string>
#include <vector>

#include "cgroup/cgroup_tree.h"
#include "model/observation.h"
#include "model/scenario.h"

namespace treeline {

/// Texts of the files that the writes concern, joined by ' '.
std::string read_joined(const CgroupTree& groups, NodeId node, const std::vector<KnobWrite>& writes,
                        const KnobContext& context);

/// How the files of the action's controller read below its node by now: text_below() of model/controllers.h.
std::string read_below(const CgroupTree& groups, const Scenario& scenario, const Action& action,
                       const MachineFacts& machine);

/// Tries each probe's write in turn and puts the old value back.
std::vector<ProbeObservation> run_probes(CgroupTree& groups, const Scenario& scenario,
                                         const MachineFacts& machine);

}  // namespace treeline

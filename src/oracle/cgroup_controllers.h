#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// Controllers that are switched off and on below a group while work runs: see model/controllers.h for what
/// must hold, and where the kernel says so.
///  - What a scenario may ask for is never refused: groups below that keep the controller are switched off
///    before, and the group itself has it (kernel/cgroup/cgroup.c, cgroup_subtree_control_write). No
///    controller refuses a task that changes its group for it (cgroup_update_dfl_csses: pids_can_attach
///    charges without a look at the limit; cpu_cgroup_can_attach knows real-time tasks only;
///    cpuset_can_attach_check wants CPUs, and effective ones are never none), and a group with children has
///    no tasks of its own, which memory and io would mind (cgroup_vet_subtree_control_enable).
///  - Once it is off, none of the groups below has its files; once it is on, all have, and read as those of
///    a new group.
std::vector<Finding> judge_cgroup_controllers(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

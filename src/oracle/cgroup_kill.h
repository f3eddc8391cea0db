#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// cgroup.kill leaves no task of the subtree alive, frozen or not, and touches no other (v2):
/// kernel/cgroup/cgroup.c,
/// __cgroup_kill sends SIGKILL to every task of every descendant, and cgroup_post_fork to those that are
/// being forked meanwhile. After it:
///  - "populated" reads 0 within the executor's deadline of 500 ms, in which it reaps the dead. A task dies
///  only when
///    it runs: with a quota, or with blocks waiting for a disk, it may take longer;
///  - every worker of the subtree died of SIGKILL, and none elsewhere did.
/// Conclusive for every worker that was alive when it came.
std::vector<Finding> judge_cgroup_kill(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

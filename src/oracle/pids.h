#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// A subtree never has more tasks than pids.max of its root lets fork: kernel/cgroup/pids.c, pids_try_charge,
/// exact at every ancestor. Tasks that are attached are not refused (pids_can_attach only charges), so the
/// bound is the greater of the limit and the workers attached. Conclusive if, under the other limits, more
/// tasks were wanted.
/// Where pids.max is changed or workers move while work runs, each stretch with its limits is judged by
/// itself: children stay, so that the bound is the greater of the limit and what was there when the stretch
/// began (a limit may be set below the present count: Documentation/admin-guide/cgroup-v2.rst). Conclusive if
/// more forks were tried in it than that leaves room for, and no other pids.max stands above or below.
std::vector<Finding> judge_pids_max(const Scenario& scenario, const Observation& observation);

/// A fork fails with EAGAIN iff some ancestor is full. Children stay to the end, so:
///  - no group above wants more tasks than it may have: no refusal;
///  - a group wants more, and no other limit above or below it is exceeded: exactly max − attached forks
///  succeed.
std::vector<Finding> judge_pids_fork(const Scenario& scenario, const Observation& observation);

/// pids.current is the number of the group's own tasks and its children's, exactly, when all hold still. A
/// task that migrates takes its charge along (pids_can_attach), and leaves its children's where it forked
/// them. A thread is a task; where threads move apart they live until all is read.
std::vector<Finding> judge_pids_conservation(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

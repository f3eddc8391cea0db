#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// Groups come and go while work runs (Create, Remove).
///  - A group is made where no rule forbids it, and one whose tasks have all been killed is removed: the
///    writes are never refused (kernel/cgroup/cgroup.c: cgroup_mkdir; cgroup_destroy_locked asks for no
///    populated and no child group only).
///  - What a group has used stays on the account of those above it: their CPU time does not go back
///    (v1: cpuacct_charge charges every ancestor at once; v2: a removed group stays in its parent's rstat
///    tree until css_release_work_fn has flushed it). Conclusive where it has used more than a reading
///    rounds.
///  - When all work is over and its memory is gone, nothing holds a removed group any more (v2: cgroup.stat's
///    nr_dying_descendants). What is still charged above may be its own: a CPU keeps the last group that
///    freed kernel objects, and what it has in advance for it, until it does so for another one
///    (mm/memcontrol.c, refill_obj_stock). Then one that is left is Inconclusive.
std::vector<Finding> judge_cgroup_removal(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

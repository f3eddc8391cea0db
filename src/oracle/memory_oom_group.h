#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// memory.oom.group: the OOM killer takes all tasks of the subtree or none (v2). mm/memcontrol.c,
/// mem_cgroup_get_oom_group: from the victim's group up to the one whose limit was hit, the highest with
/// memory.oom.group is killed as a whole (mem_cgroup_scan_tasks, oom_kill_memcg_member).
///
/// So of a group g with the flag: if a worker of its subtree was OOM-killed, and no group from the worker's
/// up to g, but for g itself, has a memory.max (so that the limit that was hit is g's or one above), no
/// worker of the subtree is left. Conclusive if there was such a kill, and there are two workers at least.
///
/// Where flags or limits change while work runs, the flags of the end count, if nobody was killed before
/// memory.max was lowered after the last of them was set, and a group between has a memory.max if it had one
/// at any time: a write that lowers one kills by the same rule (memory_max_write: mem_cgroup_out_of_memory).
std::vector<Finding> judge_memory_oom_group(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

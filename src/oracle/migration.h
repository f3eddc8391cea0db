#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// In each stretch between two migrations (or changes of a limit), the CPU time that a subtree's counter grew
/// by is what the clocks of the workers grew by that were in it. kernel/cgroup/cgroup.c, css_set_move_task
/// and kernel/sched/core.c, sched_move_task → update_curr: what ran before the move is charged to the old
/// group.
///  - A counter lacks what a task has run since its last update_curr, at most a tick or the longest gap; its
///    own clock does not (posix-cpu-timers → task_sched_runtime). What the counter lacks at the start is
///    counted later, and what it lacks at the end is not: the difference of the two, for each thread that can
///    run at once, is at most one of them. What goes to either side while the task moves (its css_set changes
///    before its run queue does: cgroup_migrate_execute) is before the stretch.
///  - Of threads that move apart the clock is what the scheduler had charged them with (schedstat), by the
///  same
///    update_curr as the group: that lacks no more.
///  - The workers' clocks are read after the groups' counters: between, each CPU runs on; again it is the
///    difference of the two ends that counts.
/// Conclusive if the clocks of those that were in the subtree before the stretch would give another sum.
std::vector<Finding> judge_cpu_migration(const Scenario& scenario, const Observation& observation);

/// "Migrating a process to a different cgroup doesn't move the memory usages that it instantiated while in
/// the previous cgroup to the new cgroup" (Documentation/admin-guide/cgroup-v2.rst, memory ownership; on v1
/// memory.move_charge_at_immigrate is 0 by default). Between the last reading before a migration and the
/// first one after it, no group's memory changes by more than the per-CPU stocks of its subtree's groups hold
/// (mm/memcontrol.c: refill_stock, drain_obj_stock), where all memory hogs have settled and nothing else
/// takes memory. Conclusive if the worker that moves had touched more than that.
std::vector<Finding> judge_memory_migration(const Scenario& scenario, const Observation& observation);

/// A migration is taken while the worker lives: no can_attach of the controllers refuses a task of the fair
/// class that goes to a group with CPUs (kernel/cgroup/pids.c, pids_can_attach only charges;
/// cpuset_can_attach; cpu_cgroup_can_attach). A thread within its threaded domain, or on v1, is no different
/// (kernel/cgroup/cgroup.c, cgroup_attach_permissions, cgroup_migrate_vet_dst); ESRCH if it was not
/// created yet. In each hierarchy it is in one css_set, so that then one group lists it, and no other
/// (css_set_move_task).
std::vector<Finding> judge_cgroup_migration(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

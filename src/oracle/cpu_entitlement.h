#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// A subtree whose hogs always want more than its quota, on CPUs that no other worker of the tree uses, gets
/// it:
///
///   usage ≥ m · min(quota, D·(period − d)) · share − D·Σ_cpu (stolen + gap) − nCPU·slice,   m =
///   ⌊window/period⌋ − 1
///
///  - m periods lie wholly inside the window; each refills the pool (do_sched_cfs_period_timer) and
///    distribute_cfs_runtime wakes the throttled CPUs;
///  - D = min(threads, CPUs) CPUs can use it in parallel;
///  - d: on a CPU where an outside task runs, unthrottle_cfs_rq does not preempt it; the group gets on at the
///  next
///    tick, after the task's base slice: d = tick + base slice if anything else may be running;
///  - share: the outside tasks' weight against the owner group's. But the outside takes no more than what
///    was neither idle nor the subtree's: with D = 1, since CPUs may be idle beside two hogs on one, that is
///    a second bound;
///  - stolen time and one gap a CPU were not the kernel's to give. The period timer is pinned to one CPU
///    (start_cfs_bandwidth): while that one is away nothing is refilled, and all D CPUs may wait for it;
///  - each CPU may end with an unused slice;
///  - where a task of the subtree sleeps at times, its CPU gives its slice back to the pool
///    (__return_cfs_rq_runtime). What lies there reaches a throttled CPU only if it is more than a slice, and
///    not within the last ms of the period (do_sched_cfs_slack_timer, runtime_refresh_within); the next
///    refill sets the pool, and does not add to it. So in each period a slice, and one for each CPU, may be
///    lost: min(quota, …) becomes min(quota − (1 + nCPU)·slice, …).
/// Where cpu.max changes while work runs, each stretch between two changes is judged by what is in force
/// then. A timer that runs keeps its expiry (start_cfs_bandwidth), so that the first refill by the new quota
/// may be as far away as the longest period before, or the default, 100 ms: the window is shorter by that.
/// And a running task may take a debt of a tick, or a gap, on each CPU into the new stretch (update_curr).
/// Conclusive if a kernel that gives only half of the quota would be below the bound: half of the upper bound
/// of cpu_bandwidth.h is less than this lower one.
std::vector<Finding> judge_cpu_entitlement(const Scenario& scenario, const Observation& observation);

/// A subtree that never needs its quota is never throttled: demand in any period + nCPU·(slice + gap) ≤
/// quota, where
///  - a CpuHog with a duty cycle uses at most duty·cycle in each cycle, so in any period at most
///    (⌈period/cycle⌉+1)·duty·cycle per thread, and the few microseconds between two looks at its clock;
///  - slices handed to CPUs that no longer need them are out of the pool's reach (at most one a CPU);
///  - a gap in the middle of a burn counts as use where the kernel cannot see stolen time.
/// Judged by nr_throttled. Holds of subtrees with nothing but such hogs and idle workers.
std::vector<Finding> judge_cpu_no_throttle(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

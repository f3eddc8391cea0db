#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// No runnable task waits for its CPU longer than weights, period and quota allow. Judged of each hog that
/// always wants one CPU (cpusets leave it no other), where all that may run there are CPU hogs, with or
/// without sleep, and idle workers. Observed is the longest time between two samples in which the worker's
/// own CPU clock stood still: less than the wait itself, by up to two sampling intervals.
///
///   wait ≤ c·turn/s + gap                                              without a quota above
///   wait ≤ c·turn/s + gap + (⌈(turn + tick + gap)/quota⌉ + 1)·period    with one
///
///  - turn: within it a runnable hog surely runs, by weights alone (cpu_turn.h). Of several CPUs there are
///  two:
///    one for any time, however little its groups may weigh at first, and a shorter one once the hog's
///    warm-up is over (cpu_weight.h) and it has run again: who waits is not weighed anew (update_cfs_group:
///    of who comes, goes, or is on the CPU at a tick). CFS, before 6.6, keeps what it took in that turn at
///    the old weight: there the next turn must have come, too. The shorter one is not asked for where
///    partitions keep CPUs from the balancing that lets old load decay;
///  - s: what the executor leaves of the CPU: it samples with real-time priority; how long is in the samples;
///  - c = 2 where anything that competes goes to sleep and comes back, what was throttled among it, else 1:
///    what wakes up may first take what it was owed, which EEVDF limits to 2·max(slice, tick) of virtual time
///    (fair.c, update_entity_lag) and CFS to half a latency, 3 ms·(1 + log2 CPUs) (place_entity): both at
///    most 2·(base slice + tick) up to 8 CPUs, and thus no more than another turn;
///  - quota: before the hog runs, its group uses no more than a turn, and may have begun with a debt of a
///    tick that ended late. Each quota's worth of that ends in one throttling (throttle_cfs_rq), which lasts
///    until the next period's timer at most (do_sched_cfs_period_timer, distribute_cfs_runtime). With all of
///    the group's tasks on one CPU no other holds slices of the pool. Of two quotas above one another nothing
///    is said;
///  - gap: what the CPU, or the sampler between a clock and its time stamp, was kept from by the outside.
///
/// Where cpu.max changes while work runs, each stretch between two changes is judged by what is in force
/// then: a new quota forgives the debt and lets go what is throttled (core.c, tg_set_cfs_bandwidth), but a
/// timer that runs keeps its expiry (start_cfs_bandwidth), so that the first period may be as long as any
/// before, or as the default, 100 ms. A cpu.max that is cleared must be felt at once.
///
/// Conclusive if twice that wait would have been seen: there were samples over so long a time, and two of
/// them within the bound. Nothing is said where anything else happens to tasks or CPUs, where a weight
/// changes (CFS, before 6.6, does not rescale the lead that a small weight has gained: reweight_entity),
/// where memory.high may make a hog sleep, or where this machine has no cpu controller, so that tasks do not
/// compete by group.
std::vector<Finding> judge_cpu_stall(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// v2: a group's memory.pressure and io.pressure are the time in which some task of its subtree, or all of
/// them, stalled for memory or waited for I/O (kernel/sched/psi.c: test_states, NR_MEMSTALL and NR_IOWAIT).
///
///  - full ≤ some: a state is FULL only where it is SOME, and both are counted by the same record_times.
///    Beyond the rounding of both to whole microseconds, what went on between the printing of the two lines,
///    at most a tick, on several CPUs.
///  - some(parent) ≥ some(child), on one CPU: psi_group_change goes all the way up, so that a parent has at
///    least the child's tasks. The parent may have lost what a reading loses (oracle/pressure.h).
///  - some is no more than what the subtree's tasks can have stalled, where these only compute, fork or are
///    idle: an empty group has no state at all (0). A task that asks for no I/O goes to sleep for I/O only
///    where a folio that it faults on is locked (mm/filemap.c, folio_wait_bit_common): in a voluntary switch,
///    until the holder of the lock had its turn. A task that is idle stalls for memory only while it is
///    awake, on its CPU or waiting for it; what computes or forks is not bounded.
///  - some ≥ what one task provably stalled, on one CPU: one that never sleeps by choice was asleep for what
///    is left of its time once its CPU time and run delay are taken off. A hog of anonymous memory without
///    swap sleeps only in the delays of memory.high (mm/memcontrol.c, mem_cgroup_handle_over_high, between
///    psi_memstall_enter and psi_memstall_leave); one that reads directly only for its blocks
///    (blk_io_schedule). A write may also wait for a journal, which is no I/O wait, and is not judged. Each
///    switch is off by a pick, and what is read may be lost.
std::vector<Finding> judge_memory_pressure(const Scenario& scenario, const Observation& observation);
std::vector<Finding> judge_io_pressure(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

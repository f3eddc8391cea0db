#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// A subtree moves no more bytes and operations than io.max of its root allows: by the kernel's counter and
/// by what its workers moved. On v1 only the group's own tasks count: throtl_pd_init hangs each group's queue
/// below its parent's on the default hierarchy alone
/// (Documentation/admin-guide/cgroup-v1/blkio-controller.rst: "throttling's hierarchy support is enabled iff
/// "sane_behavior" is enabled").
///
///   moved ≤ rate·(T + 2·slice) + one block (or operation) in flight per worker.
///
/// block/blk-throttle.c: tg_within_bps_limit and tg_within_iops_limit allow what the rate gives for the time
/// elapsed, rounded up to whole slices (throtl_slice = HZ/10 jiffies, 100 ms): one slice ahead;
/// throtl_trim_slice and tg_update_carryover round in its favour by less than one more. v1 counts a request
/// when it is submitted, before it waits, so one a worker may be counted but not yet allowed.
///
/// Where io.max is changed while work runs, each stretch between two changes is judged by its own rates. A
/// change begins a new slice (tg_conf_updated: throtl_start_new_slice), to which, since 6.1, a block that
/// waits brings along what either unit has earned (tg_update_carryover). Of the unit that it waits for that
/// is less than the block, or it would have been let through, but for what the rate gives while the timer
/// that does so is late (the gap). Of the other one it is that rate times the time since the slice began:
/// what throtl_trim_slice leaves, less than 3 slices, and the block's wait for the first, to which a slice of
/// a greater rate before may be owed. One unit alone may have kept its slices, too, while an ancestor held
/// the block, and so may any stretch that begins with the change of another limit. So a stretch may have on
/// top, r being the greatest earlier rate:
///
///   one block + r·(gap + 3·slice + [(block + slice·R)/R' of the other unit])
///
/// with R' that unit's rate and R the greatest before it.
///
/// Judged where v1 attributes: direct I/O, and buffered reads without read-ahead. Conclusive if the workers,
/// each at the speed of its fastest block, would have moved more than twice the bound (a disk may be slower
/// at other times).
std::vector<Finding> judge_io_max(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

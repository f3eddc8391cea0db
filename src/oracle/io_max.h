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
/// when it is submitted, before it waits, so one a worker may be counted but not yet allowed. Judged where v1
/// attributes: direct I/O, and buffered reads without read-ahead. Conclusive if the workers, each at the
/// speed of its fastest block, would have moved more than twice the bound (a disk may be slower at other
/// times).
std::vector<Finding> judge_io_max(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

#pragma once

#include "model/error.h"

namespace treeline {

/// Makes the calling thread, and whom it forks, an ordinary task: SCHED_OTHER with nice 0, which the kernel
/// gives a weight of 1024 (kernel/sched/core.c, sched_prio_to_weight). Bounds rest on that (oracle/demand.h,
/// kTaskShares), and who calls treeline may be niced. Unavailable if this process may not raise its priority.
Result<void> take_ordinary_weight();

}  // namespace treeline

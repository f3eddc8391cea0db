#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// A group's CPU time is that of its own tasks and of its children. cpuacct_charge (v1) and cgroup_rstat (v2)
/// add each update_curr to the group and all above it, so once everything has stopped (`drained`) the sums
/// are exact, but for v2's rounding to microseconds. Of own tasks there is only their rusage: see cpu.rusage
/// for its tolerance; where one of them comes or goes it does not tell what was used here.
std::vector<Finding> judge_cpu_conservation(const Scenario& scenario, const Observation& observation);

/// A subtree's CPU time is that of its workers by wait4, which waits for their children too. Both come from
/// sum_exec_runtime (cputime_adjust). They differ by, per worker: what it used before it was attached, of
/// which only an upper bound is known; the end of do_exit after the parent could reap it, at most a tick, or
/// a gap in which nobody ran; and rounding. A subtree whose border no worker crosses, nor any thread.
std::vector<Finding> judge_cpu_rusage(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

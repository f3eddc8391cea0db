#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// v2: `some` of a group's cpu.pressure grows by the time in which some task of its subtree was queued and
/// did not run (kernel/sched/psi.c: test_states, PSI_CPU_SOME is NR_RUNNING > NR_ONCPU), throttled time
/// included. The witness is what each task waited by its own account, sched_info.run_delay in
/// /proc/PID/schedstat. The time in which some waited is at most the sum of what each waited; and, where
/// there is one CPU, at least what any one of them did.
std::vector<Finding> judge_cpu_pressure(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

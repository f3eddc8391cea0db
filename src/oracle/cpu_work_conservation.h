#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// Work conservation: no CPU idles while a task that may only run there is runnable. Of a hog that always
/// wants a CPU, may use the m CPUs of its cpuset and has no quota above it, the run queue on which it waits
/// is never empty, so that one of the m is busy as long as it runs. With the monitored time M, of which the
/// hog was runnable for R:
///
///   Σ idle over the m CPUs ≤ m·M − R + Σ error
///
///  - error: how far the idle time itself may be off, as the monitor says (CpuNoise::idle_error_ns);
///  - on several CPUs nothing more is certain: which of them is left idle while two hogs share another one is
///    the load balancer's choice (fair.c, calculate_imbalance), and no bound for that is given anywhere.
///
/// Conclusive if half of the CPU time that the group's hogs got, left idle instead, would break the bound:
/// CPUs that others keep busy show nothing.
/// No actions (a frozen task wants nothing), no memory.high above (its delays are sleep).
std::vector<Finding> judge_cpu_work_conservation(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

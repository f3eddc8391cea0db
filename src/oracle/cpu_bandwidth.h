#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// A subtree with a quota uses no more CPU time than
///
///   quota·(k+1) + min(quota, r·nCPU) + burst' + Σ_cpu (slice + tick'),   T = k·period + r,
///
/// over T, from before its first task joined to after its counter was last read. kernel/sched/fair.c:
///  - the pool holds one quota when the limit is set (tg_set_cfs_bandwidth → __refill_cfs_bandwidth_runtime);
///  - the period timer's phase is random (init_cfs_bandwidth), φ ∈ (0, period]: it expires ⌊(T−φ)/period⌋+1
///  times
///    in T. A refill sets the pool to the quota, it does not add to what is left. So with φ ≤ r there are k+1
///    refills and, before the first, what nCPU CPUs can use in φ ≤ r; with φ > r there are k, and one quota
///    before;
///  - with a burst the pool keeps what is left, up to quota + burst: then k+2 quotas and the burst (burst' =
///  burst);
///  - each CPU takes slices from the pool (assign_cfs_rq_runtime) and may hold one that an earlier pool gave;
///  - a CPU notices at the tick that its slice is used up (update_curr), so that it may overrun by one tick,
///  or by the
///    gap if the tick was late (tick' = max(tick, the longest gap seen on that CPU)). The overrun is debt,
///    repaid from later refills, so only the last one counts: once per CPU.
/// Where cpu.max is changed while work runs, each stretch between two changes is judged by the limit in
/// force, from a reading after the write of the one to a reading before the write of the next.
/// tg_set_cfs_bandwidth refills the pool to the new quota and takes all slices back (runtime_remaining), so
/// that a stretch begins as a run does; an active timer keeps its expiry, which only adds to φ. What runs at
/// that instant is charged at its next tick: one tick' more for each CPU. A stretch that begins with the
/// change of another limit begins with a pool of at most a quota and a slice on each CPU: the same terms. A
/// kernel message "cfs_period_timer … period too short, scaling up" changes quota and period: then
/// Inconclusive.
///
/// Conclusive if the subtree without this limit would have used more than the bound: see cpu_potential.h.
std::vector<Finding> judge_cpu_bandwidth(const Scenario& scenario, const Observation& observation);

/// The same bound on the workers' own CPU clocks: a kernel that neither enforces nor accounts does not pass.
/// The clock of a thread that moves apart is as of its last update_curr (ThreadObservation): it lacks at most
/// what its CPU ran since its last tick, which the term of a stretch that begins while tasks run has already.
std::vector<Finding> judge_cpu_bandwidth_witness(const Scenario& scenario, const Observation& observation);

/// The bound above for one node, in ns; exposed for its laws to be tested.
double cpu_bandwidth_bound_ns(const CpuBandwidth& limit, int64_t burst_us, double window_ns,
                              const std::vector<double>& tick_ns_by_cpu, int64_t slice_us);

}  // namespace treeline

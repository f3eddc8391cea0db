#pragma once

#include "generators/constraints.h"
#include "model/knob.h"

/// How long a CPU window must be so that a defect shows. These only decide what is worth running; what is
/// allowed is the oracle's business, which judges by what was really measured.
namespace treeline {

/// Time in us that CPU bandwidth may exceed quota/period·T by, whatever the window: one period's quota more
/// than T holds whole periods, the burst, and per CPU a slice that was fetched and a tick that ends late
/// (kernel/sched/fair.c: sched_cfs_bandwidth_slice, task_tick_fair → check_cfs_rq_runtime). A loaded
/// host may take a CPU away for some ticks, hence the allowance for noise.
double bandwidth_additive_us(const CpuBandwidth& bandwidth, int64_t burst_us, int cpus,
                             const MachineFacts& machine);

/// The shortest window in which a group that may run on `cpus` CPUs, and uses `cpus_used`, exceeds its bound
/// for certain.
double window_to_exceed_us(const CpuBandwidth& bandwidth, int64_t burst_us, int cpus, double cpus_used,
                           const MachineFacts& machine);

/// The shortest window in which it shows that a group, `parallel` threads of which run on `cpus` CPUs, gets
/// only half of its quota.
double window_to_miss_half_us(const CpuBandwidth& bandwidth, int cpus, int parallel,
                              const MachineFacts& machine);

inline double cpus_of(const CpuBandwidth& bandwidth) {
  return static_cast<double>(bandwidth.quota_us.value_or(0)) / static_cast<double>(bandwidth.period_us);
}

}  // namespace treeline

#include "generators/cpu_windows.h"

#include <algorithm>

namespace treeline {

namespace {

/// Lateness of a tick, and time stolen in a window, that are usual on a host whose CPUs are shared.
constexpr double kUsualLatenessUs = 50'000;

double lateness_us(const MachineFacts& machine) {
  return std::max(kUsualLatenessUs, static_cast<double>(machine.tick_ns()) / 1'000);
}

}  // namespace

double bandwidth_additive_us(const CpuBandwidth& bandwidth, int64_t burst_us, int cpus,
                             const MachineFacts& machine) {
  const double per_cpu = static_cast<double>(machine.cfs_slice_us) + lateness_us(machine);
  return static_cast<double>(*bandwidth.quota_us + burst_us) + cpus * per_cpu;
}

double window_to_exceed_us(const CpuBandwidth& bandwidth, int64_t burst_us, int cpus, double cpus_used,
                           const MachineFacts& machine) {
  // cpus_used·T > quota/period·T + additive, less what is stolen; a tenth more for the start, when not all
  // run yet.
  const double excess = cpus_used - cpus_of(bandwidth);
  const double lost = bandwidth_additive_us(bandwidth, burst_us, cpus, machine) + cpus * lateness_us(machine);
  return 1.1 * lost / std::max(excess, 0.01);
}

double window_to_miss_half_us(const CpuBandwidth& bandwidth, int cpus, int parallel,
                              const MachineFacts& machine) {
  // quota/period/2·T > what the lower bound for the whole quota gives away (two periods, a slice a CPU,
  // stolen time and a gap on each CPU for each that waits) and what the upper bound for half of it adds.
  const double given_away =
      2.0 * static_cast<double>(*bandwidth.quota_us) +
      cpus * (static_cast<double>(machine.cfs_slice_us) + 2 * parallel * lateness_us(machine));
  const double added = bandwidth_additive_us(bandwidth, 0, cpus, machine);
  return 1.1 * (given_away + added) / (cpus_of(bandwidth) / 2);
}

}  // namespace treeline

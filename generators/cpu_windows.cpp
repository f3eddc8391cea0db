#include "generators/cpu_windows.h"

#include <algorithm>

namespace treeline {

namespace {

/// Lateness of a tick that is usual on a host whose CPUs are shared.
constexpr double kUsualLatenessUs = 20'000;

double lateness_us(const MachineFacts& machine) {
  return std::max(kUsualLatenessUs, static_cast<double>(machine.tick_ns()) / 1'000);
}

double cpu_count(const MachineFacts& machine) {
  return std::max(1.0, static_cast<double>(machine.cpus.size()));
}

}  // namespace

double bandwidth_additive_us(const CpuBandwidth& bandwidth, int64_t burst_us, const MachineFacts& machine) {
  const double per_cpu = static_cast<double>(machine.cfs_slice_us) + lateness_us(machine);
  return static_cast<double>(*bandwidth.quota_us + burst_us) + cpu_count(machine) * per_cpu;
}

double window_to_exceed_us(const CpuBandwidth& bandwidth, int64_t burst_us, double cpus_used,
                           const MachineFacts& machine) {
  // cpus_used·T > cpus·T + additive; a tenth more for the start, when not all hogs run yet.
  const double excess = cpus_used - cpus_of(bandwidth);
  return 1.1 * bandwidth_additive_us(bandwidth, burst_us, machine) / std::max(excess, 0.01);
}

double window_to_miss_half_us(const CpuBandwidth& bandwidth, const MachineFacts& machine) {
  // cpus/2·T > two periods' quota (the cut ones at both ends) + what each CPU keeps unused of a slice +
  // noise.
  const double cpus = cpus_of(bandwidth);
  const double lost = 2.0 * static_cast<double>(*bandwidth.quota_us) +
                      cpu_count(machine) * static_cast<double>(machine.cfs_slice_us) +
                      2 * cpus * lateness_us(machine);
  return 1.2 * lost / (cpus / 2);
}

}  // namespace treeline

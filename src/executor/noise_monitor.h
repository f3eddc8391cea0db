#pragma once

#include <pthread.h>

#include <atomic>
#include <map>
#include <memory>
#include <vector>

#include "cgroup/hierarchies.h"
#include "model/observation.h"

namespace treeline {

/// How far the outside world kept CPUs from their work: per CPU a thread, SCHED_FIFO where allowed, sleeps
/// for a period again and again and records by how much it was late. Its greatest lateness is how late a tick
/// may have been. With it, /proc/stat and /proc/schedstat before and after. Runs from construction to
/// finish().
class NoiseMonitor {
 public:
  NoiseMonitor(const std::vector<int>& cpus, int64_t period_us);
  NoiseMonitor(const NoiseMonitor&) = delete;
  NoiseMonitor& operator=(const NoiseMonitor&) = delete;
  ~NoiseMonitor();

  bool is_realtime() const { return realtime_.load(); }
  std::vector<CpuNoise> finish();

 private:
  struct PerCpu {
    NoiseMonitor* monitor = nullptr;
    pthread_t thread{};
    bool started = false;
    CpuNoise before;  ///< /proc/stat
    std::atomic<int64_t> max_gap_ns{0};
    std::atomic<int64_t> expected_ns{0};  ///< When the thread should have woken up next.
    int cpu = 0;
  };
  static void* watch(void* argument);
  void join();

  int64_t period_ns_;
  int64_t began_ns_ = 0;
  std::map<int, int64_t> ran_before_;  ///< /proc/schedstat, where there is one.
  std::vector<std::unique_ptr<PerCpu>> cpus_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> realtime_{true};
};

/// Runnable tasks on the host now: /proc/loadavg.
int running_tasks();

/// Weights, as cpu.shares, of all groups beside `owner` in the cpu controller's hierarchy: other programs',
/// also other runs of Treeline.
int64_t outside_shares(const Hierarchies& hierarchies, const std::string& owner);
/// Where `owner` is not at the top of it, the groups above. If what is mounted is a group itself, as in a
/// container, it is the last one, and those beside it are not known: then more than any can weigh.
std::vector<GroupAbove> groups_above(const Hierarchies& hierarchies);

}  // namespace treeline

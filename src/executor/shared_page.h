#pragma once

#include <atomic>
#include <cstdint>

#include "model/latency.h"
#include "model/scenario.h"

namespace treeline {

/// Longest text of a worker's first failed operation.
inline constexpr size_t kMaxOperation = 32;
inline constexpr int kMaxSeenCpus = 1024;
/// Before, between and after the actions.
inline constexpr int kMaxStretches = kMaxActions + 1;
using CpuBits = std::atomic<uint64_t>[kMaxSeenCpus / 64];

/// What a worker tells of itself, in memory that it shares with the executor. The executor touches the page
/// first, so that it is charged to the executor's group and not to the worker's.
struct alignas(64) WorkerReport {
  std::atomic<int64_t> started_ns{0};  ///< CLOCK_MONOTONIC
  std::atomic<int64_t> settled_ns{0};  ///< 0: not yet
  std::atomic<int64_t> still_ns{0};    ///< Stopped and holding still since; 0: not yet
  std::atomic<int64_t> progress{0};
  std::atomic<int64_t> bytes_touched{0};
  std::atomic<int64_t> bytes_moved{0};
  std::atomic<int64_t> io_ops{0};
  std::atomic<int64_t> forks_ok{0};
  std::atomic<int64_t> forks_refused{0};
  std::atomic<uint32_t> ready{0};     ///< A futex word: 0 until the worker has only to be attached.
  std::atomic<uint32_t> attached{0};  ///< A futex word: 0 until the worker is in its group.
  std::atomic<int> first_errno{0};
  char first_error[kMaxOperation]{};
  CpuBits cpus_seen{};
  CpuBits cpus_by_stretch[kMaxStretches]{};
  std::atomic<int64_t> fastest_op_ns{0};
  std::atomic<int64_t> latest_wakeup_ns{0};
  std::atomic<uint32_t> wakeups[kLatencyBuckets]{};  ///< By latency_bucket of their lateness.
};

/// What each thread of a worker tells whose threads part (model/threads.h).
struct alignas(64) ThreadReport {
  std::atomic<int> tid{0};         ///< 0: it was not created.
  std::atomic<uint32_t> still{0};  ///< A futex word: 1 once it holds still.
  CpuBits cpus_seen{};
  CpuBits cpus_by_stretch[kMaxStretches]{};
};

/// What all workers read. Three phases, each a futex word that goes from 0 to 1.
struct alignas(64) Signals {
  std::atomic<uint32_t> start{0};
  std::atomic<uint32_t> stop{0};
  std::atomic<uint32_t> release{0};
  /// Twice the number of actions that are over, and one more while one is carried out.
  std::atomic<uint32_t> epoch{0};
  std::atomic<int64_t> deadline_ns{0};  ///< CLOCK_MONOTONIC: workers stop by themselves at it.
};

}  // namespace treeline

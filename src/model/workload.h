#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace treeline {

/// Burns CPU in `threads` threads, each for `duty_percent` of every `cycle_us` (100: never sleeps).
struct CpuHog {
  int threads = 1;
  int duty_percent = 100;
  int64_t cycle_us = 10'000;
  bool operator==(const CpuHog&) const = default;
};

enum class MemoryKind : uint8_t { Anonymous, File, Shared };
enum class TouchOrder : uint8_t { Forward, Backward, Random };

/// Maps `bytes` and touches every page of them, `chunk_bytes` at a time, counting what it touched. With
/// `hold` it then keeps them until stopped, else it frees them and finishes.
struct MemoryHog {
  MemoryKind kind = MemoryKind::Anonymous;
  int64_t bytes = 1 << 20;
  int64_t chunk_bytes = 64 << 10;
  TouchOrder order = TouchOrder::Forward;
  bool hold = true;
  bool operator==(const MemoryHog&) const = default;
};

enum class IoDirection : uint8_t { Read, Write };

/// Moves blocks of `block_bytes` over a scratch file of `file_bytes`, again and again until stopped.
/// Direct I/O bypasses the page cache (O_DIRECT).
struct IoHog {
  bool direct = true;
  IoDirection direction = IoDirection::Read;
  int64_t block_bytes = 4096;
  int64_t file_bytes = 1 << 20;
  bool operator==(const IoHog&) const = default;
};

/// Tries `forks` times to fork a child that stays until the end, `pause_us` apart; counts children and EAGAIN
/// refusals.
struct ForkStorm {
  int forks = 8;
  int64_t pause_us = 0;
  bool operator==(const ForkStorm&) const = default;
};

/// A small service: forks `forks` children, touches `bytes` of anonymous memory, then burns CPU at
/// `duty_percent` of every 10 ms until stopped.
struct Mixed {
  int duty_percent = 50;
  int64_t bytes = 1 << 20;
  int forks = 1;
  bool operator==(const Mixed&) const = default;
};

/// Sleeps until stopped.
struct Idle {
  bool operator==(const Idle&) const = default;
};

using Workload = std::variant<CpuHog, MemoryHog, IoHog, ForkStorm, Mixed, Idle>;

/// "cpu_hog", "memory_hog", "io_hog", "fork_storm", "mixed", "idle": the `kind` in JSON.
std::string_view workload_kind(const Workload& workload);
/// "cpu hog ×2 at 50% of 10 ms"
std::string describe(const Workload& workload);

/// Whether the workload reaches a state after which nothing new can be learnt from it (all memory touched,
/// all forks tried); the others run until they are stopped.
bool settles(const Workload& workload);

}  // namespace treeline

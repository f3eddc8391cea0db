#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>
#include <ctime>

namespace treeline {

/// Waits while the shared word holds `expected`, at most until `until_ns` (CLOCK_MONOTONIC; 0: no end), or a
/// signal.
inline void futex_wait(const std::atomic<uint32_t>& word, uint32_t expected, int64_t until_ns = 0) {
  const timespec until{until_ns / 1'000'000'000, until_ns % 1'000'000'000};
  ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, expected, until_ns ? &until : nullptr, nullptr,
            FUTEX_BITSET_MATCH_ANY);
}

inline void futex_set_and_wake(std::atomic<uint32_t>& word) {
  word.store(1);
  ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace treeline

#include "oracle/memory_high.h"

#include <gtest/gtest.h>

#include "world.h"

namespace treeline {
namespace {

using world_test::kMs;
using world_test::World;

/// One group with memory.high 4 MiB and a hog that wants 16 MiB and touched 5 MiB of them in 1 ms of CPU
/// time.
World throttled_world() {
  World world;
  world.become_v2();
  world.limit(kRoot, Knob::MemoryHigh, Amount{4 * kMiB});
  world.hold(kRoot, 16 * kMiB);
  world.run_for_ms(500);
  WorkerObservation& hog = world.seen.workers[0];
  hog.bytes_touched = 5 * kMiB;
  hog.settled_ns = -1;
  hog.held_still = false;
  hog.cpu_clock_ns = kMs;
  hog.run_delay_ns = 0;
  world.settle_counters();
  return world;
}

void set_peak(World& world, int64_t bytes) { world.after(kRoot)[Counter::MemoryPeak] = bytes; }

TEST(MemoryHigh, ThrottledNearTheLimitHolds) {
  const World world = throttled_world();
  EXPECT_EQ(world.status("memory.high"), Status::Held) << world.explain("memory.high");
}

TEST(MemoryHigh, AllThatWasWantedIsTooMuch) {
  World world = throttled_world();
  set_peak(world, 16 * kMiB);
  EXPECT_EQ(world.status("memory.high"), Status::Violated) << world.explain("memory.high");
}

TEST(MemoryHigh, AnOomKillWithoutAnyMaxIsAViolation) {
  World world = throttled_world();
  world.oom_kill(0, 4 * kMiB);
  EXPECT_EQ(world.status("memory.high"), Status::Violated) << world.explain("memory.high");
}

TEST(MemoryHigh, AKillWhereAMaxIsNearIsNotJudged) {
  World world = throttled_world();
  world.memory_max(kRoot, 4 * kMiB);
  world.oom_kill(0, 4 * kMiB);
  EXPECT_NE(world.status("memory.high"), Status::Violated) << world.explain("memory.high");
}

TEST(MemoryHigh, ShowsNothingIfTheWorkersWantLess) {
  World world;
  world.become_v2();
  world.limit(kRoot, Knob::MemoryHigh, Amount{16 * kMiB});
  world.hold(kRoot, 4 * kMiB);
  world.run_for_ms(500);
  EXPECT_EQ(world.status("memory.high"), Status::Inconclusive) << world.explain("memory.high");
}

TEST(MemoryHigh, ShowsNothingIfTheWorkersAreTooSlow) {
  World world = throttled_world();
  world.seen.workers[0].run_delay_ns = 500 * kMs;  // waited for a CPU all the time
  for (const Finding& finding : world.findings("memory.high")) {
    if (finding.unit != "MiB") continue;
    EXPECT_EQ(finding.status, Status::Inconclusive) << finding.sentence;
  }
}

TEST(MemoryHigh, ReadingsAfterTheLimitsWereLiftedDoNotCount) {
  World world = throttled_world();
  world.drained(kRoot)[Counter::MemoryPeak] = 16 * kMiB;
  EXPECT_EQ(world.status("memory.high"), Status::Held) << world.explain("memory.high");
}

TEST(MemoryHighBound, FollowsTheKernelsDelay) {
  // High of 1024 pages: batches of 64 above it cost ⌊64·250·(k/16)²⌋ jiffies, less one: 0 s (k = 0), 0.244 s,
  // 0.996 s.
  constexpr int64_t kHz = 250;
  EXPECT_EQ(memory_high_bound_pages(1024, 0, 1, 0.1, kHz, 0), 1024 + 64 * (1 + 3));
  EXPECT_EQ(memory_high_bound_pages(1024, 0, 1, 0.3, kHz, 0), 1024 + 64 * (2 + 3));
  EXPECT_EQ(memory_high_bound_pages(1024, 0, 1, 1.3, kHz, 0), 1024 + 64 * (3 + 3));
  EXPECT_EQ(memory_high_bound_pages(1024, 0, 1, 1.3, kHz, 70), 1024 + 64 * (3 + 3) + 70);
  EXPECT_GT(memory_high_bound_pages(1024, 0, 2, 1.3, kHz, 0),
            memory_high_bound_pages(1024, 0, 1, 1.3, kHz, 0));
}

TEST(MemoryHighBound, CountsFromWhatWasChargedAlready) {
  // 256 of 1024 pages above the limit each batch costs ⌊64·250·(5/16)²⌋ jiffies and more, 2 s at most.
  constexpr int64_t kHz = 250;
  EXPECT_EQ(memory_high_bound_pages(1024, 1280, 1, 1.3, kHz, 0), 1280 + 64 * (1 + 3));
  EXPECT_EQ(memory_high_bound_pages(1024, 1280, 1, 2.3, kHz, 0), 1280 + 64 * (2 + 3));
  EXPECT_EQ(memory_high_bound_pages(1024, 512, 1, 1.3, kHz, 0),
            memory_high_bound_pages(1024, 0, 1, 1.3, kHz, 0));
}

TEST(MemoryHighBound, HugeLimitsAreHardlySlowedAtFirst) {
  // One part in 80 above the limit costs 10 ms a batch at most, which is no sleep at all.
  constexpr int64_t kPages = 1 << 20;
  EXPECT_GT(memory_high_bound_pages(kPages, 0, 1, 0.001, 250, 0), kPages + kPages / 100);
}

}  // namespace
}  // namespace treeline

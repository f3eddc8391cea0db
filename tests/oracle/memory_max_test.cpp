#include <gtest/gtest.h>

#include "world.h"

namespace treeline::world_test {
namespace {

constexpr const char* kMemoryMax = "memory.max";
/// Kernel allocations that may not fail are forced in: 8 pages a task.
constexpr int64_t kForced = 8 * kPage;

/// A hog that wants 32 MiB below a limit of 16 MiB and was killed when it reached it.
World killed_at_the_limit() {
  World world;
  world.memory_max(kRoot, 16 * kMiB);
  world.hold(kRoot, 32 * kMiB);
  world.run_for_ms(100);
  world.oom_kill(0, 15 * kMiB);
  return world;
}

TEST(MemoryMax, HogThatIsStoppedAtTheLimitHolds) {
  const World world = killed_at_the_limit();
  EXPECT_EQ(world.status(kMemoryMax), Status::Held) << world.explain(kMemoryMax);
}

TEST(MemoryMax, PeakMayPassTheLimitByForcedPagesOnly) {
  World world = killed_at_the_limit();
  world.after(kRoot)[Counter::MemoryPeak] = 16 * kMiB + kForced;
  EXPECT_EQ(world.status(kMemoryMax), Status::Held) << world.explain(kMemoryMax);
  world.after(kRoot)[Counter::MemoryPeak] += kPage;
  EXPECT_EQ(world.status(kMemoryMax), Status::Violated) << world.explain(kMemoryMax);
}

TEST(MemoryMax, OneSampleAboveTheLimitIsEnough) {
  World world = killed_at_the_limit();
  world.seen.nodes[0].series.push_back({50 * kMs, {{Counter::MemoryCurrent, 17 * kMiB}}});
  EXPECT_EQ(world.status(kMemoryMax), Status::Violated) << world.explain(kMemoryMax);
}

TEST(MemoryMax, LimitCountsInWholePages) {
  World world;
  world.memory_max(kRoot, 16 * kMiB + kPage - 1);
  world.hold(kRoot, 32 * kMiB);
  world.run_for_ms(100);
  world.oom_kill(0, 15 * kMiB);
  world.after(kRoot)[Counter::MemoryPeak] = 16 * kMiB + kForced + 1;
  EXPECT_EQ(world.status(kMemoryMax), Status::Violated) << world.explain(kMemoryMax);
}

TEST(MemoryMax, WorkersThatHoldMoreBelieTheCounter) {
  World world;
  world.memory_max(kRoot, 16 * kMiB);
  world.hold(kRoot, 32 * kMiB);
  world.run_for_ms(100);
  for (const Counter counter : {Counter::MemoryCurrent, Counter::MemoryPeak}) {
    world.after(kRoot)[counter] = world.drained(kRoot)[counter] = 10 * kMiB;
  }
  world.seen.nodes[0].series.clear();
  EXPECT_EQ(world.status(kMemoryMax), Status::Violated) << world.explain(kMemoryMax);
}

TEST(MemoryMax, AncestorBindsTheSumOfItsSubtree) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.memory_max(kRoot, 16 * kMiB);
  world.hold(a, 12 * kMiB);
  world.hold(b, 12 * kMiB);
  world.run_for_ms(100);
  EXPECT_EQ(world.status(kMemoryMax, kRoot), Status::Violated) << world.explain(kMemoryMax);
  EXPECT_EQ(world.status(kMemoryMax, a), Status::NotApplicable);
}

TEST(MemoryMax, DemandWithinTheLimitShowsNothing) {
  World world;
  world.memory_max(kRoot, 16 * kMiB);
  world.hold(kRoot, 15 * kMiB);
  world.run_for_ms(100);
  EXPECT_EQ(world.status(kMemoryMax), Status::Inconclusive) << world.explain(kMemoryMax);
}

TEST(MemoryMax, DemandThatAnotherLimitCutsShowsNothingOfThisOne) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  world.memory_max(kRoot, 16 * kMiB);
  world.memory_max(a, 8 * kMiB);
  world.hold(a, 32 * kMiB);
  world.run_for_ms(100);
  world.oom_kill(0, 7 * kMiB);
  EXPECT_EQ(world.status(kMemoryMax, kRoot), Status::Inconclusive) << world.explain(kMemoryMax);
  EXPECT_EQ(world.status(kMemoryMax, a), Status::Held) << world.explain(kMemoryMax);
}

TEST(MemoryMax, HogThatWasNotDoneShowsNothing) {
  World world;
  world.memory_max(kRoot, 16 * kMiB);
  world.hold(kRoot, 32 * kMiB);
  world.run_for_ms(100);
  world.seen.workers[0].settled_ns = -1;
  world.seen.workers[0].end = WorkerEnd::Stopped;
  world.seen.workers[0].bytes_touched = 4 * kMiB;
  world.settle_counters();
  EXPECT_EQ(world.status(kMemoryMax), Status::Inconclusive) << world.explain(kMemoryMax);
}

TEST(MemoryMax, PageCacheIsReclaimedAndNoWitness) {
  World world;
  world.memory_max(kRoot, 16 * kMiB);
  world.hold(kRoot, 32 * kMiB, MemoryKind::File);
  world.run_for_ms(100);
  for (const Counter counter : {Counter::MemoryCurrent, Counter::MemoryPeak})
    world.after(kRoot)[counter] = 16 * kMiB;
  world.drained(kRoot)[Counter::MemoryPeak] = 16 * kMiB;
  world.seen.nodes[0].series.clear();
  EXPECT_EQ(world.status(kMemoryMax), Status::Held) << world.explain(kMemoryMax);
}

TEST(MemoryMax, TouchedBytesMayHaveBeenSwappedOut) {
  World world;
  world.seen.machine.swap_bytes = 1024 * kMiB;
  world.memory_max(kRoot, 16 * kMiB);
  world.hold(kRoot, 32 * kMiB);
  world.run_for_ms(100);
  for (const Counter counter : {Counter::MemoryCurrent, Counter::MemoryPeak})
    world.after(kRoot)[counter] = 16 * kMiB;
  world.drained(kRoot)[Counter::MemoryPeak] = 16 * kMiB;
  world.seen.nodes[0].series.clear();
  world.seen.workers[0].held_rss_bytes = 15 * kMiB;
  EXPECT_NE(world.status(kMemoryMax), Status::Violated) << world.explain(kMemoryMax);
}

TEST(MemoryMax, MissingCountersAreNoPass) {
  World world = killed_at_the_limit();
  world.forget(kRoot, Counter::MemoryCurrent);
  world.forget(kRoot, Counter::MemoryPeak);
  for (const Finding& finding : world.findings(kMemoryMax)) {
    const bool is_witness = finding.sentence.find("own count") != std::string::npos;
    if (!is_witness) {
      EXPECT_NE(finding.status, Status::Held) << finding.sentence;
    }
  }
}

TEST(MemoryMax, NothingIsSaidWithoutALimitOrWorkers) {
  World unlimited;
  unlimited.hold(kRoot, 8 * kMiB);
  unlimited.run_for_ms(100);
  EXPECT_EQ(unlimited.status(kMemoryMax), Status::NotApplicable);
  World empty;
  empty.memory_max(kRoot, 16 * kMiB);
  empty.run_for_ms(100);
  EXPECT_EQ(empty.status(kMemoryMax), Status::NotApplicable);
}

}  // namespace
}  // namespace treeline::world_test

#include <gtest/gtest.h>

#include "world.h"

namespace treeline::world_test {
namespace {

constexpr const char* kConservation = "memory.conservation";
constexpr const char* kRss = "memory.rss";
constexpr const char* kDrained = "memory.drained";
/// MEMCG_CHARGE_BATCH pages on each of two CPUs.
constexpr int64_t kStock = 2 * (64 + 2) * kPage;

struct Family {
  World world;
  NodeId a = kRoot;
  NodeId b = kRoot;
};

Family family(int64_t bytes = 16 * kMiB) {
  Family result;
  result.a = result.world.add(kRoot, "a");
  result.b = result.world.add(kRoot, "b");
  result.world.hold(result.a, bytes);
  result.world.hold(result.b, bytes, MemoryKind::Shared);
  result.world.run_for_ms(100);
  return result;
}

World lone_hog(int64_t bytes, MemoryKind kind = MemoryKind::Anonymous) {
  World world;
  world.hold(kRoot, bytes, kind);
  world.run_for_ms(100);
  return world;
}

TEST(MemoryConservation, ParentThatIsTheSumOfItsChildrenHolds) {
  const Family both = family();
  EXPECT_EQ(both.world.status(kConservation, kRoot), Status::Held) << both.world.explain(kConservation);
  EXPECT_EQ(both.world.status(kConservation, both.a), Status::NotApplicable);
}

TEST(MemoryConservation, OwnTasksCountToo) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  world.hold(a, 16 * kMiB);
  world.hold(kRoot, 8 * kMiB);
  world.run_for_ms(100);
  EXPECT_EQ(world.status(kConservation), Status::Held) << world.explain(kConservation);
  world.after(kRoot)[Counter::MemoryCurrent] -= 8 * kMiB;
  EXPECT_EQ(world.status(kConservation), Status::Violated) << world.explain(kConservation);
}

TEST(MemoryConservation, ParentWithoutOneChildIsAViolation) {
  Family both = family();
  both.world.after(kRoot)[Counter::MemoryCurrent] -= both.world.after(both.b)[Counter::MemoryCurrent];
  EXPECT_EQ(both.world.status(kConservation), Status::Violated) << both.world.explain(kConservation);
}

TEST(MemoryConservation, ParentWithTooMuchIsAViolation) {
  Family both = family();
  both.world.after(kRoot)[Counter::MemoryCurrent] += 4 * kMiB;
  EXPECT_EQ(both.world.status(kConservation), Status::Violated) << both.world.explain(kConservation);
}

TEST(MemoryConservation, OwnStockIsAllThatMayDiffer) {
  Family both = family();
  const int64_t sum = both.world.after(kRoot)[Counter::MemoryCurrent];
  for (const int64_t apart : {kStock, -kStock}) {
    both.world.after(kRoot)[Counter::MemoryCurrent] = sum + apart;
    EXPECT_EQ(both.world.status(kConservation), Status::Held) << both.world.explain(kConservation);
  }
  for (const int64_t apart : {kStock + kPage, -kStock - kPage}) {
    both.world.after(kRoot)[Counter::MemoryCurrent] = sum + apart;
    EXPECT_EQ(both.world.status(kConservation), Status::Violated) << both.world.explain(kConservation);
  }
}

TEST(MemoryConservation, SmallChildrenShowNothing) {
  const Family both = family(64 << 10);
  EXPECT_EQ(both.world.status(kConservation), Status::Inconclusive) << both.world.explain(kConservation);
}

TEST(MemoryConservation, MovingWorkersShowNothing) {
  Family both = family();
  both.world.seen.workers[0].held_still = false;
  both.world.after(kRoot)[Counter::MemoryCurrent] -= 8 * kMiB;
  EXPECT_EQ(both.world.status(kConservation), Status::Inconclusive) << both.world.explain(kConservation);
}

TEST(MemoryConservation, UnreadableChildIsNoViolation) {
  Family both = family();
  both.world.forget(both.a, Counter::MemoryCurrent);
  EXPECT_NE(both.world.status(kConservation), Status::Violated) << both.world.explain(kConservation);
  both.world.forget(kRoot, Counter::MemoryCurrent);
  EXPECT_EQ(both.world.status(kConservation), Status::NotApplicable);
}

TEST(MemoryRss, ChargeThatMatchesTheWorkersHolds) {
  for (const MemoryKind kind : {MemoryKind::Anonymous, MemoryKind::Shared}) {
    const World world = lone_hog(16 * kMiB, kind);
    EXPECT_EQ(world.status(kRss), Status::Held) << world.explain(kRss);
  }
}

TEST(MemoryRss, ChargeOfHalfIsAViolation) {
  World world = lone_hog(16 * kMiB);
  world.after(kRoot)[Counter::MemoryCurrent] /= 2;
  EXPECT_EQ(world.status(kRss), Status::Violated) << world.explain(kRss);
}

TEST(MemoryRss, OnePageTooLittleIsAViolation) {
  World world = lone_hog(16 * kMiB);
  world.after(kRoot)[Counter::MemoryCurrent] = 16 * kMiB;
  EXPECT_EQ(world.status(kRss), Status::Held) << world.explain(kRss);
  world.after(kRoot)[Counter::MemoryCurrent] -= kPage;
  EXPECT_EQ(world.status(kRss), Status::Violated) << world.explain(kRss);
}

TEST(MemoryRss, ChargeThatNobodyCausedIsAViolation) {
  World world = lone_hog(16 * kMiB);
  world.after(kRoot)[Counter::MemoryCurrent] += 8 * kMiB;
  EXPECT_EQ(world.status(kRss), Status::Violated) << world.explain(kRss);
}

TEST(MemoryRss, PageCacheMayOrMayNotBeCharged) {
  World world;
  world.hold(kRoot, 16 * kMiB);
  world.hold(kRoot, 8 * kMiB, MemoryKind::File);
  world.run_for_ms(100);
  EXPECT_EQ(world.status(kRss), Status::Held) << world.explain(kRss);
  world.after(kRoot)[Counter::MemoryCurrent] -= 8 * kMiB;
  EXPECT_EQ(world.status(kRss), Status::Held) << world.explain(kRss);
}

TEST(MemoryRss, RssBeyondItsErrorIsAWitnessOfItsOwn) {
  World world = lone_hog(16 * kMiB);
  world.seen.workers[0].bytes_touched = 0;
  world.after(kRoot)[Counter::MemoryCurrent] = 8 * kMiB;
  world.seen.workers[0].held_rss_bytes = 16 * kMiB;
  EXPECT_EQ(world.status(kRss), Status::Violated) << world.explain(kRss);
}

TEST(MemoryRss, LittleMemoryShowsNothing) {
  EXPECT_EQ(lone_hog(64 << 10).status(kRss), Status::Inconclusive);
}

TEST(MemoryRss, DeadWorkersHoldNothing) {
  World world;
  world.hold(kRoot, 16 * kMiB);
  world.hold(kRoot, 32 * kMiB);
  world.run_for_ms(100);
  world.oom_kill(1, 30 * kMiB);
  EXPECT_EQ(world.status(kRss), Status::Held) << world.explain(kRss);
}

TEST(MemoryRss, NothingIsSaidWithSwapWorkersOrCounters) {
  World swapping = lone_hog(16 * kMiB);
  swapping.seen.machine.swap_bytes = kMiB;
  EXPECT_EQ(swapping.status(kRss), Status::NotApplicable);
  World moving = lone_hog(16 * kMiB);
  moving.seen.workers[0].held_still = false;
  moving.after(kRoot)[Counter::MemoryCurrent] = 0;
  EXPECT_NE(moving.status(kRss), Status::Violated);
  World blind = lone_hog(16 * kMiB);
  blind.forget(kRoot, Counter::MemoryCurrent);
  EXPECT_EQ(blind.status(kRss), Status::NotApplicable);
  World empty;
  empty.run_for_ms(100);
  EXPECT_EQ(empty.status(kRss), Status::NotApplicable);
}

TEST(MemoryRss, UnreadableBaselineIsNoViolation) {
  World world;
  for (int i = 0; i < 40; ++i) world.add(kRoot, "n" + std::to_string(i));
  world.hold(kRoot, 64 * kMiB);
  world.run_for_ms(100);
  // Children without tasks cost their parent, and have no stocks.
  world.before(kRoot)[Counter::MemoryCurrent] += 24 * kMiB;
  world.after(kRoot)[Counter::MemoryCurrent] += 24 * kMiB;
  ASSERT_NE(world.status(kRss, kRoot), Status::Violated) << world.explain(kRss);
  world.before(kRoot).erase(Counter::MemoryCurrent);
  EXPECT_NE(world.status(kRss, kRoot), Status::Violated) << world.explain(kRss);
}

TEST(MemoryDrained, ChargeThatGoesAwayHolds) {
  const World world = lone_hog(16 * kMiB);
  EXPECT_EQ(world.status(kDrained), Status::Held) << world.explain(kDrained);
}

TEST(MemoryDrained, StocksAndAFewPagesMayStay) {
  World world = lone_hog(16 * kMiB);
  world.drained(kRoot)[Counter::MemoryCurrent] = kStock + 32 * kPage;
  EXPECT_EQ(world.status(kDrained), Status::Held) << world.explain(kDrained);
  world.drained(kRoot)[Counter::MemoryCurrent] += kPage;
  EXPECT_EQ(world.status(kDrained), Status::Violated) << world.explain(kDrained);
}

TEST(MemoryDrained, WhatWasThereBeforeMayStay) {
  World world = lone_hog(16 * kMiB);
  world.before(kRoot)[Counter::MemoryCurrent] = 3 * kMiB;
  world.drained(kRoot)[Counter::MemoryCurrent] = 3 * kMiB;
  EXPECT_EQ(world.status(kDrained), Status::Held) << world.explain(kDrained);
}

TEST(MemoryDrained, FourMiBThatStayAreAViolation) {
  World world = lone_hog(16 * kMiB);
  world.drained(kRoot)[Counter::MemoryCurrent] = 4 * kMiB;
  EXPECT_EQ(world.status(kDrained), Status::Violated) << world.explain(kDrained);
}

TEST(MemoryDrained, ChargeOfAKilledWorkerGoesAwayToo) {
  World world = lone_hog(16 * kMiB);
  world.oom_kill(0, 12 * kMiB);
  EXPECT_EQ(world.status(kDrained), Status::Held) << world.explain(kDrained);
  world.drained(kRoot)[Counter::MemoryCurrent] = 12 * kMiB;
  EXPECT_EQ(world.status(kDrained), Status::Violated) << world.explain(kDrained);
}

TEST(MemoryDrained, GroupThatNeverHeldMuchShowsNothing) {
  World world;
  world.work(kRoot, Idle{});
  world.run_for_ms(100);
  EXPECT_EQ(world.status(kDrained), Status::Inconclusive) << world.explain(kDrained);
}

TEST(MemoryDrained, NothingIsSaidWithoutWorkersOrCounters) {
  World world = lone_hog(16 * kMiB);
  world.forget(kRoot, Counter::MemoryCurrent);
  EXPECT_EQ(world.status(kDrained), Status::NotApplicable);
  World empty;
  empty.run_for_ms(100);
  EXPECT_EQ(empty.status(kDrained), Status::NotApplicable);
}

}  // namespace
}  // namespace treeline::world_test

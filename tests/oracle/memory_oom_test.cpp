#include <gtest/gtest.h>

#include "world.h"

namespace treeline::world_test {
namespace {

constexpr const char* kMemoryOom = "memory.oom";

World hog_below(int64_t limit, int64_t bytes, MemoryKind kind = MemoryKind::Anonymous) {
  World world;
  world.memory_max(kRoot, limit);
  world.hold(kRoot, bytes, kind);
  world.run_for_ms(100);
  return world;
}

TEST(MemoryOom, HogAboveTheLimitIsKilled) {
  World world = hog_below(16 * kMiB, 20 * kMiB);
  world.oom_kill(0, 15 * kMiB);
  EXPECT_EQ(world.status(kMemoryOom), Status::Held) << world.explain(kMemoryOom);
}

TEST(MemoryOom, HogAboveTheLimitThatLivesIsAViolation) {
  for (const MemoryKind kind : {MemoryKind::Anonymous, MemoryKind::Shared}) {
    const World world = hog_below(16 * kMiB, 20 * kMiB, kind);
    EXPECT_EQ(world.status(kMemoryOom), Status::Violated) << world.explain(kMemoryOom);
  }
}

TEST(MemoryOom, OnePageAboveTheLimitIsEnough) {
  EXPECT_EQ(hog_below(16 * kMiB, 16 * kMiB + kPage).status(kMemoryOom), Status::Violated);
}

TEST(MemoryOom, HogThatFitsAndLivesHolds) {
  EXPECT_EQ(hog_below(16 * kMiB, 12 * kMiB).status(kMemoryOom), Status::Held);
}

TEST(MemoryOom, HogThatFitsAndIsKilledIsAViolation) {
  World world = hog_below(16 * kMiB, 12 * kMiB);
  world.oom_kill(0, 8 * kMiB);
  EXPECT_EQ(world.status(kMemoryOom), Status::Violated) << world.explain(kMemoryOom);
}

TEST(MemoryOom, HogAtTheLimitMayGoEitherWay) {
  World lives = hog_below(16 * kMiB, 16 * kMiB);
  EXPECT_EQ(lives.status(kMemoryOom), Status::Inconclusive) << lives.explain(kMemoryOom);
  World dies = hog_below(16 * kMiB, 16 * kMiB);
  dies.oom_kill(0, 16 * kMiB - 32 * kPage);
  EXPECT_NE(dies.status(kMemoryOom), Status::Violated) << dies.explain(kMemoryOom);
}

TEST(MemoryOom, SmallDemandShowsNothing) {
  EXPECT_EQ(hog_below(64 * kMiB, 2 * kMiB).status(kMemoryOom), Status::Inconclusive);
}

TEST(MemoryOom, PageCacheNeedsNoKill) {
  World world = hog_below(16 * kMiB, 64 * kMiB, MemoryKind::File);
  EXPECT_EQ(world.status(kMemoryOom), Status::NotApplicable) << world.explain(kMemoryOom);
}

TEST(MemoryOom, SiblingsAddUpAtTheirAncestor) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.memory_max(kRoot, 16 * kMiB);
  world.hold(a, 10 * kMiB);
  world.hold(b, 10 * kMiB);
  world.run_for_ms(100);
  EXPECT_EQ(world.status(kMemoryOom, kRoot), Status::Violated) << world.explain(kMemoryOom);
  world.oom_kill(1, 5 * kMiB);
  EXPECT_EQ(world.status(kMemoryOom), Status::Held) << world.explain(kMemoryOom);
}

TEST(MemoryOom, KillInASiblingOfTheLimitedGroupIsSpurious) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.memory_max(a, 16 * kMiB);
  world.hold(a, 32 * kMiB);
  world.hold(b, 4 * kMiB);
  world.run_for_ms(100);
  world.oom_kill(0, 15 * kMiB);
  world.oom_kill(1, 2 * kMiB);
  EXPECT_EQ(world.status(kMemoryOom, a), Status::Held) << world.explain(kMemoryOom);
  EXPECT_EQ(world.status(kMemoryOom, b), Status::Violated) << world.explain(kMemoryOom);
}

TEST(MemoryOom, KillByAnAncestorShowsNothingOfALooserLimit) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  world.memory_max(kRoot, 16 * kMiB);
  world.memory_max(a, 40 * kMiB);
  world.hold(a, 30 * kMiB);
  world.run_for_ms(100);
  world.oom_kill(0, 15 * kMiB);
  EXPECT_EQ(world.status(kMemoryOom, kRoot), Status::Held) << world.explain(kMemoryOom);
  // It never held enough to tell whether a kill at 16 … 40 MiB would have been spurious at "a".
  for (const Finding& finding : world.findings(kMemoryOom)) {
    if (finding.node == a && finding.sentence.find("memory.max") != std::string::npos) {
      EXPECT_EQ(finding.status, Status::Inconclusive) << finding.sentence;
    }
  }
}

TEST(MemoryOom, HogsThatFreeTheirMemoryNeedNotMeet) {
  World world;
  world.memory_max(kRoot, 16 * kMiB);
  for (int i = 0; i < 3; ++i)
    world.work(kRoot, MemoryHog{MemoryKind::Anonymous, 10 * kMiB, 65536, {}, false});
  world.run_for_ms(100);
  EXPECT_NE(world.status(kMemoryOom), Status::Violated) << world.explain(kMemoryOom);
  world.oom_kill(1, 6 * kMiB);
  EXPECT_NE(world.status(kMemoryOom), Status::Violated) << world.explain(kMemoryOom);
}

TEST(MemoryOom, OneThatFreesMoreThanTheLimitMustDieAllTheSame) {
  World world;
  world.memory_max(kRoot, 16 * kMiB);
  world.work(kRoot, MemoryHog{MemoryKind::Anonymous, 20 * kMiB, 65536, {}, false});
  world.run_for_ms(100);
  EXPECT_EQ(world.status(kMemoryOom), Status::Violated) << world.explain(kMemoryOom);
}

TEST(MemoryOom, UnfinishedHogShowsNothing) {
  World world = hog_below(16 * kMiB, 32 * kMiB);
  world.seen.workers[0].settled_ns = -1;
  world.seen.workers[0].end = WorkerEnd::Stopped;
  world.seen.workers[0].bytes_touched = 3 * kMiB;
  world.settle_counters();
  EXPECT_EQ(world.status(kMemoryOom), Status::Inconclusive) << world.explain(kMemoryOom);
}

TEST(MemoryOom, HogThatCouldNotMapItsMemoryShowsNothing) {
  World world = hog_below(16 * kMiB, 32 * kMiB);
  world.seen.workers[0].end = WorkerEnd::Failed;
  world.seen.workers[0].first_errno = ENOMEM;
  world.seen.workers[0].bytes_touched = 0;
  world.settle_counters();
  EXPECT_EQ(world.status(kMemoryOom), Status::Inconclusive) << world.explain(kMemoryOom);
}

TEST(MemoryOom, HogThatAnotherSignalEndedShowsNothing) {
  World world = hog_below(16 * kMiB, 32 * kMiB);
  world.seen.workers[0].end = WorkerEnd::Killed;
  world.seen.workers[0].settled_ns = -1;
  world.seen.workers[0].bytes_touched = 2 * kMiB;
  world.settle_counters();
  EXPECT_EQ(world.status(kMemoryOom), Status::Inconclusive) << world.explain(kMemoryOom);
}

TEST(MemoryOom, MachineOutOfMemoryIsNotTheTreesFault) {
  World world = hog_below(64 * kMiB, 40 * kMiB);
  world.oom_kill(0, 20 * kMiB);
  world.seen.health.log = {
      "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task=x,pid=7",
      "Out of memory: Killed process 7 (treeline-exec) total-vm:1kB"};
  EXPECT_NE(world.status(kMemoryOom), Status::Violated) << world.explain(kMemoryOom);
}

TEST(MemoryOom, NothingIsSaidWithSwap) {
  World world = hog_below(16 * kMiB, 32 * kMiB);
  world.seen.machine.swap_bytes = 64 * kMiB;
  EXPECT_EQ(world.status(kMemoryOom), Status::NotApplicable);
}

TEST(MemoryOom, TighterLimitNeverTurnsANeededKillIntoASpuriousOne) {
  for (int64_t limit = 40 * kMiB; limit >= kMiB; limit -= kMiB) {
    World world = hog_below(limit, 20 * kMiB);
    const bool lives_well = world.status(kMemoryOom) != Status::Violated;
    world.oom_kill(0, limit / 2);
    const bool dies_well = world.status(kMemoryOom) != Status::Violated;
    EXPECT_TRUE(lives_well || dies_well) << limit;
    EXPECT_EQ(lives_well, limit >= 20 * kMiB) << limit;
  }
}

}  // namespace
}  // namespace treeline::world_test

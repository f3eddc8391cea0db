#include <gtest/gtest.h>

#include "world.h"

namespace treeline::world_test {
namespace {

constexpr const char* kMax = "pids.max";
constexpr const char* kFork = "pids.fork";
constexpr const char* kPidsConservation = "pids.conservation";

/// A storm of 8 forks below pids.max: `ok` of them succeed.
World storm(int64_t limit, int64_t ok, int64_t refused) {
  World world;
  world.pids_max(kRoot, limit);
  world.work(kRoot, ForkStorm{8});
  world.run_for_ms(100);
  world.forked(0, ok, refused);
  return world;
}

TEST(PidsMax, FullGroupHolds) {
  const World world = storm(4, 3, 5);
  EXPECT_EQ(world.status(kMax), Status::Held) << world.explain(kMax);
}

TEST(PidsMax, OneTaskTooManyIsAViolation) {
  const World world = storm(4, 4, 4);
  EXPECT_EQ(world.status(kMax), Status::Violated) << world.explain(kMax);
}

TEST(PidsMax, OneTaskTooManyForAMomentIsAViolation) {
  World world = storm(4, 3, 5);
  world.after(kRoot)[Counter::PidsPeak] = 5;
  EXPECT_EQ(world.status(kMax), Status::Violated) << world.explain(kMax);
  World sampled = storm(4, 3, 5);
  sampled.seen.nodes[0].series.push_back({kMs, {{Counter::PidsCurrent, 5}}});
  EXPECT_EQ(sampled.status(kMax), Status::Violated) << sampled.explain(kMax);
}

TEST(PidsMax, AttachedTasksMayExceedIt) {
  World world;
  world.pids_max(kRoot, 1);
  for (int i = 0; i < 3; ++i) world.work(kRoot, ForkStorm{2});
  world.run_for_ms(100);
  for (size_t i = 0; i < 3; ++i) world.forked(i, 0, 2);
  EXPECT_EQ(world.status(kMax), Status::Held) << world.explain(kMax);
  world.forked(0, 1, 1);
  EXPECT_EQ(world.status(kMax), Status::Violated) << world.explain(kMax);
}

TEST(PidsMax, NothingMayForkWhereNoneIsAllowed) {
  EXPECT_EQ(storm(0, 0, 8).status(kMax), Status::Held);
  EXPECT_EQ(storm(0, 1, 7).status(kMax), Status::Violated);
}

TEST(PidsMax, AncestorCountsItsWholeSubtree) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(a, "b");
  world.pids_max(kRoot, 4);
  world.work(b, ForkStorm{8});
  world.run_for_ms(100);
  world.forked(0, 4, 4);
  EXPECT_EQ(world.status(kMax, kRoot), Status::Violated) << world.explain(kMax);
  EXPECT_EQ(world.status(kMax, b), Status::NotApplicable);
}

TEST(PidsMax, ThreadsAreTasksToo) {
  World world;
  world.pids_max(kRoot, 2);
  world.work(kRoot, CpuHog{4, 100, 10'000});
  world.run_for_ms(100);
  world.after(kRoot)[Counter::PidsPeak] = 4;
  EXPECT_EQ(world.status(kMax), Status::Violated) << world.explain(kMax);
}

TEST(PidsMax, DemandThatFitsShowsNothing) { EXPECT_EQ(storm(9, 8, 0).status(kMax), Status::Inconclusive); }

TEST(PidsMax, DemandThatAnotherLimitCutsShowsNothing) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  world.pids_max(kRoot, 4);
  world.pids_max(a, 2);
  world.work(a, ForkStorm{8});
  world.run_for_ms(100);
  world.forked(0, 1, 7);
  EXPECT_EQ(world.status(kMax, kRoot), Status::Inconclusive) << world.explain(kMax);
  EXPECT_EQ(world.status(kMax, a), Status::Held) << world.explain(kMax);
}

TEST(PidsMax, ForksThatWereNotTriedShowNothing) {
  EXPECT_EQ(storm(4, 3, 0).status(kMax), Status::Inconclusive);
}

TEST(PidsMax, MissingCountersAreNoPass) {
  World world = storm(4, 3, 5);
  world.forget(kRoot, Counter::PidsCurrent);
  world.forget(kRoot, Counter::PidsPeak);
  EXPECT_NE(world.status(kMax), Status::Held) << world.explain(kMax);
}

TEST(PidsMax, NothingIsSaidWithoutALimitOrWorkers) {
  World unlimited;
  unlimited.work(kRoot, ForkStorm{8});
  unlimited.run_for_ms(100);
  EXPECT_EQ(unlimited.status(kMax), Status::NotApplicable);
  World empty;
  empty.pids_max(kRoot, 4);
  empty.run_for_ms(100);
  EXPECT_EQ(empty.status(kMax), Status::NotApplicable);
}

TEST(PidsFork, ExactlyTheRoomIsForked) {
  EXPECT_EQ(storm(4, 3, 5).status(kFork), Status::Held);
  EXPECT_EQ(storm(4, 4, 4).status(kFork), Status::Violated);
  EXPECT_EQ(storm(4, 2, 6).status(kFork), Status::Violated);
}

TEST(PidsFork, RefusalWhereThereIsRoomIsAViolation) {
  EXPECT_EQ(storm(9, 8, 0).status(kFork), Status::Held);
  EXPECT_EQ(storm(9, 7, 1).status(kFork), Status::Violated);
}

TEST(PidsFork, LastForkThatFitsMustSucceed) {
  // 1 + 8 tasks: a limit of 9 is met exactly, one of 8 refuses one.
  EXPECT_EQ(storm(8, 7, 1).status(kFork), Status::Held);
  EXPECT_EQ(storm(8, 8, 0).status(kFork), Status::Violated);
}

TEST(PidsFork, RoomOfAnAncestorIsSharedInAnyOrder) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.pids_max(kRoot, 6);
  world.work(a, ForkStorm{8});
  world.work(b, ForkStorm{8});
  world.run_for_ms(100);
  for (int64_t first = 0; first <= 4; ++first) {
    world.forked(0, first, 8 - first);
    world.forked(1, 4 - first, 4 + first);
    EXPECT_EQ(world.status(kFork), Status::Held) << world.explain(kFork);
  }
  world.forked(0, 3, 5);
  world.forked(1, 2, 6);
  EXPECT_EQ(world.status(kFork), Status::Violated) << world.explain(kFork);
}

TEST(PidsFork, AttachedTasksTakeRoom) {
  World world;
  world.pids_max(kRoot, 4);
  world.work(kRoot, ForkStorm{8});
  world.work(kRoot, Idle{});
  world.run_for_ms(100);
  world.forked(0, 2, 6);
  EXPECT_EQ(world.status(kFork), Status::Held) << world.explain(kFork);
  world.forked(0, 3, 5);
  EXPECT_EQ(world.status(kFork), Status::Violated) << world.explain(kFork);
}

TEST(PidsFork, TwoFullGroupsOfOneLineageAreNotCountedExactly) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  world.pids_max(kRoot, 4);
  world.pids_max(a, 2);
  world.work(a, ForkStorm{8});
  world.work(kRoot, ForkStorm{8});
  world.run_for_ms(100);
  world.forked(0, 0, 8);
  world.forked(1, 2, 6);
  EXPECT_NE(world.status(kFork), Status::Violated) << world.explain(kFork);
}

TEST(PidsFork, FullSiblingIsNoExcuse) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.pids_max(a, 2);
  world.pids_max(b, 32);
  world.work(a, ForkStorm{4});
  world.work(b, ForkStorm{4});
  world.run_for_ms(100);
  world.forked(0, 1, 3);
  EXPECT_EQ(world.status(kFork), Status::Held) << world.explain(kFork);
  world.forked(1, 3, 1);
  EXPECT_EQ(world.status(kFork, b), Status::Violated) << world.explain(kFork);
}

TEST(PidsFork, DeadOrUnfinishedWorkersShowNothing) {
  World dead = storm(4, 3, 5);
  dead.seen.workers[0].end = WorkerEnd::OomKilled;
  EXPECT_EQ(dead.status(kFork), Status::Inconclusive) << dead.explain(kFork);
  World other_error = storm(4, 1, 5);
  other_error.seen.workers[0].first_errno = ENOMEM;
  other_error.seen.workers[0].end = WorkerEnd::Failed;
  EXPECT_EQ(other_error.status(kFork), Status::Inconclusive) << other_error.explain(kFork);
}

TEST(PidsFork, NothingIsSaidWithoutALimitOrForks) {
  World unlimited;
  unlimited.work(kRoot, ForkStorm{8});
  unlimited.run_for_ms(100);
  EXPECT_EQ(unlimited.status(kFork), Status::NotApplicable);
  World idle;
  idle.pids_max(kRoot, 1);
  idle.work(kRoot, Idle{});
  idle.run_for_ms(100);
  EXPECT_EQ(idle.status(kFork), Status::NotApplicable);
}

TEST(PidsFork, EveryLimitHasExactlyOneRightAnswer) {
  for (int64_t limit = 0; limit <= 12; ++limit) {
    int right = 0;
    for (int64_t ok = 0; ok <= 8; ++ok) {
      right += storm(limit, ok, 8 - ok).status(kFork) != Status::Violated ? 1 : 0;
    }
    EXPECT_EQ(right, 1) << limit;
  }
}

struct Pair {
  World world;
  NodeId a = kRoot;
};

Pair storm_and_idler() {
  Pair pair;
  pair.a = pair.world.add(kRoot, "a");
  pair.world.work(pair.a, ForkStorm{4});
  pair.world.work(kRoot, Idle{});
  pair.world.run_for_ms(100);
  return pair;
}

TEST(PidsConservation, TasksAddUpAtEveryNode) {
  const Pair pair = storm_and_idler();
  EXPECT_EQ(pair.world.status(kPidsConservation, kRoot), Status::Held)
      << pair.world.explain(kPidsConservation);
  EXPECT_EQ(pair.world.status(kPidsConservation, pair.a), Status::Held)
      << pair.world.explain(kPidsConservation);
}

TEST(PidsConservation, OneTaskMoreOrLessIsAViolation) {
  for (const int64_t apart : {-1, 1}) {
    Pair pair = storm_and_idler();
    pair.world.after(kRoot)[Counter::PidsCurrent] += apart;
    EXPECT_EQ(pair.world.status(kPidsConservation, kRoot), Status::Violated) << apart;
  }
}

TEST(PidsConservation, WorkerInTheParentShowsAtBothNodes) {
  Pair pair = storm_and_idler();
  pair.world.after(pair.a)[Counter::PidsCurrent] = 0;
  EXPECT_EQ(pair.world.status(kPidsConservation, pair.a), Status::Violated)
      << pair.world.explain(kPidsConservation);
  EXPECT_EQ(pair.world.status(kPidsConservation, kRoot), Status::Violated)
      << pair.world.explain(kPidsConservation);
}

TEST(PidsConservation, DeadWorkerIsNoTask) {
  World world;
  world.hold(kRoot, kMiB);
  world.work(kRoot, Idle{});
  world.run_for_ms(100);
  world.oom_kill(0, kMiB);
  EXPECT_EQ(world.after(kRoot)[Counter::PidsCurrent], 1);
  EXPECT_EQ(world.status(kPidsConservation), Status::Held) << world.explain(kPidsConservation);
}

TEST(PidsConservation, OrphansOfAKilledWorkerShowNothing) {
  Pair pair = storm_and_idler();
  pair.world.seen.workers[0].end = WorkerEnd::Killed;
  EXPECT_EQ(pair.world.status(kPidsConservation, pair.a), Status::Inconclusive)
      << pair.world.explain(kPidsConservation);
}

TEST(PidsConservation, MovingWorkersShowNothing) {
  Pair pair = storm_and_idler();
  pair.world.seen.workers[0].held_still = false;
  pair.world.after(pair.a)[Counter::PidsCurrent] = 3;
  pair.world.after(kRoot)[Counter::PidsCurrent] = 4;
  EXPECT_EQ(pair.world.status(kPidsConservation), Status::Inconclusive)
      << pair.world.explain(kPidsConservation);
}

TEST(PidsConservation, JoinedThreadsMayStillBeOnTheirWayOut) {
  // pthread_join returns at mm_release(), the task is uncharged later, in release_task().
  World world;
  world.work(kRoot, CpuHog{3, 100, 10'000});
  world.run_for_ms(100);
  ASSERT_EQ(world.after(kRoot)[Counter::PidsCurrent], 1);
  EXPECT_NE(world.status(kPidsConservation), Status::Violated) << world.explain(kPidsConservation);
  world.after(kRoot)[Counter::PidsCurrent] = 2;
  EXPECT_NE(world.status(kPidsConservation), Status::Violated) << world.explain(kPidsConservation);
  world.after(kRoot)[Counter::PidsCurrent] = 4;
  EXPECT_EQ(world.status(kPidsConservation), Status::Violated) << world.explain(kPidsConservation);
}

TEST(PidsConservation, UnreadableCountersAreNoViolation) {
  Pair pair = storm_and_idler();
  pair.world.forget(pair.a, Counter::PidsCurrent);
  EXPECT_NE(pair.world.status(kPidsConservation), Status::Violated) << pair.world.explain(kPidsConservation);
  pair.world.forget(kRoot, Counter::PidsCurrent);
  EXPECT_EQ(pair.world.status(kPidsConservation), Status::NotApplicable);
}

}  // namespace
}  // namespace treeline::world_test

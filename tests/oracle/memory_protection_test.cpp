#include "oracle/memory_protection.h"

#include <gtest/gtest.h>

#include "world.h"

namespace treeline {
namespace {

using world_test::kPage;
using world_test::World;

constexpr const char* kInvariant = "memory.protection";

/// A limit of 12 MiB, reached by a hog beside a group that holds 4 MiB of page cache.
///
///   t          memory.max 12 MiB
///   ├─ spared  `knob` 6 MiB, file 4 MiB
///   └─ hog     file 24 MiB
struct Pair {
  World world;
  NodeId spared = kRoot;
  NodeId hog = kRoot;

  explicit Pair(Knob knob, int64_t protection = 6 * kMiB) {
    world.become_v2();
    spared = world.add(kRoot, "spared");
    hog = world.add(kRoot, "hog");
    world.memory_max(kRoot, 12 * kMiB);
    world.limit(spared, knob, Amount{protection});
    world.hold(spared, 4 * kMiB, MemoryKind::File);
    world.hold(hog, 24 * kMiB, MemoryKind::File);
    world.run_for_ms(200);
    leave(hog, 7 * kMiB);
    world.after(kRoot)[Counter::MemoryCurrent] = world.after(kRoot)[Counter::MemoryPeak] = 12 * kMiB;
  }

  /// What is charged to the node in the end.
  void leave(NodeId node, int64_t bytes) { world.after(node)[Counter::MemoryCurrent] = bytes; }
  void breach(int64_t times) {
    world.before(spared)[Counter::MemoryLowEvents] = 0;
    world.after(spared)[Counter::MemoryLowEvents] = times;
  }
  Status status(NodeId node) const { return world.status(kInvariant, node); }
};

TEST(MemoryProtection, WhatIsSparedHolds) {
  for (const Knob knob : {Knob::MemoryMin, Knob::MemoryLow}) {
    const Pair pair(knob);
    EXPECT_EQ(pair.status(pair.spared), Status::Held) << pair.world.explain(kInvariant);
  }
}

TEST(MemoryProtection, OnePageLessIsAViolation) {
  for (const Knob knob : {Knob::MemoryMin, Knob::MemoryLow}) {
    Pair pair(knob);
    pair.leave(pair.spared, 4 * kMiB);
    EXPECT_EQ(pair.status(pair.spared), Status::Held) << pair.world.explain(kInvariant);
    pair.leave(pair.spared, 4 * kMiB - kPage);
    EXPECT_EQ(pair.status(pair.spared), Status::Violated) << pair.world.explain(kInvariant);
  }
}

TEST(MemoryProtection, TheHogIsFairGame) {
  const Pair pair(Knob::MemoryLow);
  EXPECT_EQ(pair.status(pair.hog), Status::NotApplicable) << pair.world.explain(kInvariant);
}

TEST(MemoryProtection, ShowsNothingWithoutPressure) {
  Pair pair(Knob::MemoryLow);
  pair.world.memory_max(kRoot, 64 * kMiB);
  for (const Finding& finding : pair.world.findings(kInvariant)) {
    EXPECT_EQ(finding.status, Status::Inconclusive) << finding.sentence;
  }
}

TEST(MemoryProtection, ShowsNothingIfTooLittleWouldHaveBeenTaken) {
  World world;
  world.become_v2();
  const NodeId spared = world.add(kRoot, "spared");
  const NodeId hog = world.add(kRoot, "hog");
  world.memory_max(kRoot, 8 * kMiB);
  world.limit(spared, Knob::MemoryMin, Amount{6 * kMiB});
  world.hold(spared, kMiB / 4, MemoryKind::File);
  world.hold(hog, 9 * kMiB, MemoryKind::File);
  world.run_for_ms(200);
  EXPECT_EQ(world.status(kInvariant, spared), Status::Inconclusive) << world.explain(kInvariant);
}

TEST(MemoryProtection, ALowThatGaveWayAndWasCountedHolds) {
  Pair pair(Knob::MemoryLow);
  // Nothing is left but what is protected: the hog has a low, too.
  pair.world.limit(pair.hog, Knob::MemoryLow, Amount{32 * kMiB});
  pair.leave(pair.spared, 2 * kMiB);
  pair.breach(3);
  EXPECT_EQ(pair.status(pair.spared), Status::Held) << pair.world.explain(kInvariant);
  pair.breach(0);
  EXPECT_EQ(pair.status(pair.spared), Status::Violated) << pair.world.explain(kInvariant);
}

TEST(MemoryProtection, ALowThatGaveWayWhileThereWasMoreToTakeIsAViolation) {
  Pair pair(Knob::MemoryLow);
  pair.breach(1);
  EXPECT_EQ(pair.status(pair.spared), Status::Violated) << pair.world.explain(kInvariant);
}

TEST(MemoryProtection, AMinNeverGivesWay) {
  Pair pair(Knob::MemoryMin);
  pair.leave(pair.spared, 2 * kMiB);
  pair.breach(3);
  EXPECT_EQ(pair.status(pair.spared), Status::Violated) << pair.world.explain(kInvariant);
}

TEST(MemoryProtection, AboveItsMinAGroupKeepsThatMuch) {
  Pair pair(Knob::MemoryMin, 3 * kMiB);
  // Two tasks' batches, objects of its files, stock: 128 + 32 + 132 pages.
  pair.leave(pair.spared, 3 * kMiB - 292 * kPage);
  EXPECT_NE(pair.status(pair.spared), Status::Violated) << pair.world.explain(kInvariant);
  pair.leave(pair.spared, 3 * kMiB - 293 * kPage);
  EXPECT_EQ(pair.status(pair.spared), Status::Violated) << pair.world.explain(kInvariant);
}

TEST(MemoryProtection, AboveItsLowNothingIsSaid) {
  Pair pair(Knob::MemoryLow, 3 * kMiB);
  pair.leave(pair.spared, 0);
  EXPECT_EQ(pair.status(pair.spared), Status::NotApplicable) << pair.world.explain(kInvariant);
}

TEST(MemoryProtection, AGroupThatReachedItsOwnLimitIsNotJudged) {
  Pair pair(Knob::MemoryMin);
  pair.world.memory_max(pair.spared, 2 * kMiB);
  pair.leave(pair.spared, 2 * kMiB);
  EXPECT_EQ(pair.status(pair.spared), Status::NotApplicable) << pair.world.explain(kInvariant);
}

TEST(MemoryProtection, KswapdAboveTheTreeExcusesALoss) {
  Pair pair(Knob::MemoryMin);
  pair.leave(pair.spared, 0);
  pair.world.before(kRoot)[Counter::MemoryKswapdScans] = 0;
  pair.world.after(kRoot)[Counter::MemoryKswapdScans] = 1;
  EXPECT_EQ(pair.status(pair.spared), Status::Inconclusive) << pair.world.explain(kInvariant);
}

TEST(MemoryProtection, AWorkerThatDiedHoldsNothing) {
  Pair pair(Knob::MemoryMin);
  pair.world.seen.workers[0].end = WorkerEnd::Killed;
  pair.leave(pair.spared, 0);
  EXPECT_EQ(pair.status(pair.spared), Status::NotApplicable) << pair.world.explain(kInvariant);
}

TEST(MemoryProtection, AKillWhileUnprotectedCacheIsLeftIsAViolation) {
  Pair pair(Knob::MemoryLow);
  EXPECT_EQ(pair.status(kRoot), Status::Held) << pair.world.explain(kInvariant);
  pair.world.oom_kill(1, 8 * kMiB);  // nobody is left who would press
  EXPECT_EQ(pair.status(kRoot), Status::Violated) << pair.world.explain(kInvariant);
}

TEST(MemoryProtection, AKillWhereAllThatIsLeftIsProtectedByMinIsDue) {
  Pair pair(Knob::MemoryMin);
  pair.world.limit(pair.hog, Knob::MemoryMin, Amount{32 * kMiB});
  EXPECT_EQ(pair.status(kRoot), Status::NotApplicable) << pair.world.explain(kInvariant);
}

/// A level between the limit and two groups of 4 MiB, each with a low of 6 MiB.
///
///   t           memory.max 12 MiB
///   ├─ between  memory.low `shared`
///   │  ├─ a     memory.low 6 MiB, file 4 MiB
///   │  └─ b     memory.low 6 MiB, file 4 MiB
///   └─ hog      file 24 MiB
struct Family {
  World world;
  NodeId a = kRoot;
  NodeId b = kRoot;

  explicit Family(Knob knob, int64_t shared) {
    world.become_v2();
    const NodeId between = world.add(kRoot, "between");
    a = world.add(between, "a");
    b = world.add(between, "b");
    const NodeId hog = world.add(kRoot, "hog");
    world.memory_max(kRoot, 12 * kMiB);
    world.limit(between, knob, Amount{shared});
    for (const NodeId node : {a, b}) {
      world.limit(node, knob, Amount{6 * kMiB});
      world.hold(node, 4 * kMiB, MemoryKind::File);
    }
    world.hold(hog, 24 * kMiB, MemoryKind::File);
    world.run_for_ms(200);
  }
};

TEST(MemoryProtection, ALevelBetweenPassesItsOwnOn) {
  for (const Knob knob : {Knob::MemoryMin, Knob::MemoryLow}) {
    Family family(knob, 9 * kMiB);
    EXPECT_EQ(family.world.status(kInvariant, family.a), Status::Held) << family.world.explain(kInvariant);
    family.world.after(family.a)[Counter::MemoryCurrent] = 3 * kMiB;
    EXPECT_EQ(family.world.status(kInvariant, family.a), Status::Violated)
        << family.world.explain(kInvariant);
  }
}

TEST(MemoryProtection, WhatIsOvercommittedIsNotPromised) {
  Family family(Knob::MemoryLow, 6 * kMiB);
  family.world.after(family.a)[Counter::MemoryCurrent] = 2 * kMiB;
  EXPECT_EQ(family.world.status(kInvariant, family.a), Status::NotApplicable)
      << family.world.explain(kInvariant);
}

TEST(MemoryProtection, OfAnOvercommittedMinEachKeepsWhatTheOtherCannotClaim) {
  Family family(Knob::MemoryMin, 7 * kMiB);
  // b uses 4.2 MiB at most: 2.8 MiB are a's, less three tasks' batches, objects and stock.
  family.world.after(family.a)[Counter::MemoryCurrent] = kMiB / 2;
  EXPECT_EQ(family.world.status(kInvariant, family.a), Status::Violated) << family.world.explain(kInvariant);
  family.world.after(family.a)[Counter::MemoryCurrent] = 2 * kMiB;
  EXPECT_NE(family.world.status(kInvariant, family.a), Status::Violated) << family.world.explain(kInvariant);
}

TEST(MemoryProtection, WithoutAProtectionAboveThereIsNone) {
  Family family(Knob::MemoryLow, 0);
  family.world.after(family.a)[Counter::MemoryCurrent] = 0;
  EXPECT_EQ(family.world.status(kInvariant, family.a), Status::NotApplicable)
      << family.world.explain(kInvariant);
}

TEST(MemoryProtection, ThreeLevelsBelowTheLimitNothingIsSaid) {
  World world;
  world.become_v2();
  NodeId node = kRoot;
  for (const char* name : {"a", "b", "c"}) {
    node = world.add(node, name);
    world.limit(node, Knob::MemoryMin, Amount{6 * kMiB});
  }
  const NodeId hog = world.add(kRoot, "hog");
  world.memory_max(kRoot, 8 * kMiB);
  world.hold(node, 4 * kMiB, MemoryKind::File);
  world.hold(hog, 16 * kMiB, MemoryKind::File);
  world.run_for_ms(200);
  world.after(node)[Counter::MemoryCurrent] = 0;
  EXPECT_EQ(world.status(kInvariant, node), Status::Inconclusive) << world.explain(kInvariant);
}

TEST(MemoryProtection, IsNotJudgedOnV1OrWhereTheLimitChanges) {
  Pair pair(Knob::MemoryMin);
  pair.leave(pair.spared, 0);
  World changing = pair.world;
  changing.act(Action::Kind::SetLimit, kRoot, 50);
  changing.scenario.actions[0].knob = Knob::MemoryMax;
  EXPECT_TRUE(changing.findings(kInvariant).empty());
  pair.world.seen.machine.controllers[Controller::Memory] = CgroupVersion::V1;
  EXPECT_TRUE(pair.world.findings(kInvariant).empty());
}

}  // namespace
}  // namespace treeline

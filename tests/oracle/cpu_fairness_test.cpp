#include <gtest/gtest.h>

#include "cpu_world.h"

namespace treeline::cpu_test {
namespace {

constexpr const char* kCpuFairness = "cpu.fairness";

struct Siblings {
  CpuWorld world;
  NodeId a = 0;
  NodeId b = 0;
};

/// Two hogs under one parent on CPU 0, of weights 100 and 300, that got `a_ms` and `b_ms` of the window.
Siblings on_one_cpu(double a_ms, double b_ms, int64_t window_ms = 2'000, int64_t weight_b = 300) {
  Siblings s;
  s.world.pin(kRoot, {0});
  s.a = s.world.add(kRoot, "a");
  s.b = s.world.add(kRoot, "b");
  s.world.weigh(s.a, 100);
  s.world.weigh(s.b, weight_b);
  s.world.ran_ms(s.world.hog(s.a), a_ms);
  s.world.ran_ms(s.world.hog(s.b), b_ms);
  s.world.run_for_ms(window_ms);
  return s;
}

Status status_of(const Siblings& s, NodeId node) { return s.world.status(kCpuFairness, node); }

void expect_none_violated(const CpuWorld& world) {
  for (const Finding& finding : world.judge_all(kCpuFairness)) {
    EXPECT_NE(finding.status, Status::Violated) << explain(finding);
  }
}

bool any(const CpuWorld& world, Status status) {
  for (const Finding& finding : world.judge_all(kCpuFairness)) {
    if (finding.status == status) return true;
  }
  return false;
}

TEST(CpuFairness, SharesByWeightHold) {
  const Siblings s = on_one_cpu(500, 1'500);
  EXPECT_EQ(status_of(s, s.a), Status::Held) << explain(s.world.judge(kCpuFairness, s.a));
  EXPECT_EQ(status_of(s, s.b), Status::Held) << explain(s.world.judge(kCpuFairness, s.b));
}

TEST(CpuFairness, SwappedWeightsAreViolated) {
  const Siblings s = on_one_cpu(1'500, 500);
  EXPECT_TRUE(any(s.world, Status::Violated));
}

TEST(CpuFairness, IgnoredWeightsAreViolated) {
  const Siblings s = on_one_cpu(1'000, 1'000);
  EXPECT_TRUE(any(s.world, Status::Violated));
}

TEST(CpuFairness, StarvedSiblingOfEqualWeightIsViolated) {
  const Siblings s = on_one_cpu(20, 1'980, 2'000, 100);
  EXPECT_TRUE(any(s.world, Status::Violated));
}

TEST(CpuFairness, OutsideLoadCancelsOut) {
  Siblings s = on_one_cpu(150, 450);
  s.world.steal_ms(1'000);
  EXPECT_EQ(status_of(s, s.a), Status::Held) << explain(s.world.judge(kCpuFairness, s.a));
}

TEST(CpuFairness, ShortWindowIsInconclusiveOrSilent) {
  const Siblings s = on_one_cpu(20, 20, 40);
  for (const Finding& finding : s.world.judge_all(kCpuFairness)) {
    EXPECT_EQ(finding.status, Status::Inconclusive) << explain(finding);
  }
}

TEST(CpuFairness, WarmUpIsNotJudged) {
  // Equal shares for the first 100 ms, as load averages leave their mark; then by weight.
  Siblings s = on_one_cpu(0, 0);
  s.world.ran_ms(0, 50, 100, 475);
  s.world.ran_ms(1, 50, 100, 1'425);
  s.world.run_for_ms(2'000);
  expect_none_violated(s.world);
  EXPECT_TRUE(any(s.world, Status::Held));
}

TEST(CpuFairness, AGapThatDoesNotLastIsNoViolation) {
  // Equal shares until 1 s, then by weight.
  Siblings s = on_one_cpu(0, 0);
  s.world.ran_ms(0, 500, 1'000, 250);
  s.world.ran_ms(1, 500, 1'000, 750);
  s.world.run_for_ms(2'000);
  expect_none_violated(s.world);
  EXPECT_FALSE(any(s.world, Status::Held));
}

TEST(CpuFairness, TinyWeightsBelowAGreatOneMayStillCarryOldLoad) {
  // a's only child has 10 shares: the 1024 that it began with on another CPU count for much longer.
  Siblings s = on_one_cpu(0, 0, 2'000, 100);
  const NodeId tiny = s.world.add(s.a, "tiny");
  s.world.weigh(tiny, 1);
  s.world.scenario.workers[0].node = tiny;
  s.world.ran_ms(0, 960);
  s.world.ran_ms(1, 1'040);
  s.world.run_for_ms(2'000);
  expect_none_violated(s.world);
}

TEST(CpuFairness, AFewSlicesOfLagAreNoViolation) {
  expect_none_violated(on_one_cpu(504, 1'496).world);
  expect_none_violated(on_one_cpu(496, 1'504).world);
}

TEST(CpuFairness, LongGapExcusesADeviationOfItsLength) {
  Siblings s = on_one_cpu(545, 1'455);
  s.world.gap_ms(40);
  expect_none_violated(s.world);
}

TEST(CpuFairness, GapAsLongAsTheEffectLeavesNothingConclusive) {
  Siblings s = on_one_cpu(500, 1'500);
  s.world.gap_ms(800);
  for (const Finding& finding : s.world.judge_all(kCpuFairness)) {
    EXPECT_EQ(finding.status, Status::Inconclusive) << explain(finding);
  }
}

TEST(CpuFairness, TasksOfTheParentCompeteEachWith1024) {
  // v1: two threads in the parent and one group of weight 100 (1024 shares) get a third each.
  for (const bool fair : {true, false}) {
    CpuWorld world;
    world.pin(kRoot, {0});
    const NodeId a = world.add(kRoot, "a");
    world.ran_ms(world.hog(kRoot, 2), fair ? 1'333 : 1'000);
    world.ran_ms(world.hog(a), fair ? 667 : 1'000);
    world.run_for_ms(2'000);
    EXPECT_EQ(world.status(kCpuFairness, a), fair ? Status::Held : Status::Violated)
        << explain(world.judge(kCpuFairness, a));
  }
}

TEST(CpuFairness, ThreadsWithinAGroupDoNotAddToItsWeight) {
  CpuWorld world;
  world.pin(kRoot, {0});
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.ran_ms(world.hog(a, 4), 1'600);
  world.ran_ms(world.hog(b), 400);
  world.run_for_ms(2'000);
  EXPECT_TRUE(any(world, Status::Violated));
}

TEST(CpuFairness, EachLevelIsJudgedRelativeToItsParent) {
  // a:b = 1:1, and within a, c:d = 1:3. At the lower level the shares are wrong, above all is well.
  CpuWorld world;
  world.pin(kRoot, {1});
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  const NodeId c = world.add(a, "c");
  const NodeId d = world.add(a, "d");
  world.weigh(d, 300);
  world.ran_ms(world.hog(c), 500);
  world.ran_ms(world.hog(d), 500);
  world.ran_ms(world.hog(b), 1'000);
  world.run_for_ms(2'000);
  EXPECT_EQ(world.status(kCpuFairness, a), Status::Held) << explain(world.judge(kCpuFairness, a));
  EXPECT_EQ(world.status(kCpuFairness, b), Status::Held) << explain(world.judge(kCpuFairness, b));
  EXPECT_EQ(world.status(kCpuFairness, c), Status::Violated) << explain(world.judge(kCpuFairness, c));
}

TEST(CpuFairness, IdleGroupGetsThreeSharesOnly) {
  for (const bool fair : {true, false}) {
    CpuWorld world;
    world.pin(kRoot, {0});
    const NodeId a = world.add(kRoot, "a", {{Knob::CpuIdle, Amount{1}}});
    const NodeId b = world.add(kRoot, "b");
    world.ran_ms(world.hog(a), fair ? 6 : 1'000);
    world.ran_ms(world.hog(b), fair ? 1'994 : 1'000);
    world.run_for_ms(2'000);
    EXPECT_EQ(any(world, Status::Violated), !fair);
  }
}

TEST(CpuFairness, LowestWeightBesideTheHighestHoldsWhenItHardlyRuns) {
  const Siblings s = on_one_cpu(20, 1'980, 2'000, 10'000);
  expect_none_violated(s.world);
}

TEST(CpuFairness, SeveralCpusAreNotJudged) {
  CpuWorld world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.weigh(b, 300);
  world.ran_ms(world.hog(a), 1'000);
  world.ran_ms(world.hog(b), 1'000);
  world.run_for_ms(1'000);
  EXPECT_TRUE(world.judge_all(kCpuFairness).empty());
}

TEST(CpuFairness, SiblingsOnDifferentCpusAreNotJudged) {
  CpuWorld world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.weigh(b, 300);
  world.pin(a, {0});
  world.pin(b, {1});
  world.ran_ms(world.hog(a), 1'000);
  world.ran_ms(world.hog(b), 1'000);
  world.run_for_ms(1'000);
  EXPECT_FALSE(any(world, Status::Violated) || any(world, Status::Held));
}

TEST(CpuFairness, WorkersThatSleepAtTimesAreNotJudged) {
  CpuWorld world;
  world.pin(kRoot, {0});
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.ran_ms(world.hog(a, 1, 30), 300);
  world.ran_ms(world.hog(b), 1'700);
  world.run_for_ms(2'000);
  EXPECT_FALSE(any(world, Status::Violated) || any(world, Status::Held));
}

TEST(CpuFairness, QuotasAndActionsTakeCompetitorsAway) {
  CpuWorld capped;
  capped.pin(kRoot, {0});
  const NodeId a = capped.add(kRoot, "a");
  const NodeId b = capped.add(kRoot, "b");
  capped.cap(a, 1'000, 10'000);
  capped.ran_ms(capped.hog(a), 200);
  capped.ran_ms(capped.hog(b), 1'800);
  capped.run_for_ms(2'000);
  EXPECT_FALSE(any(capped, Status::Violated));
  Siblings frozen = on_one_cpu(100, 1'900);
  frozen.world.freeze(frozen.a, 200);
  EXPECT_FALSE(any(frozen.world, Status::Violated));
}

TEST(CpuFairness, AWorkerThatDiedDoesNotCompete) {
  Siblings s = on_one_cpu(100, 1'900);
  s.world.seen.workers[0].end = WorkerEnd::Killed;
  EXPECT_FALSE(any(s.world, Status::Violated));
}

TEST(CpuFairness, IdleNeighboursOutsideTheParentAreNoCompetition) {
  Siblings s = on_one_cpu(500, 1'500);
  const NodeId c = s.world.add(kRoot, "c");
  EXPECT_EQ(c, 3);
  s.world.ran_ms(0, 500);
  s.world.run_for_ms(2'000);
  EXPECT_EQ(status_of(s, s.a), Status::Held) << "an empty group takes no share";
}

TEST(CpuFairness, OnlyChildHasNothingToShare) {
  CpuWorld world;
  world.pin(kRoot, {0});
  world.ran_ms(world.hog(world.add(kRoot, "a")), 2'000);
  world.run_for_ms(2'000);
  EXPECT_TRUE(world.judge_all(kCpuFairness).empty());
}

TEST(CpuFairness, WithoutSamplesNothingIsSaid) {
  Siblings s = on_one_cpu(1'500, 500);
  for (NodeObservation& node : s.world.seen.nodes) node.series.clear();
  EXPECT_FALSE(any(s.world, Status::Violated) || any(s.world, Status::Held));
}

/// Two hogs, of which one had a weight of 2 until it got 128 at 100 ms of 800: it runs from `light_from_ms`
/// on.
Status lightest_until_changed(const char* release, double light_from_ms) {
  CpuWorld world;
  const NodeId parent = world.add(kRoot, "p");
  world.pin(parent, {1});
  const NodeId light = world.add(parent, "light", {{Knob::CpuWeight, Amount{2}}});
  const NodeId other = world.add(parent, "other", {{Knob::CpuWeight, Amount{128}}});
  const double half_ms = (800 - light_from_ms) / 2;
  world.ran_ms(world.hog(light), 4, light_from_ms, half_ms);
  world.ran_ms(world.hog(other), light_from_ms - 4, light_from_ms, half_ms);
  world.run_for_ms(800);
  world.scenario.actions = {{100'000, Action::Kind::SetLimit, light, Knob::CpuWeight, Amount{128}}};
  world.seen.actions = {{100 * kMs, 101 * kMs, 0, {}, {}}};
  world.seen.machine.kernel_release = release;
  return world.judge(kCpuFairness, light).status;
}

TEST(CpuFairness, ALeadByAnOldWeightIsKeptBeforeEevdf) {
  // A quantum of 4 ms, and a gap, twice, of which the others' 64 times its weight make more than the window.
  EXPECT_EQ(lightest_until_changed("6.1.0-56-cloud-amd64", 799), Status::Inconclusive);
  EXPECT_EQ(lightest_until_changed("6.12.0", 799), Status::Violated);
  EXPECT_EQ(lightest_until_changed("6.12.0", 104), Status::Held);
}

TEST(CpuFairness, AnIdleTaskMayHaveBeenThereBeforeItMoved) {
  CpuWorld world(1);
  const NodeId parent = world.add(kRoot, "parent");
  const NodeId light = world.add(parent, "light", {{Knob::CpuWeight, Amount{100}}});
  const NodeId heavy = world.add(parent, "heavy", {{Knob::CpuWeight, Amount{300}}});
  world.ran_ms(world.hog(light), 250);
  world.ran_ms(world.hog(heavy), 750);
  const size_t mover = world.idler(light);
  world.run_for_ms(1'000);
  world.scenario.actions.push_back({10'000, Action::Kind::Migrate, kRoot});
  world.scenario.actions[0].worker = static_cast<int>(mover);
  world.seen.actions.push_back({10 * kMs, 11 * kMs, 0, {}, {}});
  EXPECT_EQ(world.judge(kCpuFairness, heavy).status, Status::Held)
      << explain(world.judge(kCpuFairness, heavy));
}

}  // namespace
}  // namespace treeline::cpu_test

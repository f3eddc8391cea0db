#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "oracle/oracle.h"
#include "world.h"

namespace treeline::world_test {
namespace {

constexpr const char* kStops = "freezer.stops";
constexpr const char* kResumes = "freezer.resumes";
constexpr auto kFreeze = Action::Kind::Freeze;
constexpr auto kThaw = Action::Kind::Thaw;

/// A hog at depth 2, frozen by its root from 100 ms to 300 ms of 500 ms.
World frozen_grandchild(const Workload& workload = CpuHog{1, 100, 10'000}) {
  World world;
  const NodeId b = world.add(world.add(kRoot, "a"), "b");
  world.work(b, workload);
  world.act(kFreeze, kRoot, 100);
  world.act(kThaw, kRoot, 300);
  world.run_for_ms(500);
  world.progressed(0, {1'000, 1'000}, 3'000);
  return world;
}

TEST(FreezerStops, HogThatStandsStillHolds) {
  const World world = frozen_grandchild();
  EXPECT_EQ(world.status(kStops), Status::Held) << world.explain(kStops);
}

TEST(FreezerStops, OneStepIsAViolation) {
  World world = frozen_grandchild();
  world.progressed(0, {1'000, 1'001}, 3'000);
  EXPECT_EQ(world.status(kStops), Status::Violated) << world.explain(kStops);
}

TEST(FreezerStops, StepOfAnyWorkloadIsAViolation) {
  World world = frozen_grandchild(MemoryHog{});
  EXPECT_EQ(world.status(kStops), Status::Inconclusive) << world.explain(kStops);
  world.progressed(0, {1'000, 1'001}, 1'001);
  EXPECT_EQ(world.status(kStops), Status::Violated) << world.explain(kStops);
}

TEST(FreezerStops, ShortFreezeShowsNothing) {
  World world = frozen_grandchild();
  world.seen.actions[1].started_ns = world.seen.actions[0].completed_ns + kMs;
  EXPECT_EQ(world.status(kStops), Status::Inconclusive) << world.explain(kStops);
}

TEST(FreezerStops, LongGapShowsNothing) {
  World world = frozen_grandchild();
  world.seen.noise[0].max_gap_ns = 150 * kMs;
  EXPECT_EQ(world.status(kStops), Status::Inconclusive) << world.explain(kStops);
}

TEST(FreezerStops, QuotaMayHaveStoppedTheHogInstead) {
  World world = frozen_grandchild();
  world.limit(kRoot, Knob::CpuMax, CpuBandwidth{10'000, 100'000});
  EXPECT_EQ(world.status(kStops), Status::Inconclusive) << world.explain(kStops);
}

TEST(FreezerStops, FreezeWithoutAThawLastsToTheEnd) {
  World world;
  world.work(kRoot, CpuHog{});
  world.act(kFreeze, kRoot, 100);
  world.run_for_ms(400);
  world.progressed(0, {1'000}, 1'000);
  EXPECT_EQ(world.status(kStops), Status::Held) << world.explain(kStops);
  world.progressed(0, {1'000}, 1'001);
  EXPECT_EQ(world.status(kStops), Status::Violated) << world.explain(kStops);
}

TEST(FreezerStops, ThawThatCameTooLateLeavesItFrozenToTheEnd) {
  World world;
  world.work(kRoot, CpuHog{});
  world.act(kFreeze, kRoot, 100);
  world.act(kThaw, kRoot, 399);
  world.run_for_ms(400);
  world.seen.actions[1] = {ActionObservation::kNotTried, -1, 0, {}};
  world.seen.actions[0].progress = {1'000};
  world.seen.workers[0].progress = 20'000;
  EXPECT_EQ(world.status(kStops), Status::Violated) << world.explain(kStops);
}

TEST(FreezerStops, ThawOfAChildDoesNotFreeIt) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  world.work(a, CpuHog{});
  world.act(kFreeze, kRoot, 100);
  world.act(kThaw, a, 200);
  world.act(kThaw, kRoot, 300);
  world.run_for_ms(500);
  world.progressed(0, {1'000, 1'000, 1'000}, 3'000);
  EXPECT_EQ(world.status(kStops), Status::Held) << world.explain(kStops);
  world.progressed(0, {1'000, 1'000, 2'000}, 3'000);
  EXPECT_EQ(world.status(kStops), Status::Violated) << world.explain(kStops);
}

TEST(FreezerStops, WorkersOutsideTheSubtreeGoOn) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.work(a, CpuHog{});
  world.work(b, CpuHog{});
  world.act(kFreeze, a, 100);
  world.act(kThaw, a, 300);
  world.run_for_ms(500);
  world.progressed(0, {1'000, 1'000}, 3'000);
  world.progressed(1, {1'000, 9'000}, 20'000);
  EXPECT_EQ(world.status(kStops), Status::Held) << world.explain(kStops);
  EXPECT_EQ(world.findings(kStops).size(), 1u);
}

World never_frozen(const Workload& workload = CpuHog{}) {
  World world = frozen_grandchild(workload);
  world.seen.actions[0].completed_ns = -1;
  return world;
}

TEST(FreezerStops, GroupThatNeverFreezesIsAViolation) {
  const World world = never_frozen();
  EXPECT_EQ(world.status(kStops), Status::Violated) << world.explain(kStops);
}

TEST(FreezerStops, ThrottledTasksCannotFreezeThemselves) {
  World world = never_frozen();
  world.limit(kRoot, Knob::CpuMax, CpuBandwidth{1'000, 1'000'000});
  EXPECT_EQ(world.status(kStops), Status::Inconclusive) << world.explain(kStops);
}

TEST(FreezerStops, ThrottledDirectIoSleepsWhereItCannotBeFrozen) {
  // submit_bio waits for the block in TASK_UNINTERRUPTIBLE, for block/rate seconds: here 4 s.
  World world = never_frozen(IoHog{true, IoDirection::Read, kMiB, kMiB});
  world.limit(kRoot, Knob::IoMax, IoRates{256 << 10, {}, {}, {}});
  EXPECT_EQ(world.status(kStops), Status::Inconclusive) << world.explain(kStops);
}

TEST(FreezerStops, TaskAboveMemoryHighSleepsWhereItCannotBeFrozen) {
  MemoryHog hog;
  hog.bytes = 4 << 20;
  World world = never_frozen(hog);
  EXPECT_EQ(world.status(kStops), Status::Violated) << world.explain(kStops);
  world.limit(kRoot, Knob::MemoryHigh, Amount{1 << 20});
  EXPECT_EQ(world.status(kStops), Status::Inconclusive) << world.explain(kStops);
}

TEST(FreezerStops, FreezeThatWasNotTriedSaysNothing) {
  World world = never_frozen();
  world.seen.actions[0].started_ns = ActionObservation::kNotTried;
  world.seen.actions[1] = {ActionObservation::kNotTried, -1, 0, {}};
  EXPECT_EQ(world.status(kStops), Status::NotApplicable) << world.explain(kStops);
}

TEST(FreezerStops, RefusedFreezeIsAViolation) {
  World world = never_frozen();
  world.seen.actions[0].write_errno = EINVAL;
  EXPECT_EQ(world.status(kStops), Status::Violated) << world.explain(kStops);
}

TEST(FreezerStops, NothingIsSaidWithoutAFreeze) {
  World world;
  world.work(kRoot, CpuHog{});
  world.run_for_ms(100);
  EXPECT_EQ(world.status(kStops), Status::NotApplicable);
  EXPECT_EQ(world.status(kResumes), Status::NotApplicable);
}

TEST(FreezerResumes, HogThatGoesOnHolds) {
  const World world = frozen_grandchild();
  EXPECT_EQ(world.status(kResumes), Status::Held) << world.explain(kResumes);
}

TEST(FreezerResumes, HogThatStandsStillIsAViolation) {
  World world = frozen_grandchild();
  world.progressed(0, {1'000, 1'000}, 1'000);
  EXPECT_EQ(world.status(kResumes), Status::Violated) << world.explain(kResumes);
}

TEST(FreezerResumes, ThawJustBeforeTheEndShowsNothing) {
  World world = frozen_grandchild();
  world.progressed(0, {1'000, 1'000}, 1'000);
  world.seen.actions[1].started_ns = 499 * kMs;
  EXPECT_EQ(world.status(kResumes), Status::Inconclusive) << world.explain(kResumes);
}

TEST(FreezerResumes, NextFreezeEndsTheTimeToResume) {
  World world;
  world.work(kRoot, CpuHog{});
  world.act(kFreeze, kRoot, 100);
  world.act(kThaw, kRoot, 200);
  world.act(kFreeze, kRoot, 202);
  world.run_for_ms(500);
  world.progressed(0, {1'000, 1'000, 1'000}, 1'000);
  EXPECT_EQ(world.status(kResumes), Status::Inconclusive) << world.explain(kResumes);
}

TEST(FreezerResumes, ChildOfAFrozenGroupNeedNotGoOn) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  world.work(a, CpuHog{});
  world.act(kFreeze, kRoot, 50);
  world.act(kFreeze, a, 100);
  world.act(kThaw, a, 200);
  world.run_for_ms(500);
  world.progressed(0, {1'000, 1'000, 1'000}, 1'000);
  EXPECT_EQ(world.status(kResumes), Status::NotApplicable) << world.explain(kResumes);
}

TEST(FreezerResumes, ChildOfAGroupThatIsStillFreezingNeedNotGoOn) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  world.work(a, CpuHog{});
  world.act(kFreeze, kRoot, 50);
  world.act(kFreeze, a, 100);
  world.act(kThaw, a, 200);
  world.run_for_ms(500);
  world.seen.actions[0].completed_ns = -1;
  world.progressed(0, {1'000, 1'000, 1'000}, 1'000);
  EXPECT_NE(world.status(kResumes), Status::Violated) << world.explain(kResumes);
}

TEST(FreezerResumes, LittleWeightMayWaitLong) {
  // 10 shares beside 102400: its turn comes after some 10000 slices of the other.
  World world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.limit(a, Knob::CpuWeight, Amount{1});
  world.limit(b, Knob::CpuWeight, Amount{10'000});
  world.work(a, CpuHog{});
  world.work(b, CpuHog{2, 100, 10'000});
  world.act(kFreeze, a, 100);
  world.act(kThaw, a, 300);
  world.run_for_ms(500);
  world.progressed(0, {1'000, 1'000}, 1'000);
  world.progressed(1, {1'000, 20'000}, 40'000);
  EXPECT_NE(world.status(kResumes), Status::Violated) << world.explain(kResumes);
  EXPECT_NE(world.status(kStops), Status::Held) << world.explain(kStops);
}

TEST(FreezerResumes, WorkerThatDiedOrSleepsShowsNothing) {
  World dead = frozen_grandchild();
  dead.progressed(0, {1'000, 1'000}, 1'000);
  dead.seen.workers[0].end = WorkerEnd::OomKilled;
  EXPECT_EQ(dead.status(kResumes), Status::Inconclusive) << dead.explain(kResumes);
  World idle = frozen_grandchild(Idle{});
  idle.progressed(0, {0, 0}, 0);
  EXPECT_EQ(idle.status(kResumes), Status::Inconclusive) << idle.explain(kResumes);
}

TEST(FreezerResumes, ActionsWithoutProgressDoNotCrash) {
  World world = frozen_grandchild();
  for (ActionObservation& action : world.seen.actions) action.progress.clear();
  world.findings(kStops);
  world.findings(kResumes);
}

/// "t/a" and "t/b", with a hog in one of them. "t/a" is frozen at 100 ms, and at 200 of 500 ms the hog goes
/// to the other; the reading after that shows the group as frozen.
World moved(NodeId from, NodeId to) {
  World world;
  world.add(kRoot, "a");
  world.add(kRoot, "b");
  world.work(from, CpuHog{});
  world.act(kFreeze, 1, 100);
  world.act(Action::Kind::Migrate, to, 200);
  world.run_for_ms(500);
  for (NodeObservation& node : world.seen.nodes) {
    node.series.insert(node.series.begin(), {202 * kMs, {{Counter::FreezerState, 2}}, kMs / 2});
  }
  return world;
}

World moved_in() { return moved(2, 1); }
World moved_out() { return moved(1, 2); }

TEST(FreezerStops, HogThatMovesIntoAFrozenGroupStops) {
  World world = moved_in();
  world.progressed(0, {1'000, 2'000}, 2'000);
  EXPECT_EQ(world.status(kStops), Status::Held) << world.explain(kStops);
  world.progressed(0, {1'000, 2'000}, 2'001);
  EXPECT_EQ(world.status(kStops), Status::Violated) << world.explain(kStops);
}

TEST(FreezerStops, GroupThatDoesNotFreezeWhoComesInIsAViolation) {
  World world = moved_in();
  world.progressed(0, {1'000, 2'000}, 2'000);
  world.seen.nodes[1].series[0].counters[Counter::FreezerState] = 1;
  EXPECT_EQ(world.status(kStops), Status::Violated) << world.explain(kStops);
  world.limit(kRoot, Knob::CpuMax, CpuBandwidth{1'000, 1'000'000});
  EXPECT_EQ(world.status(kStops), Status::Inconclusive) << world.explain(kStops);
}

TEST(FreezerStops, MoveThatWasRefusedStopsNobody) {
  World world = moved_in();
  world.progressed(0, {1'000, 2'000}, 9'000);
  world.seen.actions[1].write_errno = ESRCH;
  EXPECT_EQ(world.status(kStops), Status::NotApplicable) << world.explain(kStops);
}

TEST(FreezerStops, HogThatMovesWithinWhatIsFrozenStandsStill) {
  World world = moved_in();
  world.scenario.actions[0].node = kRoot;
  world.progressed(0, {1'000, 1'000}, 1'000);
  EXPECT_EQ(world.findings(kStops).size(), 1U) << "one stillness, to the end";
  EXPECT_EQ(world.status(kStops), Status::Held) << world.explain(kStops);
  EXPECT_EQ(world.status(kResumes), Status::NotApplicable);
  world.progressed(0, {1'000, 1'000}, 1'001);
  EXPECT_EQ(world.status(kStops), Status::Violated) << world.explain(kStops);
}

TEST(FreezerResumes, HogThatMovesOutOfAFrozenGroupGoesOn) {
  World world = moved_out();
  world.progressed(0, {1'000, 1'000}, 5'000);
  EXPECT_EQ(world.status(kStops), Status::Held) << world.explain(kStops);
  EXPECT_EQ(world.status(kResumes), Status::Held) << world.explain(kResumes);
  world.progressed(0, {1'000, 1'000}, 1'000);
  EXPECT_EQ(world.status(kResumes), Status::Violated) << world.explain(kResumes);
}

TEST(FreezerResumes, MoveBackEndsTheTimeToResume) {
  World world = moved_out();
  world.act(Action::Kind::Migrate, 1, 203);
  world.seen.actions[2].progress.resize(1);
  world.progressed(0, {1'000, 1'000, 1'000}, 1'000);
  EXPECT_EQ(world.status(kResumes), Status::Inconclusive) << world.explain(kResumes);
  world.scenario.actions[2].at_us = 400'000;
  world.seen.actions[2].started_ns = 400 * kMs;
  EXPECT_EQ(world.status(kResumes), Status::Violated) << world.explain(kResumes);
}

TEST(FreezerResumes, FollowMovesInAWholeVerdict) {
  World world = moved_out();
  world.progressed(0, {1'000, 1'000}, 1'000);
  const Result<Verdict> verdict = judge(world.scenario, world.seen);
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(std::any_of(verdict->findings.begin(), verdict->findings.end(), [](const Finding& finding) {
    return finding.invariant == kResumes && finding.status == Status::Violated;
  }));
}

}  // namespace
}  // namespace treeline::world_test

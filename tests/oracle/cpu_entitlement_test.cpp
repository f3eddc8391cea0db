#include <gtest/gtest.h>

#include "cpu_world.h"

namespace treeline::cpu_test {
namespace {

constexpr const char* kCpuEntitlement = "cpu.entitlement";

/// One endless thread on two CPUs under `quota_us` of each 20 ms, having used `used_ms` of a second.
CpuWorld one_hog(int64_t quota_us, double used_ms, int64_t window_ms = 1'000) {
  CpuWorld world;
  world.cap(kRoot, quota_us, 20'000);
  world.ran_ms(world.hog(kRoot), used_ms);
  world.run_for_ms(window_ms);
  return world;
}

TEST(CpuEntitlement, HogThatGetsItsQuotaHolds) {
  const Finding finding = one_hog(10'000, 500).judge(kCpuEntitlement, kRoot);
  EXPECT_EQ(finding.status, Status::Held) << explain(finding);
  EXPECT_GT(finding.margin, 0.7);
  EXPECT_LE(finding.margin, 1.0);
  EXPECT_LT(finding.bound, finding.observed);
}

TEST(CpuEntitlement, HalfOfTheQuotaIsViolated) {
  const Finding finding = one_hog(10'000, 250).judge(kCpuEntitlement, kRoot);
  EXPECT_EQ(finding.status, Status::Violated) << explain(finding);
  EXPECT_GT(finding.margin, 1.0);
}

TEST(CpuEntitlement, NothingAtAllIsViolated) {
  const Finding finding = one_hog(10'000, 0).judge(kCpuEntitlement, kRoot);
  EXPECT_EQ(finding.status, Status::Violated) << explain(finding);
}

TEST(CpuEntitlement, LimitTwoLevelsAboveTheHogIsItsDue) {
  CpuWorld world;
  const NodeId b = world.add(world.add(kRoot, "a"), "b");
  world.cap(kRoot, 10'000, 20'000);
  world.ran_ms(world.hog(b), 250);
  world.run_for_ms(1'000);
  EXPECT_EQ(world.status(kCpuEntitlement, kRoot), Status::Violated);
  EXPECT_EQ(world.status(kCpuEntitlement, b), Status::NotApplicable);
}

TEST(CpuEntitlement, ShortWindowIsInconclusive) {
  const Finding finding = one_hog(10'000, 20, 40).judge(kCpuEntitlement, kRoot);
  EXPECT_EQ(finding.status, Status::Inconclusive) << explain(finding);
}

TEST(CpuEntitlement, ALostPeriodAtEachEndIsNoViolation) {
  const Finding finding = one_hog(10'000, 480).judge(kCpuEntitlement, kRoot);
  EXPECT_NE(finding.status, Status::Violated) << explain(finding);
}

/// A hog and a sleeper on two CPUs under 60 ms of each 100, which the hog gets but for `lost_ms` a period.
CpuWorld hog_and_sleeper(double lost_ms) {
  CpuWorld world;
  world.cap(kRoot, 60'000, 100'000);
  world.ran_ms(world.hog(kRoot), 30 * (60 - lost_ms));
  world.ran_ms(world.hog(kRoot, 2, 1), 1);
  world.run_for_ms(3'000);
  return world;
}

TEST(CpuEntitlement, ASliceForThePoolAndOneForEachCpuMayBeLostToSleepers) {
  const Finding lost = hog_and_sleeper(14).judge(kCpuEntitlement, kRoot);
  EXPECT_EQ(lost.status, Status::Held) << explain(lost);
  const Finding starved = hog_and_sleeper(30).judge(kCpuEntitlement, kRoot);
  EXPECT_EQ(starved.status, Status::Violated) << explain(starved);
}

TEST(CpuEntitlement, StolenTimeIsNotOwed) {
  CpuWorld world = one_hog(10'000, 200);
  world.steal_ms(700);
  EXPECT_NE(world.status(kCpuEntitlement, kRoot), Status::Violated)
      << explain(world.judge(kCpuEntitlement, kRoot));
  EXPECT_NE(world.status(kCpuEntitlement, kRoot), Status::Held)
      << explain(world.judge(kCpuEntitlement, kRoot));
}

TEST(CpuEntitlement, PeriodTimerOnAStolenCpuKeepsEveryCpuWaiting) {
  // fair.c, start_cfs_bandwidth: the timer is pinned to one CPU. While that one is stolen, nothing is
  // refilled, and what was missed is not made up for (__refill sets, it does not add): two hogs lose twice
  // the stolen time.
  // 80 of each 50 ms, used up after 40. Ten times CPU 0 is away for 40 ms from when the timer is due: after
  // it, two CPUs have 10 ms left for 80, and so 60 are lost for 40 stolen.
  CpuWorld world;
  world.cap(kRoot, 80'000, 50'000);
  world.ran_ms(world.hog(kRoot, 2), 1'600 - 10 * 60);
  world.run_for_ms(1'000);
  world.seen.noise[0].steal_ns = 400 * kMs;
  world.seen.noise[0].max_gap_ns = 40 * kMs;
  EXPECT_NE(world.status(kCpuEntitlement, kRoot), Status::Violated)
      << explain(world.judge(kCpuEntitlement, kRoot));
}

TEST(CpuEntitlement, OutsideLoadTakesItsShare) {
  // The owner's 262144 shares are split over its CPUs, by the load that it has on each (calc_group_shares).
  CpuWorld world;
  world.cap(kRoot, 38'000, 20'000);
  world.ran_ms(world.hog(kRoot, 2), 1'480);
  world.run_for_ms(1'000);
  world.seen.running_tasks = 128;
  EXPECT_NE(world.status(kCpuEntitlement, kRoot), Status::Violated)
      << explain(world.judge(kCpuEntitlement, kRoot));
}

TEST(CpuEntitlement, AGroupBesideTheOwnerTakesItsShare) {
  // As another run of Treeline does: it has the same weight, and uses half of each CPU.
  CpuWorld world;
  world.cap(kRoot, 18'000, 20'000);
  world.ran_ms(world.hog(kRoot, 1), 490);
  world.run_for_ms(1'000);
  for (CpuNoise& noise : world.seen.noise) noise.idle_ns = 0;
  world.seen.outside_shares = 262'144;
  EXPECT_NE(world.status(kCpuEntitlement, kRoot), Status::Violated)
      << explain(world.judge(kCpuEntitlement, kRoot));
  world.seen.outside_shares = 0;
  EXPECT_EQ(world.status(kCpuEntitlement, kRoot), Status::Violated)
      << explain(world.judge(kCpuEntitlement, kRoot));
}

/// Of ten thousand in v2, split over eight CPUs, too little is left to say that half of a quota is due. What
/// nobody used was to be had, whatever the weights.
TEST(CpuEntitlement, WhatWasIdleIsOwedOnMachinesOfManyCpus) {
  CpuWorld world(8);
  world.seen.machine.controllers[Controller::Cpu] = CgroupVersion::V2;
  world.pin(kRoot, {1});
  world.cap(kRoot, 10'000, 20'000);
  world.ran_ms(world.hog(kRoot, 1), 250);
  world.run_for_ms(1'000);
  world.seen.running_tasks = 2;
  world.seen.outside_shares = 3'072;
  world.seen.noise_began_ns = Observation::kNotKnown;
  EXPECT_EQ(world.status(kCpuEntitlement, kRoot), Status::Inconclusive)
      << explain(world.judge(kCpuEntitlement, kRoot));
  world.seen.noise_began_ns = 0;
  EXPECT_EQ(world.status(kCpuEntitlement, kRoot), Status::Violated)
      << explain(world.judge(kCpuEntitlement, kRoot));
  for (CpuNoise& noise : world.seen.noise) noise.idle_ns = 0;
  EXPECT_EQ(world.status(kCpuEntitlement, kRoot), Status::Inconclusive)
      << explain(world.judge(kCpuEntitlement, kRoot));
}

TEST(CpuEntitlement, MoreThanItsThreadsCanUseIsNotOwed) {
  CpuWorld world = one_hog(30'000, 990);
  const Status status = world.status(kCpuEntitlement, kRoot);
  EXPECT_TRUE(status == Status::NotApplicable || status == Status::Inconclusive) << status_name(status);
}

TEST(CpuEntitlement, ThreadsConfinedToOneCpuAreOwedOneCpu) {
  CpuWorld world;
  world.cap(kRoot, 30'000, 20'000);
  world.pin(kRoot, {1});
  world.ran_ms(world.hog(kRoot, 4), 980);
  world.run_for_ms(1'000);
  EXPECT_NE(world.status(kCpuEntitlement, kRoot), Status::Violated);
}

TEST(CpuEntitlement, GroupsConfinedToTheSameCpuBelowShareIt) {
  CpuWorld world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.cap(kRoot, 30'000, 20'000);
  world.pin(a, {0});
  world.pin(b, {0});
  world.ran_ms(world.hog(a), 495);
  world.ran_ms(world.hog(b), 495);
  world.run_for_ms(1'000);
  EXPECT_NE(world.status(kCpuEntitlement, kRoot), Status::Violated)
      << explain(world.judge(kCpuEntitlement, kRoot));
}

/// cpu.max of one hog becomes 12/20 ms in the middle of two seconds, in the second of which it used
/// `late_ms`.
CpuWorld raised(const CpuBandwidth& before, double early_ms, double late_ms) {
  CpuWorld world;
  world.cap(kRoot, *before.quota_us, before.period_us);
  world.ran_ms(world.hog(kRoot), early_ms, 1'000, late_ms);
  world.run_for_ms(2'000);
  world.scenario.actions.push_back(
      {1'000'000, Action::Kind::SetLimit, kRoot, Knob::CpuMax, CpuBandwidth{12'000, 20'000}});
  world.seen.actions.push_back({1'000 * kMs, 1'001 * kMs, 0, {}, {}});
  return world;
}

TEST(CpuEntitlement, EachStretchBetweenChangesIsOwedItsOwnQuota) {
  const std::vector<Finding> healthy = raised({4'000, 20'000}, 200, 600).judge_all(kCpuEntitlement);
  ASSERT_EQ(healthy.size(), 2u);
  EXPECT_EQ(healthy[0].status, Status::Held) << explain(healthy[0]);
  EXPECT_EQ(healthy[1].status, Status::Held) << explain(healthy[1]);
  const std::vector<Finding> missed = raised({4'000, 20'000}, 200, 200).judge_all(kCpuEntitlement);
  EXPECT_EQ(missed[0].status, Status::Held) << explain(missed[0]);
  EXPECT_EQ(missed[1].status, Status::Violated) << explain(missed[1]);
}

TEST(CpuEntitlement, TheTimerMayRunOnWithTheLongestPeriodBefore) {
  // Throttled for the rest of 500 ms, then 480 ms with the new quota.
  const Finding slow = raised({100'000, 500'000}, 200, 290).judge_all(kCpuEntitlement).back();
  EXPECT_NE(slow.status, Status::Violated) << explain(slow);
  // Another 100 ms are not to be explained by that.
  const Finding starved = raised({100'000, 500'000}, 200, 150).judge_all(kCpuEntitlement).back();
  EXPECT_EQ(starved.status, Status::Violated) << explain(starved);
}

TEST(CpuEntitlement, WithoutDemandNothingIsOwed) {
  CpuWorld idle;
  idle.cap(kRoot, 10'000, 20'000);
  idle.ran_ms(idle.idler(kRoot), 0.1);
  idle.run_for_ms(1'000);
  EXPECT_EQ(idle.status(kCpuEntitlement, kRoot), Status::NotApplicable);
  CpuWorld modest;
  modest.cap(kRoot, 10'000, 20'000);
  modest.ran_ms(modest.hog(kRoot, 1, 20), 200);
  modest.run_for_ms(1'000);
  EXPECT_EQ(modest.status(kCpuEntitlement, kRoot), Status::NotApplicable);
}

TEST(CpuEntitlement, CompetitorsInTheTreeMakeItUndecided) {
  CpuWorld world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.cap(a, 15'000, 20'000);
  world.ran_ms(world.hog(a), 200);
  world.ran_ms(world.hog(b, 8), 1'800);
  world.run_for_ms(1'000);
  EXPECT_NE(world.status(kCpuEntitlement, a), Status::Violated);
  EXPECT_NE(world.status(kCpuEntitlement, a), Status::Held);
}

TEST(CpuEntitlement, HogsThatMayMeetOnOneCpuAreNotTakenForEntitled) {
  // As many single threads as CPUs; but nothing says when the balancer parts two that met on one.
  CpuWorld world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  for (const NodeId node : {a, b}) world.cap(node, 10'000, 20'000);
  world.ran_ms(world.hog(a), 250);
  world.ran_ms(world.hog(b), 500);
  world.run_for_ms(1'000);
  EXPECT_NE(world.status(kCpuEntitlement, b), Status::Violated) << explain(world.judge(kCpuEntitlement, b));
  EXPECT_NE(world.status(kCpuEntitlement, a), Status::Held) << explain(world.judge(kCpuEntitlement, a));
}

TEST(CpuEntitlement, TighterAncestorTakesPrecedence) {
  CpuWorld world;
  const NodeId a = world.add(kRoot, "a");
  world.cap(kRoot, 5'000, 20'000);
  world.cap(a, 10'000, 20'000);
  world.ran_ms(world.hog(a), 250);
  world.run_for_ms(1'000);
  EXPECT_NE(world.status(kCpuEntitlement, a), Status::Violated);
  EXPECT_NE(world.status(kCpuEntitlement, a), Status::Held);
}

TEST(CpuEntitlement, TighterChildTakesPrecedence) {
  CpuWorld world;
  const NodeId a = world.add(kRoot, "a");
  world.cap(kRoot, 10'000, 20'000);
  world.cap(a, 5'000, 20'000);
  world.ran_ms(world.hog(a), 250);
  world.run_for_ms(1'000);
  EXPECT_NE(world.status(kCpuEntitlement, kRoot), Status::Violated);
}

TEST(CpuEntitlement, NothingIsOwedToTheFrozen) {
  CpuWorld world;
  world.cap(kRoot, 10'000, 20'000);
  world.ran_ms(world.hog(kRoot), 100, 200, 0);
  world.freeze(kRoot, 200);
  world.run_for_ms(1'000);
  EXPECT_NE(world.status(kCpuEntitlement, kRoot), Status::Violated);
}

TEST(CpuEntitlement, NothingIsOwedToTheDead) {
  CpuWorld world = one_hog(10'000, 100);
  world.seen.workers[0].end = WorkerEnd::Killed;
  world.seen.workers[0].ended_ns = 200 * kMs;
  EXPECT_NE(world.status(kCpuEntitlement, kRoot), Status::Violated)
      << explain(world.judge(kCpuEntitlement, kRoot));
}

TEST(CpuEntitlement, NothingIsSaidWithoutAQuota) {
  CpuWorld world;
  world.ran_ms(world.hog(kRoot), 10);
  world.run_for_ms(1'000);
  EXPECT_EQ(world.status(kCpuEntitlement, kRoot), Status::NotApplicable);
}

TEST(CpuEntitlement, BoundNeverExceedsTheUpperBoundOfTheSameQuota) {
  for (const int64_t window_ms : {100, 300, 1'000, 3'000}) {
    for (const int64_t quota_us : {2'000, 5'000, 10'000, 19'000}) {
      CpuWorld world = one_hog(quota_us, static_cast<double>(quota_us * window_ms) / 20'000, window_ms);
      const Finding least = world.judge(kCpuEntitlement, kRoot);
      const Finding most = world.judge("cpu.bandwidth", kRoot);
      EXPECT_LT(least.bound, most.bound) << quota_us << " us in " << window_ms << " ms";
      EXPECT_NE(least.status, Status::Violated) << explain(least);
    }
  }
}

}  // namespace
}  // namespace treeline::cpu_test

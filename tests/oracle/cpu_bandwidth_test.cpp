#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "cpu_world.h"

namespace treeline::cpu_test {
namespace {

/// The law is the same by the cgroup's counter and by the workers' own clocks; only the source differs.
class CpuBandwidthInvariants : public testing::TestWithParam<const char*> {
 protected:
  Finding judge(const CpuWorld& world, NodeId node = kRoot) const { return world.judge(GetParam(), node); }
  Status status(const CpuWorld& world, NodeId node = kRoot) const { return judge(world, node).status; }
};
INSTANTIATE_TEST_SUITE_P(By, CpuBandwidthInvariants,
                         testing::Values("cpu.bandwidth", "cpu.bandwidth_witness"), [](const auto& by) {
                           return std::string(by.param) == "cpu.bandwidth" ? "Counter" : "Witness";
                         });

/// Two endless threads under 5 of each 10 ms on two CPUs, having used `used_ms`.
CpuWorld half_a_cpu(double used_ms, int64_t window_ms = 1'000) {
  CpuWorld world;
  world.cap(kRoot, 5'000, 10'000);
  world.ran_ms(world.hog(kRoot, 2), used_ms);
  world.run_for_ms(window_ms);
  return world;
}

double bound_of(const char* invariant, CpuWorld world) { return world.judge(invariant, kRoot).bound; }

TEST_P(CpuBandwidthInvariants, SubtreeThatUsesItsQuotaHolds) {
  const Finding finding = judge(half_a_cpu(500));
  EXPECT_EQ(finding.status, Status::Held) << explain(finding);
  EXPECT_EQ(finding.invariant, GetParam());
  EXPECT_EQ(finding.controller, Controller::Cpu);
  EXPECT_FALSE(finding.unit.empty());
  EXPECT_FALSE(finding.sentence.empty());
  EXPECT_GT(finding.margin, 0.5);
  EXPECT_LT(finding.margin, 1.0);
}

TEST_P(CpuBandwidthInvariants, SubtreeNeverExceedsQuota) {
  const Finding finding = judge(half_a_cpu(1'990));
  EXPECT_EQ(finding.status, Status::Violated) << explain(finding);
  EXPECT_GT(finding.margin, 1.0);
}

TEST_P(CpuBandwidthInvariants, AnExcessOfThirtyPercentShowsInALongWindow) {
  const Finding finding = judge(half_a_cpu(650));
  EXPECT_EQ(finding.status, Status::Violated) << explain(finding);
}

TEST_P(CpuBandwidthInvariants, BoundIsTheDerivedSum) {
  // T = 1003 ms: 101 periods of 5 ms, and per CPU a slice of 5 ms and a tick of 4 ms.
  const Finding finding = judge(half_a_cpu(500));
  const double scale = finding.unit == "ns"   ? 1e6
                       : finding.unit == "us" ? 1e3
                       : finding.unit == "s"  ? 1e-3
                                              : 1;
  EXPECT_GE(finding.bound / scale, 5.0 * 101 + 2 * 4) << finding.unit;
  EXPECT_LE(finding.bound / scale, 5.0 * 102 + 2 * (5 + 4 + 1)) << finding.unit;
}

TEST_P(CpuBandwidthInvariants, QuotaOfAnAncestorBindsTheSumOfItsSubtree) {
  CpuWorld world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.cap(kRoot, 5'000, 10'000);
  world.ran_ms(world.hog(a), 325);
  world.ran_ms(world.hog(b), 325);
  world.run_for_ms(1'000);
  EXPECT_EQ(status(world), Status::Violated) << explain(judge(world));
  EXPECT_EQ(status(world, a), Status::NotApplicable);
  EXPECT_EQ(status(world, b), Status::NotApplicable);
}

TEST_P(CpuBandwidthInvariants, NodeTwoLevelsDownIsJudgedByItsOwnQuota) {
  CpuWorld world;
  const NodeId b = world.add(world.add(kRoot, "a"), "b");
  world.cap(b, 5'000, 10'000);
  world.ran_ms(world.hog(b, 2), 1'990);
  world.run_for_ms(1'000);
  EXPECT_EQ(status(world, b), Status::Violated);
  EXPECT_EQ(status(world), Status::NotApplicable);
}

TEST_P(CpuBandwidthInvariants, NothingIsSaidWithoutAQuota) {
  CpuWorld world;
  world.ran_ms(world.hog(kRoot, 2), 1'990);
  world.run_for_ms(1'000);
  EXPECT_EQ(status(world), Status::NotApplicable);
  world.scenario.tree[kRoot].limits[Knob::CpuMax] = treeline::CpuBandwidth{std::nullopt, 10'000};
  EXPECT_EQ(status(world), Status::NotApplicable);
}

TEST_P(CpuBandwidthInvariants, BurstIsAllowedOnceInAllNotPerPeriod) {
  const auto with_burst = [](int64_t burst_us, double used_ms) {
    CpuWorld world;
    world.cap(kRoot, 5'000, 10'000, burst_us);
    world.ran_ms(world.hog(kRoot, 2), used_ms);
    world.run_for_ms(1'000);
    return world;
  };
  const Finding without = judge(with_burst(0, 500));
  const Finding with = judge(with_burst(5'000, 500));
  const double ms = without.bound / (5.0 * 101 + 2 * 9);
  EXPECT_NEAR((with.bound - without.bound) / ms, 5.0, 0.5);
  EXPECT_EQ(status(with_burst(5'000, 650)), Status::Violated);
}

TEST_P(CpuBandwidthInvariants, ACpuThatGoesAddsASliceAndATick) {
  CpuWorld world = half_a_cpu(500);
  const double before = judge(world).bound;
  Action action{100'000, Action::Kind::CpuOffline};
  action.cpu = 1;
  world.scenario.actions = {action};
  world.seen.actions = {{100 * kMs, 101 * kMs, 0, {}, {}}};
  const Finding finding = judge(world);
  EXPECT_NEAR((finding.bound - before) / before, 9.0 / (5.0 * 101 + 2 * 9), 0.01);
  EXPECT_EQ(finding.status, Status::Held) << explain(finding);
  // One CPU that stays all the time is still enough to exceed half of one.
  world = half_a_cpu(700);
  world.scenario.actions = {action};
  world.seen.actions = {{100 * kMs, 101 * kMs, 0, {}, {}}};
  EXPECT_EQ(judge(world).status, Status::Violated);
}

TEST_P(CpuBandwidthInvariants, ShortWindowIsInconclusive) {
  // 2 CPUs × 13 ms can not exceed 2 periods' quota and the slices.
  const Finding finding = judge(half_a_cpu(10, 10));
  EXPECT_EQ(finding.status, Status::Inconclusive) << explain(finding);
  EXPECT_FALSE(finding.sentence.empty());
}

TEST_P(CpuBandwidthInvariants, IdleWorkerIsInconclusive) {
  CpuWorld world;
  world.cap(kRoot, 5'000, 10'000);
  world.ran_ms(world.idler(kRoot), 0.1);
  world.run_for_ms(1'000);
  EXPECT_EQ(status(world), Status::Inconclusive) << explain(judge(world));
}

TEST_P(CpuBandwidthInvariants, LowDutyIsInconclusive) {
  CpuWorld world;
  world.cap(kRoot, 5'000, 10'000);
  world.ran_ms(world.hog(kRoot, 1, 10), 100);
  world.run_for_ms(1'000);
  EXPECT_EQ(status(world), Status::Inconclusive) << explain(judge(world));
}

TEST_P(CpuBandwidthInvariants, FewerThreadsThanTheQuotaHasCpusAreInconclusive) {
  // The other CPU idles, but one thread cannot use it.
  CpuWorld world;
  world.cap(kRoot, 15'000, 10'000);
  world.ran_ms(world.hog(kRoot, 1), 1'000);
  world.run_for_ms(1'000);
  EXPECT_EQ(status(world), Status::Inconclusive) << explain(judge(world));
}

TEST_P(CpuBandwidthInvariants, CpusetOfOneCpuLimitsWhatCouldHaveBeenUsed) {
  CpuWorld world;
  world.cap(kRoot, 11'000, 10'000);
  world.pin(kRoot, {1});
  world.ran_ms(world.hog(kRoot, 4), 1'000);
  world.run_for_ms(1'000);
  EXPECT_EQ(status(world), Status::Inconclusive) << explain(judge(world));
}

TEST_P(CpuBandwidthInvariants, StolenCpusAreInconclusive) {
  CpuWorld world = half_a_cpu(200);
  world.steal_ms(900);
  EXPECT_EQ(status(world), Status::Inconclusive) << explain(judge(world));
}

TEST_P(CpuBandwidthInvariants, CompetingSiblingMakesItInconclusive) {
  CpuWorld world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.cap(a, 5'000, 10'000);
  world.ran_ms(world.hog(a), 200);
  world.ran_ms(world.hog(b, 8), 1'800);
  world.run_for_ms(1'000);
  EXPECT_EQ(status(world, a), Status::Inconclusive) << explain(judge(world, a));
}

TEST_P(CpuBandwidthInvariants, TighterAncestorHidesTheLimitBelowIt) {
  CpuWorld world;
  const NodeId a = world.add(kRoot, "a");
  world.cap(kRoot, 2'000, 10'000);
  world.cap(a, 5'000, 10'000);
  world.ran_ms(world.hog(a, 2), 200);
  world.run_for_ms(1'000);
  EXPECT_EQ(status(world, kRoot), Status::Held) << explain(judge(world));
  EXPECT_EQ(status(world, a), Status::Inconclusive) << explain(judge(world, a));
}

TEST_P(CpuBandwidthInvariants, TighterChildrenHideTheLimitAboveThem) {
  CpuWorld world;
  const NodeId a = world.add(kRoot, "a");
  world.cap(kRoot, 5'000, 10'000);
  world.cap(a, 2'000, 10'000);
  world.ran_ms(world.hog(a, 2), 200);
  world.run_for_ms(1'000);
  EXPECT_EQ(status(world, a), Status::Held) << explain(judge(world, a));
  EXPECT_EQ(status(world, kRoot), Status::Inconclusive) << explain(judge(world));
}

TEST_P(CpuBandwidthInvariants, FrozenHogsAreInconclusive) {
  CpuWorld world;
  world.cap(kRoot, 5'000, 10'000);
  world.ran_ms(world.hog(kRoot, 2), 5, 10, 0);
  world.freeze(kRoot, 10);
  world.run_for_ms(1'000);
  EXPECT_EQ(status(world), Status::Inconclusive) << explain(judge(world));
}

TEST_P(CpuBandwidthInvariants, WorkerThatDiedAtOnceIsInconclusive) {
  CpuWorld world = half_a_cpu(1);
  world.seen.workers[0].end = WorkerEnd::NotStarted;
  world.seen.workers[0].started_ns = -1;
  EXPECT_EQ(status(world), Status::Inconclusive) << explain(judge(world));
}

TEST_P(CpuBandwidthInvariants, AnExcessIsViolatedHoweverLittleWasExpected) {
  // What is above the bound is wrong, also where nobody would have thought that it could be exceeded.
  CpuWorld world;
  world.cap(kRoot, 5'000, 10'000);
  world.ran_ms(world.hog(kRoot, 1, 10), 900);
  world.run_for_ms(1'000);
  EXPECT_EQ(status(world), Status::Violated) << explain(judge(world));
}

TEST_P(CpuBandwidthInvariants, LateTicksAreForgivenOncePerCpu) {
  // 560 ms is above 523 ms, but both CPUs were away for 40 ms at some time, in a tick's stead.
  CpuWorld world = half_a_cpu(560);
  EXPECT_EQ(status(world), Status::Violated) << explain(judge(world));
  world.gap_ms(40);
  EXPECT_NE(status(world), Status::Violated) << explain(judge(world));
  CpuWorld much = half_a_cpu(700);
  much.gap_ms(40);
  EXPECT_EQ(status(much), Status::Violated) << explain(judge(much));
}

TEST_P(CpuBandwidthInvariants, LateTicksOfCpusOutsideTheCpusetDoNotCount) {
  CpuWorld world(4);
  world.cap(kRoot, 5'000, 10'000);
  world.pin(kRoot, {0});
  world.ran_ms(world.hog(kRoot, 2), 500);
  world.run_for_ms(1'000);
  const double before = judge(world).bound;
  for (size_t cpu = 1; cpu < 4; ++cpu) world.seen.noise[cpu].max_gap_ns = 500 * kMs;
  EXPECT_DOUBLE_EQ(judge(world).bound, before);
  world.seen.noise[0].max_gap_ns = 50 * kMs;
  EXPECT_GT(judge(world).bound, before);
}

TEST_P(CpuBandwidthInvariants, BoundGrowsWithWhateverAllowsMore) {
  const auto bound = [](int64_t quota, int64_t period, int64_t burst, int cpus, int64_t window_ms,
                        int64_t gap) {
    CpuWorld world(cpus);
    world.cap(kRoot, quota, period, burst);
    world.ran_ms(world.hog(kRoot, cpus), 50);
    world.run_for_ms(window_ms);
    world.gap_ms(gap);
    return bound_of(GetParam(), world);
  };
  std::mt19937 random(7);
  const auto draw = [&](int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(random);
  };
  for (int i = 0; i < 300; ++i) {
    const int64_t period = draw(1'000, 200'000);
    const int64_t quota = draw(1'000, 2 * period + 1'000);
    const int64_t burst = draw(0, quota);
    const int cpus = static_cast<int>(draw(1, 8));
    const int64_t window_ms = draw(50, 2'000);
    const int64_t gap = draw(0, 40);
    const double base = bound(quota, period, burst, cpus, window_ms, gap);
    EXPECT_GT(bound(quota + draw(1, 5'000), period, burst, cpus, window_ms, gap), base);
    EXPECT_GE(bound(quota, period, burst, cpus, window_ms + draw(1, 500), gap), base);
    EXPECT_GE(bound(quota, std::max<int64_t>(1'000, period - draw(1, 50'000)), burst, cpus, window_ms, gap),
              base);
    EXPECT_GE(bound(quota, period, std::min(quota, burst + draw(0, 1'000)), cpus, window_ms, gap), base);
    EXPECT_GT(bound(quota, period, burst, cpus + 1, window_ms, gap), base);
    EXPECT_GE(bound(quota, period, burst, cpus, window_ms, gap + draw(0, 40)), base);
  }
}

TEST_P(CpuBandwidthInvariants, WhatTheKernelsAlgorithmMayDoAtWorstIsNoViolation) {
  // fair.c at its most generous: a refill just after the first task came, all bursts, a full slice fetched on
  // each CPU just before the last refill was over, and a tick (or the longest gap) of overrun on each.
  std::mt19937 random(11);
  const auto draw = [&](int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(random);
  };
  for (int i = 0; i < 300; ++i) {
    const int cpus = static_cast<int>(draw(1, 8));
    const int64_t period_us = draw(1'000, 200'000);
    const int64_t quota_us = draw(1'000, cpus * period_us + 1'000);
    const int64_t burst_us = draw(0, 1) * draw(0, quota_us);
    const int64_t window_ms = draw(50, 1'500);
    const int64_t gap_ms = draw(0, 40);
    const double total_us = static_cast<double>(window_ms + 3) * 1'000;
    const double refills = std::floor(total_us / static_cast<double>(period_us)) + 1;
    const double generous_us = refills * static_cast<double>(quota_us) + static_cast<double>(burst_us) +
                               cpus * (5'000.0 + 1'000.0 * static_cast<double>(std::max<int64_t>(4, gap_ms)));
    const double used_us = std::min(generous_us, cpus * total_us);
    CpuWorld world(cpus);
    world.cap(kRoot, quota_us, period_us, burst_us);
    world.ran_ms(world.hog(kRoot, cpus), used_us / 1'000 * 0.9999);
    world.run_for_ms(window_ms);
    world.gap_ms(gap_ms);
    const Finding finding = judge(world);
    ASSERT_NE(finding.status, Status::Violated) << explain(finding);
  }
}

TEST(CpuBandwidthWitness, SeesWhatTheCounterHides) {
  CpuWorld world = half_a_cpu(1'990);
  world.report_usage(kRoot, 0.25);
  EXPECT_NE(world.status("cpu.bandwidth", kRoot), Status::Violated);
  EXPECT_EQ(world.status("cpu.bandwidth_witness", kRoot), Status::Violated);
}

TEST(CpuBandwidthWitness, DoesNotReadTheCounter) {
  CpuWorld world = half_a_cpu(500);
  world.report_usage(kRoot, 4);
  EXPECT_EQ(world.status("cpu.bandwidth", kRoot), Status::Violated);
  EXPECT_NE(world.status("cpu.bandwidth_witness", kRoot), Status::Violated);
}

TEST(CpuBandwidthWitness, IgnoresWhatAWorkerUsedAfterTheLimitWasLifted) {
  // A throttled worker is let go after `after` was read: its rusage then holds more than the window's use.
  CpuWorld world = half_a_cpu(500);
  world.seen.workers[0].held_still = false;
  world.seen.workers[0].user_ns = 900 * kMs;
  const Finding finding = world.judge("cpu.bandwidth_witness", kRoot);
  EXPECT_NE(finding.status, Status::Violated) << explain(finding);
}

TEST(CpuBandwidthCounter, IsSilentWhereTheCounterCannotBeRead) {
  CpuWorld world = half_a_cpu(500);
  for (NodeObservation& node : world.seen.nodes) {
    node.before.clear();
    node.after.clear();
    node.drained.clear();
    node.series.clear();
  }
  const Status status = world.status("cpu.bandwidth", kRoot);
  EXPECT_TRUE(status == Status::NotApplicable || status == Status::Inconclusive) << status_name(status);
}

}  // namespace
}  // namespace treeline::cpu_test

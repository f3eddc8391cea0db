#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cpu_world.h"

namespace treeline::cpu_test {
namespace {

constexpr const char* kCpuNoThrottle = "cpu.no_throttle";

CpuWorld modest_hog(int64_t quota_us, int64_t period_us, int duty, int64_t cycle_us, int64_t throttled,
                    int threads = 1) {
  CpuWorld world;
  world.cap(kRoot, quota_us, period_us);
  world.ran_ms(world.hog(kRoot, threads, duty, cycle_us), 10.0 * duty * threads);
  world.throttled(kRoot, throttled);
  world.run_for_ms(1'000);
  return world;
}

Status status(const CpuWorld& world) { return world.status(kCpuNoThrottle, kRoot); }

TEST(CpuNoThrottle, SmallDemandThatRunsFreelyHolds) {
  const CpuWorld world = modest_hog(80'000, 100'000, 10, 10'000, 0);
  EXPECT_EQ(status(world), Status::Held) << explain(world.judge(kCpuNoThrottle, kRoot));
}

TEST(CpuNoThrottle, OneThrottledPeriodIsAViolation) {
  const CpuWorld world = modest_hog(80'000, 100'000, 10, 10'000, 1);
  EXPECT_EQ(status(world), Status::Violated) << explain(world.judge(kCpuNoThrottle, kRoot));
}

TEST(CpuNoThrottle, ThrottledIdlersAreAViolation) {
  CpuWorld world;
  world.cap(kRoot, 80'000, 100'000);
  world.ran_ms(world.idler(kRoot), 0.05);
  world.throttled(kRoot, 2);
  world.run_for_ms(1'000);
  EXPECT_EQ(status(world), Status::Violated) << explain(world.judge(kCpuNoThrottle, kRoot));
}

TEST(CpuNoThrottle, ThrottlingHogsThatWantMoreIsRight) {
  const CpuWorld world = modest_hog(50'000, 100'000, 100, 10'000, 10);
  EXPECT_EQ(status(world), Status::NotApplicable) << explain(world.judge(kCpuNoThrottle, kRoot));
}

TEST(CpuNoThrottle, LateBurstOfOneCycleMayMeetTheNext) {
  // 15 ms of each 50: late in one cycle, then two on time, gives 45 ms within 100, not 30; and a slice on
  // each CPU.
  const CpuWorld world = modest_hog(44'000, 100'000, 30, 50'000, 1);
  EXPECT_NE(status(world), Status::Violated) << explain(world.judge(kCpuNoThrottle, kRoot));
}

TEST(CpuNoThrottle, CycleLongerThanThePeriodPutsAWholeBurstIntoIt) {
  const CpuWorld world = modest_hog(30'000, 50'000, 40, 100'000, 3);
  EXPECT_NE(status(world), Status::Violated) << explain(world.judge(kCpuNoThrottle, kRoot));
}

TEST(CpuNoThrottle, SlicesOnOtherCpusAreOutOfReach) {
  // 12 ms of demand at most, a quota of 14 ms, but 5 ms of it may lie on the other CPU.
  const CpuWorld world = modest_hog(14'000, 20'000, 40, 10'000, 1);
  EXPECT_NE(status(world), Status::Violated) << explain(world.judge(kCpuNoThrottle, kRoot));
}

TEST(CpuNoThrottle, EveryThreadAddsItsDemand) {
  const CpuWorld one = modest_hog(90'000, 100'000, 20, 10'000, 1, 1);
  const CpuWorld eight = modest_hog(90'000, 100'000, 20, 10'000, 1, 8);
  EXPECT_EQ(status(one), Status::Violated) << explain(one.judge(kCpuNoThrottle, kRoot));
  EXPECT_NE(status(eight), Status::Violated) << explain(eight.judge(kCpuNoThrottle, kRoot));
}

TEST(CpuNoThrottle, SubtreesAddUpAtTheirAncestor) {
  CpuWorld world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.cap(kRoot, 60'000, 100'000);
  for (const NodeId node : {a, b}) world.ran_ms(world.hog(node, 1, 30), 300);
  world.throttled(kRoot, 4);
  world.run_for_ms(1'000);
  EXPECT_NE(status(world), Status::Violated) << explain(world.judge(kCpuNoThrottle, kRoot));
}

TEST(CpuNoThrottle, LongGapMayCountAsDemand) {
  CpuWorld world = modest_hog(45'000, 100'000, 10, 10'000, 1);
  world.gap_ms(30);
  EXPECT_NE(status(world), Status::Violated) << explain(world.judge(kCpuNoThrottle, kRoot));
}

TEST(CpuNoThrottle, NothingIsSaidWithoutAQuotaOrWorkers) {
  CpuWorld unlimited;
  unlimited.ran_ms(unlimited.hog(kRoot, 1, 10), 100);
  unlimited.run_for_ms(1'000);
  EXPECT_EQ(status(unlimited), Status::NotApplicable);
  CpuWorld empty;
  empty.cap(kRoot, 50'000, 100'000);
  empty.run_for_ms(1'000);
  EXPECT_NE(status(empty), Status::Held);
}

TEST(CpuNoThrottle, MemoryHogsAreNotJudgedByDuty) {
  CpuWorld world;
  world.cap(kRoot, 80'000, 100'000);
  world.ran_ms(world.idler(kRoot), 100);
  world.scenario.workers[0].workload = MemoryHog{};
  world.throttled(kRoot, 3);
  world.run_for_ms(1'000);
  EXPECT_NE(status(world), Status::Violated);
}

/// The most that a thread which burns `burst` somewhere in each aligned cycle can use within any period:
/// bursts as late as can be before, as early as can be after.
double most_in_a_period(double burst, double cycle, double period) {
  if (period <= 2 * burst) return std::min(period, 2 * burst);
  const double between = period - 2 * burst;
  const double whole = std::floor(between / cycle);
  return 2 * burst + whole * burst +
         std::max(0.0, std::min(burst, between - whole * cycle - (cycle - burst)));
}

TEST(CpuNoThrottle, NeverClaimsWhatBunchedCyclesCanExceed) {
  for (const int64_t period_us : {10'000, 20'000, 50'000, 100'000}) {
    for (const int64_t cycle_us : {1'000, 2'000, 7'000, 10'000, 30'000, 50'000, 100'000}) {
      for (const int duty : {5, 10, 30, 60, 90}) {
        const double burst = static_cast<double>(cycle_us) * duty / 100;
        const double demand =
            most_in_a_period(burst, static_cast<double>(cycle_us), static_cast<double>(period_us));
        const auto quota_us = static_cast<int64_t>(demand + 5'000 - 200);
        if (quota_us < 1'000) continue;
        const CpuWorld world = modest_hog(quota_us, period_us, duty, cycle_us, 1);
        EXPECT_NE(status(world), Status::Violated) << explain(world.judge(kCpuNoThrottle, kRoot));
      }
    }
  }
}

}  // namespace
}  // namespace treeline::cpu_test

#include <gtest/gtest.h>

#include "cpu_world.h"

namespace treeline::cpu_test {
namespace {

constexpr const char* kCpuStall = "cpu.stall";

/// A hog in `a` and one in `b`, both on CPU 1. The first one's clock stands still from `from_ms` on for
/// `still_ms`. With two CPUs the warm-up lasts 456 ms.
CpuWorld two_hogs(int64_t still_ms, int64_t window_ms = 600, int64_t from_ms = 100) {
  CpuWorld world;
  world.pin(kRoot, {1});
  const size_t first = world.hog(world.add(kRoot, "a"));
  const size_t second = world.hog(world.add(kRoot, "b"));
  world.ran_ms(first, static_cast<double>(window_ms) / 2);
  world.ran_ms(second, static_cast<double>(window_ms) / 2);
  world.run_for_ms(window_ms);
  int64_t still_ns = 0;
  for (WorkerSample& sample : world.seen.workers[first].series) {
    const int64_t at_ms = sample.at_ns / kMs;
    if (at_ms >= from_ms && at_ms <= from_ms + still_ms && still_ns == 0) still_ns = sample.cpu_ns;
    if (at_ms >= from_ms && at_ms <= from_ms + still_ms) sample.cpu_ns = still_ns;
  }
  return world;
}

TEST(CpuStall, TurnsInTimeHold) {
  const Finding finding = two_hogs(0).judge(kCpuStall, 1);
  EXPECT_EQ(finding.status, Status::Held) << explain(finding);
}

TEST(CpuStall, AWaitOfManyTurnsIsViolated) {
  const CpuWorld world = two_hogs(200);
  const Finding finding = world.judge(kCpuStall, 1);
  EXPECT_EQ(finding.status, Status::Violated) << explain(finding);
  EXPECT_DOUBLE_EQ(finding.observed, 200);
  EXPECT_EQ(world.status(kCpuStall, 2), Status::Held);
}

TEST(CpuStall, ASmallWeightAmongGreatOnesWaitsLonger) {
  CpuWorld world = two_hogs(200);
  world.weigh(2, 2'000);
  EXPECT_NE(world.status(kCpuStall, 1), Status::Violated) << explain(world.judge(kCpuStall, 1));
}

TEST(CpuStall, WithSleepersAWaitMayTakeAnotherTurn) {
  CpuWorld world = two_hogs(0);
  const double without = world.judge(kCpuStall, 1).bound;
  world.scenario.workers[1].workload = CpuHog{1, 20, 10'000};
  const double with = world.judge(kCpuStall, 1).bound;
  EXPECT_GT(with, 1.5 * without);
  EXPECT_LT(with, 2 * without);
}

TEST(CpuStall, AQuotaLetsItWaitForItsPeriods) {
  CpuWorld world = two_hogs(200, 2'000);
  world.cap(1, 50'000, 100'000);
  EXPECT_NE(world.status(kCpuStall, 1), Status::Violated) << explain(world.judge(kCpuStall, 1));
  world.scenario.tree[1].limits[Knob::CpuMax] = CpuBandwidth{1'000, 2'000};
  EXPECT_EQ(world.status(kCpuStall, 1), Status::Violated) << explain(world.judge(kCpuStall, 1));
}

TEST(CpuStall, AQuotaThatIsClearedLetsGoAtOnce) {
  CpuWorld world = two_hogs(200, 1'000);
  world.cap(1, 10'000, 400'000);
  EXPECT_NE(world.status(kCpuStall, 1), Status::Violated) << explain(world.judge(kCpuStall, 1));
  world.scenario.actions.push_back(
      {90'000, Action::Kind::SetLimit, 1, Knob::CpuMax, CpuBandwidth{std::nullopt, 400'000}});
  world.seen.actions.push_back({90 * kMs, 91 * kMs, 0, {}});
  EXPECT_EQ(world.status(kCpuStall, 1), Status::Violated);
}

/// Until the warm-up is over load that was left on another CPU may leave the group half its weight here.
TEST(CpuStall, OfSeveralCpusAWaitMayBeLongerAtFirst) {
  constexpr int kStillMs = 40;
  EXPECT_EQ(two_hogs(kStillMs, 1'000, 600).status(kCpuStall, 1), Status::Violated);
  CpuWorld world = two_hogs(kStillMs, 1'000, 100);
  EXPECT_EQ(world.status(kCpuStall, 1), Status::Held) << explain(world.judge(kCpuStall, 1));
  world.seen.machine.cpus = {1};
  EXPECT_EQ(world.status(kCpuStall, 1), Status::Violated) << explain(world.judge(kCpuStall, 1));
}

/// CFS keeps the lead that a little weight gave until the hog has run, waited and run again: who does both
/// between two samples has.
TEST(CpuStall, BeforeEevdfTurnsThatAreShorterThanASampleCount) {
  constexpr int64_t kStillMs = 60;
  CpuWorld world;
  world.seen.machine.kernel_release = "6.1.0";
  world.pin(kRoot, {1});
  const size_t first = world.hog(world.add(kRoot, "a"));
  world.ran_ms(world.hog(world.add(kRoot, "b")), 600);
  world.ran_ms(first, 400);
  world.run_for_ms(1'000);
  EXPECT_EQ(world.status(kCpuStall, 1), Status::Held) << explain(world.judge(kCpuStall, 1));
  int64_t still_ns = 0;
  for (WorkerSample& sample : world.seen.workers[first].series) {
    const int64_t at_ms = sample.at_ns / kMs;
    if (at_ms < 700 || at_ms > 700 + kStillMs) continue;
    if (still_ns == 0) still_ns = sample.cpu_ns;
    sample.cpu_ns = still_ns;
  }
  EXPECT_EQ(world.status(kCpuStall, 1), Status::Violated) << explain(world.judge(kCpuStall, 1));
}

TEST(CpuStall, NotForeverThough) {
  EXPECT_EQ(two_hogs(300, 1'000, 100).status(kCpuStall, 1), Status::Violated);
}

/// Who waits is not weighed anew: the wait began with the little weight of the warm-up.
TEST(CpuStall, AWaitThatOutlastsTheWarmUpIsOneOfTheWarmUp) {
  EXPECT_NE(two_hogs(40, 1'200, 440).status(kCpuStall, 1), Status::Violated);
}

TEST(CpuStall, NothingIsSaidWhereTasksAreFrozen) {
  CpuWorld world = two_hogs(200);
  world.freeze(kRoot, 100);
  EXPECT_EQ(world.status(kCpuStall, 1), Status::NotApplicable);
}

TEST(CpuStall, NothingIsSaidOfTwoQuotasAboveOneAnother) {
  CpuWorld world = two_hogs(200);
  world.cap(kRoot, 50'000, 100'000);
  world.cap(1, 50'000, 100'000);
  EXPECT_EQ(world.status(kCpuStall, 1), Status::NotApplicable);
}

TEST(CpuStall, AShortWindowIsInconclusive) {
  EXPECT_EQ(two_hogs(0, 60).status(kCpuStall, 1), Status::Inconclusive);
}

TEST(CpuStall, AHogThatMayGoToAnotherCpuIsNotJudged) {
  CpuWorld world = two_hogs(200);
  world.pin(kRoot, {0, 1});
  EXPECT_EQ(world.status(kCpuStall, 1), Status::NotApplicable);
}

TEST(CpuStall, NeitherIsOneBesideWorkOfAnotherKind) {
  CpuWorld world = two_hogs(200);
  world.scenario.workers[1].workload = ForkStorm{};
  EXPECT_EQ(world.status(kCpuStall, 1), Status::NotApplicable);
}

TEST(CpuStall, NorOneThatDied) {
  CpuWorld world = two_hogs(200);
  world.seen.workers[0].end = WorkerEnd::OomKilled;
  EXPECT_EQ(world.status(kCpuStall, 1), Status::NotApplicable);
}

TEST(CpuStall, AGapOfTheMachineIsNoWait) {
  CpuWorld world = two_hogs(200);
  world.gap_ms(80);
  EXPECT_NE(world.status(kCpuStall, 1), Status::Violated) << explain(world.judge(kCpuStall, 1));
}

}  // namespace
}  // namespace treeline::cpu_test

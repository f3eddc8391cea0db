#include <gtest/gtest.h>

#include "cpu_world.h"

namespace treeline::cpu_test {
namespace {

constexpr const char* kCpuWorkConservation = "cpu.work_conservation";

/// A hog that may use these CPUs of two, and had `ms` of a second.
CpuWorld one_hog(std::vector<int> cpus, double ms) {
  CpuWorld world;
  world.pin(kRoot, std::move(cpus));
  world.ran_ms(world.hog(kRoot), ms);
  world.run_for_ms(1'000);
  return world;
}

TEST(CpuWorkConservation, ABusyCpuHolds) {
  const Finding finding = one_hog({1}, 1'000).judge(kCpuWorkConservation, kRoot);
  EXPECT_EQ(finding.status, Status::Held) << explain(finding);
}

TEST(CpuWorkConservation, ACpuThatIdlesHalfOfTheTimeIsViolated) {
  const Finding finding = one_hog({1}, 500).judge(kCpuWorkConservation, kRoot);
  EXPECT_EQ(finding.status, Status::Violated) << explain(finding);
}

TEST(CpuWorkConservation, UnitsOfProcStatAreNoIdleTime) {
  const Finding finding = one_hog({1}, 985).judge(kCpuWorkConservation, kRoot);
  EXPECT_EQ(finding.status, Status::Held) << explain(finding);
}

TEST(CpuWorkConservation, OfTwoCpusOneMayIdleAllTheTime) {
  EXPECT_EQ(one_hog({0, 1}, 1'000).status(kCpuWorkConservation, kRoot), Status::Held);
  EXPECT_EQ(one_hog({0, 1}, 500).status(kCpuWorkConservation, kRoot), Status::Violated);
}

TEST(CpuWorkConservation, ACpuThatOthersKeepBusyShowsNothing) {
  CpuWorld world = one_hog({1}, 10);
  for (CpuNoise& cpu : world.seen.noise) cpu.idle_ns = 0;
  EXPECT_EQ(world.status(kCpuWorkConservation, kRoot), Status::Inconclusive)
      << explain(world.judge(kCpuWorkConservation, kRoot));
}

TEST(CpuWorkConservation, StolenTimeIsNotIdle) {
  CpuWorld world = one_hog({1}, 500);
  world.steal_ms(520);
  EXPECT_NE(world.status(kCpuWorkConservation, kRoot), Status::Violated)
      << explain(world.judge(kCpuWorkConservation, kRoot));
}

TEST(CpuWorkConservation, UnderAQuotaACpuMayIdle) {
  CpuWorld world = one_hog({1}, 500);
  world.cap(kRoot, 50'000, 100'000);
  EXPECT_EQ(world.status(kCpuWorkConservation, kRoot), Status::NotApplicable);
}

TEST(CpuWorkConservation, WhereAllSleepAtTimesACpuMayIdle) {
  CpuWorld world = one_hog({1}, 500);
  world.scenario.workers[0].workload = CpuHog{1, 50, 10'000};
  EXPECT_EQ(world.status(kCpuWorkConservation, kRoot), Status::NotApplicable);
}

TEST(CpuWorkConservation, AnOldFileDoesNotSayWhenTheMonitorBegan) {
  CpuWorld world = one_hog({1}, 500);
  world.seen.noise_began_ns = Observation::kNotKnown;
  EXPECT_EQ(world.status(kCpuWorkConservation, kRoot), Status::NotApplicable);
}

}  // namespace
}  // namespace treeline::cpu_test

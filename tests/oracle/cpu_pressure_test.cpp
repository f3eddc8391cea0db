#include <gtest/gtest.h>

#include "cpu_world.h"

namespace treeline::cpu_test {
namespace {

constexpr const char* kCpuPressure = "cpu.pressure";

void waited_ms(CpuWorld& world, size_t worker, double ms) {
  WorkerObservation& seen = world.seen.workers[worker];
  seen.attached_run_delay_ns = 30'000;
  seen.run_delay_ns = 30'000 + static_cast<int64_t>(ms * kMs);
}

/// What cpu.pressure says at the end, as a kernel that counts evenly over the window.
void pressed_ms(CpuWorld& world, NodeId node, double ms) {
  NodeObservation& seen = world.seen.nodes[static_cast<size_t>(node)];
  seen.before[Counter::CpuSomePressureNs] = 0;
  seen.after[Counter::CpuSomePressureNs] = static_cast<int64_t>(ms * kMs);
  for (size_t i = 0; i < seen.series.size(); i += 4) seen.series[i].counters[Counter::CpuSomePressureNs] = 0;
}

/// A hog under half a CPU for a second, and an empty child.
CpuWorld throttled_hog(int cpus = 1) {
  CpuWorld world(cpus);
  world.seen.machine.mode = "v2";
  const NodeId child = world.add(kRoot, "a");
  world.cap(kRoot, 10'000, 20'000);
  world.ran_ms(world.hog(kRoot), 500);
  world.run_for_ms(1'000);
  waited_ms(world, 0, 500);
  pressed_ms(world, kRoot, 500);
  pressed_ms(world, child, 0);
  return world;
}

/// The status of the law that no group shows more pressure than its tasks waited, and of the other one.
Status upper(const CpuWorld& world, NodeId node) {
  for (const Finding& finding : world.judge_all(kCpuPressure)) {
    if (finding.node == node && finding.sentence.find("the sum of") != std::string::npos)
      return finding.status;
  }
  return Status::NotApplicable;
}

Status lower(const CpuWorld& world, NodeId node) {
  for (const Finding& finding : world.judge_all(kCpuPressure)) {
    if (finding.node == node && finding.sentence.find("one of its tasks") != std::string::npos)
      return finding.status;
  }
  return Status::NotApplicable;
}

TEST(CpuPressure, OfWhatATaskWaitedHolds) {
  const CpuWorld world = throttled_hog();
  EXPECT_EQ(lower(world, kRoot), Status::Held) << explain(world.judge(kCpuPressure, kRoot));
}

TEST(CpuPressure, NoneWhereATaskWaitedIsAViolation) {
  CpuWorld world = throttled_hog();
  pressed_ms(world, kRoot, 0);
  EXPECT_EQ(lower(world, kRoot), Status::Violated);
}

TEST(CpuPressure, LessThanHalfOfWhatATaskWaitedIsAViolation) {
  CpuWorld world = throttled_hog();
  pressed_ms(world, kRoot, 200);
  EXPECT_EQ(lower(world, kRoot), Status::Violated);
}

TEST(CpuPressure, ReadAllTheTimeItMayLoseTooMuchToTell) {
  CpuWorld world = throttled_hog();
  for (Sample& sample : world.seen.nodes[0].series) {
    sample.counters[Counter::CpuSomePressureNs] = 0;
    sample.took_ns = 4 * kMs;
  }
  EXPECT_EQ(lower(world, kRoot), Status::Inconclusive);
}

TEST(CpuPressure, IsAveragedOverSeveralCpus) {
  CpuWorld world = throttled_hog(2);
  pressed_ms(world, kRoot, 0);
  EXPECT_EQ(lower(world, kRoot), Status::NotApplicable);
}

TEST(CpuPressure, OfAnEmptyGroupIsNone) {
  CpuWorld world = throttled_hog();
  EXPECT_EQ(upper(world, 1), Status::Held);
  pressed_ms(world, 1, 0.1);
  EXPECT_EQ(upper(world, 1), Status::Violated);
}

/// A hog that has a CPU for itself, nearly.
CpuWorld free_hog(double waited, double pressed) {
  CpuWorld world;
  world.ran_ms(world.hog(kRoot), 1'000);
  world.run_for_ms(1'000);
  waited_ms(world, 0, waited);
  pressed_ms(world, kRoot, pressed);
  return world;
}

TEST(CpuPressure, OfAHogThatHardlyWaitedIsSmall) {
  EXPECT_EQ(upper(free_hog(3, 3), kRoot), Status::Held);
  EXPECT_EQ(upper(free_hog(3, 200), kRoot), Status::Violated);
}

TEST(CpuPressure, OfAHogThatAlwaysWaitedSaysNothing) {
  EXPECT_EQ(upper(free_hog(600, 600), kRoot), Status::Inconclusive);
}

TEST(CpuPressure, OfTasksWhoseWaitIsNotKnownIsNotBounded) {
  for (const auto& [threads, duty] : {std::pair{2, 100}, std::pair{1, 50}}) {
    CpuWorld world;
    world.ran_ms(world.hog(kRoot, threads, duty), 500);
    world.run_for_ms(1'000);
    waited_ms(world, 0, 0);
    pressed_ms(world, kRoot, 500);
    EXPECT_EQ(upper(world, kRoot), Status::NotApplicable) << threads << " threads, " << duty << " %";
  }
  CpuWorld killed = free_hog(0, 500);
  killed.seen.workers[0].run_delay_ns = -1;
  EXPECT_EQ(upper(killed, kRoot), Status::NotApplicable);
}

TEST(CpuPressure, WithoutPsiIsNotJudged) {
  CpuWorld world;
  world.ran_ms(world.hog(kRoot), 1'000);
  world.run_for_ms(1'000);
  EXPECT_TRUE(world.judge_all(kCpuPressure).empty());
}

}  // namespace
}  // namespace treeline::cpu_test

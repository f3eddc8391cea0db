#include <gtest/gtest.h>

#include "cpu_world.h"

namespace treeline::cpu_test {
namespace {

constexpr const char* kCpuConservation = "cpu.conservation";
constexpr const char* kRusage = "cpu.rusage";

struct Family {
  CpuWorld world;
  NodeId a = 0;
  NodeId b = 0;
};

Family family(double own_ms, double a_ms, double b_ms) {
  Family f;
  f.a = f.world.add(kRoot, "a");
  f.b = f.world.add(kRoot, "b");
  f.world.ran_ms(f.world.hog(kRoot), own_ms);
  f.world.ran_ms(f.world.hog(f.a), a_ms);
  f.world.ran_ms(f.world.hog(f.b), b_ms);
  f.world.run_for_ms(1'000);
  return f;
}

TEST(CpuConservation, ParentThatIsTheSumHolds) {
  const Family f = family(300, 400, 200);
  EXPECT_EQ(f.world.status(kCpuConservation, kRoot), Status::Held)
      << explain(f.world.judge(kCpuConservation, kRoot));
  EXPECT_EQ(f.world.status(kCpuConservation, f.a), Status::NotApplicable) << "a leaf has no children to lose";
}

TEST(CpuConservation, LostChildIsViolated) {
  Family f = family(300, 400, 200);
  f.world.report_usage(kRoot, 7.0 / 9);
  EXPECT_EQ(f.world.status(kCpuConservation, kRoot), Status::Violated);
}

TEST(CpuConservation, LostOwnTasksAreViolated) {
  Family f = family(300, 400, 200);
  f.world.report_usage(kRoot, 6.0 / 9);
  EXPECT_EQ(f.world.status(kCpuConservation, kRoot), Status::Violated);
}

TEST(CpuConservation, DoubleCountingIsViolated) {
  Family f = family(300, 400, 200);
  f.world.report_usage(kRoot, 13.0 / 9);
  EXPECT_EQ(f.world.status(kCpuConservation, kRoot), Status::Violated);
}

TEST(CpuConservation, LossTwoLevelsDownShowsAtItsParent) {
  CpuWorld world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(a, "b");
  world.ran_ms(world.hog(b), 500);
  world.run_for_ms(1'000);
  EXPECT_EQ(world.status(kCpuConservation, kRoot), Status::Held);
  EXPECT_EQ(world.status(kCpuConservation, a), Status::Held);
  world.report_usage(a, 0);
  EXPECT_EQ(world.status(kCpuConservation, a), Status::Violated);
  EXPECT_EQ(world.status(kCpuConservation, kRoot), Status::Violated);
}

TEST(CpuConservation, InterruptedReadingOfTheSeriesIsNoViolation) {
  // Parent and children of one sample are read one after the other.
  Family f = family(0, 500, 500);
  for (Sample& sample : f.world.seen.nodes[0].series) sample.counters[Counter::CpuUsageNs] -= 500'000;
  EXPECT_NE(f.world.status(kCpuConservation, kRoot), Status::Violated);
}

TEST(CpuConservation, AMillisecondOfExitIsNoViolation) {
  Family f = family(300, 400, 200);
  f.world.seen.nodes[0].drained[Counter::CpuUsageNs] += kMs;
  EXPECT_NE(f.world.status(kCpuConservation, kRoot), Status::Violated)
      << explain(f.world.judge(kCpuConservation, kRoot));
}

TEST(CpuConservation, TinyUseIsInconclusive) {
  Family f = family(0.01, 0.01, 0.01);
  EXPECT_EQ(f.world.status(kCpuConservation, kRoot), Status::Inconclusive)
      << explain(f.world.judge(kCpuConservation, kRoot));
}

TEST(CpuConservation, EarlierUseOfTheGroupDoesNotCount) {
  Family f = family(300, 400, 200);
  NodeObservation& root = f.world.seen.nodes[0];
  for (Counters* counters : {&root.before, &root.after, &root.drained}) {
    (*counters)[Counter::CpuUsageNs] += 5'000 * kMs;
  }
  EXPECT_EQ(f.world.status(kCpuConservation, kRoot), Status::Held);
}

TEST(CpuConservation, SingleNodeHasNothingToConserve) {
  CpuWorld world;
  world.ran_ms(world.hog(kRoot), 500);
  world.run_for_ms(1'000);
  EXPECT_TRUE(world.judge_all(kCpuConservation).empty());
}

TEST(CpuConservation, AChildThatCannotBeReadIsNotTakenForZero) {
  Family f = family(0, 400, 400);
  f.world.seen.nodes[static_cast<size_t>(f.b)].drained.erase(Counter::CpuUsageNs);
  EXPECT_NE(f.world.status(kCpuConservation, kRoot), Status::Violated)
      << explain(f.world.judge(kCpuConservation, kRoot));
}

TEST(CpuRusage, AgreementHolds) {
  const Family f = family(300, 400, 200);
  for (const NodeId node : {kRoot, f.a, f.b}) {
    EXPECT_EQ(f.world.status(kRusage, node), Status::Held) << explain(f.world.judge(kRusage, node));
  }
}

TEST(CpuRusage, UnderReportedUsageIsViolated) {
  Family f = family(300, 400, 200);
  f.world.report_usage(f.a, 0.5);
  EXPECT_EQ(f.world.status(kRusage, f.a), Status::Violated);
  EXPECT_EQ(f.world.status(kRusage, f.b), Status::Held);
}

TEST(CpuRusage, OverReportedUsageIsViolated) {
  Family f = family(300, 400, 200);
  f.world.report_usage(f.a, 1.5);
  EXPECT_EQ(f.world.status(kRusage, f.a), Status::Violated);
}

TEST(CpuRusage, WorkerThatLandedInTheParentIsViolated) {
  Family f = family(0, 400, 200);
  f.world.report_usage(f.a, 0);
  EXPECT_EQ(f.world.status(kRusage, f.a), Status::Violated);
  EXPECT_EQ(f.world.status(kRusage, kRoot), Status::Held) << "the sum above is right";
}

TEST(CpuRusage, EntryAndExitPathsAreNoViolation) {
  Family f = family(300, 400, 200);
  for (WorkerObservation& worker : f.world.seen.workers) worker.system_ns += 300'000;
  for (const NodeId node : {kRoot, f.a, f.b}) {
    EXPECT_NE(f.world.status(kRusage, node), Status::Violated) << explain(f.world.judge(kRusage, node));
  }
}

TEST(CpuRusage, TimeBeforeAttachmentIsForgiven) {
  Family f = family(300, 400, 200);
  f.world.seen.workers[1].user_ns += 30 * kMs;
  EXPECT_EQ(f.world.status(kRusage, f.a), Status::Violated);
  f.world.seen.workers[1].attached_cpu_ns = 30 * kMs;
  EXPECT_NE(f.world.status(kRusage, f.a), Status::Violated);
}

TEST(CpuRusage, IdleWorkersAreInconclusive) {
  CpuWorld world;
  world.ran_ms(world.idler(kRoot), 0.02);
  world.run_for_ms(1'000);
  EXPECT_EQ(world.status(kRusage, kRoot), Status::Inconclusive) << explain(world.judge(kRusage, kRoot));
}

TEST(CpuRusage, ChildrenThatNobodyWaitedForMakeItUndecided) {
  CpuWorld world;
  world.ran_ms(world.hog(kRoot), 500);
  world.scenario.workers[0].workload = ForkStorm{8};
  world.run_for_ms(1'000);
  world.seen.workers[0].end = WorkerEnd::OomKilled;
  world.seen.workers[0].user_ns = 100 * kMs;
  const Status status = world.status(kRusage, kRoot);
  EXPECT_TRUE(status == Status::Inconclusive || status == Status::NotApplicable) << status_name(status);
  EXPECT_NE(world.status(kCpuConservation, kRoot), Status::Violated);
}

TEST(CpuRusage, EmptySubtreeIsNotJudged) {
  Family f = family(300, 400, 200);
  const NodeId c = f.world.add(f.a, "c");
  f.world.run_for_ms(1'000);
  EXPECT_EQ(f.world.status(kRusage, c), Status::NotApplicable);
}

TEST(CpuRusage, UnreapedChildrenOfAParentsOwnTasksAreNoLossOfTheParent) {
  // A killed worker in the parent left children: the parent holds more than rusage knows of.
  CpuWorld world;
  const NodeId a = world.add(kRoot, "a");
  world.ran_ms(world.hog(kRoot), 500);
  world.ran_ms(world.hog(a), 400);
  world.scenario.workers[0].workload = Mixed{50, 1 << 20, 4};
  world.run_for_ms(1'000);
  world.seen.workers[0].end = WorkerEnd::OomKilled;
  world.seen.workers[0].user_ns = 100 * kMs;
  EXPECT_NE(world.status(kCpuConservation, kRoot), Status::Violated)
      << explain(world.judge(kCpuConservation, kRoot));
}

}  // namespace
}  // namespace treeline::cpu_test

#include <gtest/gtest.h>

#include <cerrno>

#include "cpu_world.h"

namespace treeline::cpu_test {
namespace {

constexpr const char* kCpusetConfinement = "cpuset.confinement";

struct Deep {
  CpuWorld world{4};
  NodeId leaf = 0;
  WorkerObservation& worker() { return world.seen.workers[0]; }
  Status status() const { return world.status(kCpusetConfinement, leaf); }
};

/// A hog of 4 threads two levels below a root on CPUs 0-2; the leaf itself is on 0-1.
Deep confined() {
  Deep d;
  d.world.pin(kRoot, {0, 1, 2});
  d.leaf = d.world.add(d.world.add(kRoot, "a"), "b");
  d.world.pin(d.leaf, {0, 1});
  d.world.ran_ms(d.world.hog(d.leaf, 4), 180);
  d.world.run_for_ms(100);
  return d;
}

TEST(CpusetConfinement, WorkerInsideItsSetHolds) {
  const Deep d = confined();
  const Finding finding = d.world.judge(kCpusetConfinement, d.leaf);
  EXPECT_EQ(finding.status, Status::Held) << explain(finding);
  EXPECT_EQ(finding.controller, Controller::Cpuset);
}

TEST(CpusetConfinement, ThreadSeenElsewhereIsViolated) {
  Deep d = confined();
  d.worker().cpus_seen = IdSet{{0, 1, 3}};
  EXPECT_EQ(d.status(), Status::Violated);
}

TEST(CpusetConfinement, CpuOfTheGrandparentsSetOnlyIsElsewhere) {
  Deep d = confined();
  d.worker().cpus_seen = IdSet{{0, 2}};
  EXPECT_EQ(d.status(), Status::Violated);
}

TEST(CpusetConfinement, WiderMaskIsViolatedEvenIfNotUsed) {
  Deep d = confined();
  d.worker().cpus_allowed = "0-2";
  EXPECT_EQ(d.status(), Status::Violated);
}

TEST(CpusetConfinement, NarrowerMaskIsViolatedToo) {
  Deep d = confined();
  d.worker().cpus_allowed = "0";
  d.worker().cpus_seen = IdSet{{0}};
  EXPECT_EQ(d.status(), Status::Violated);
}

TEST(CpusetConfinement, UsingOnlyPartOfTheSetHolds) {
  Deep d = confined();
  d.worker().cpus_seen = IdSet{{1}};
  EXPECT_EQ(d.status(), Status::Held);
}

/// All groups below the node lose the controller at 50 ms.
void switch_off_below(CpuWorld& world, NodeId node) {
  world.scenario.actions.push_back({50'000, Action::Kind::DisableController, node});
  world.scenario.actions[0].controller = Controller::Cpuset;
  world.seen.actions.push_back({50 * kMs, 51 * kMs, 0, {}, {}});
}

TEST(CpusetConfinement, WhoLosesTheControllerHasItsParentsSet) {
  Deep d = confined();
  switch_off_below(d.world, 1);
  d.worker().cpus_by_stretch = {IdSet{{0, 1}}, IdSet{{0, 2}}};
  d.worker().cpus_allowed = "0-2";
  EXPECT_EQ(d.status(), Status::Held) << explain(d.world.judge(kCpusetConfinement, d.leaf));
  d.worker().cpus_allowed = "0-1";
  EXPECT_EQ(d.status(), Status::Violated) << "it is confined as before";
}

TEST(CpusetConfinement, WhereTheLastSetGoesWithTheControllerAllCpusAreBack) {
  Deep d;
  d.leaf = d.world.add(kRoot, "a");
  d.world.pin(d.leaf, {0, 1});
  d.world.ran_ms(d.world.hog(d.leaf, 4), 180);
  d.world.run_for_ms(100);
  switch_off_below(d.world, kRoot);
  d.worker().cpus_by_stretch = {IdSet{{0, 1}}, IdSet{{0, 3}}};
  d.worker().cpus_allowed = "0-3";
  EXPECT_EQ(d.status(), Status::Held) << explain(d.world.judge(kCpusetConfinement, d.leaf));
  d.worker().cpus_allowed = "0-1";
  EXPECT_EQ(d.status(), Status::Violated);
}

TEST(CpusetConfinement, OnOneCpuNothingIsSaid) {
  CpuWorld world(1);
  world.pin(kRoot, {0});
  world.ran_ms(world.hog(kRoot, 1), 90);
  world.run_for_ms(100);
  EXPECT_EQ(world.status(kCpusetConfinement, kRoot), Status::NotApplicable);
}

TEST(CpusetConfinement, NodeInheritsItsParentsSet) {
  CpuWorld world(4);
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(a, "b");
  world.pin(a, {2});
  world.ran_ms(world.hog(b, 4), 100);
  world.run_for_ms(100);
  EXPECT_EQ(world.status(kCpusetConfinement, b), Status::Held) << explain(world.judge(kCpusetConfinement, b));
  world.seen.workers[0].cpus_seen = IdSet{{2, 3}};
  EXPECT_EQ(world.status(kCpusetConfinement, b), Status::Violated);
}

TEST(CpusetConfinement, AllCpusOfTheMachineAreInconclusive) {
  CpuWorld world;
  world.pin(kRoot, {0, 1});
  world.ran_ms(world.hog(kRoot, 4), 100);
  world.run_for_ms(100);
  EXPECT_EQ(world.status(kCpusetConfinement, kRoot), Status::Inconclusive);
}

TEST(CpusetConfinement, WorkerThatNeverRanIsInconclusive) {
  Deep d = confined();
  d.worker().cpus_seen = {};
  d.worker().cpus_allowed.clear();
  d.worker().started_ns = -1;
  EXPECT_EQ(d.status(), Status::Inconclusive);
}

TEST(CpusetConfinement, DeadWorkerSeenElsewhereIsStillViolated) {
  Deep d = confined();
  d.worker().cpus_allowed.clear();
  d.worker().cpus_seen = IdSet{{3}};
  d.worker().end = WorkerEnd::OomKilled;
  EXPECT_EQ(d.status(), Status::Violated);
}

TEST(CpusetConfinement, NothingIsSaidWithoutAnyCpuset) {
  CpuWorld world;
  world.ran_ms(world.hog(kRoot), 100);
  world.run_for_ms(100);
  EXPECT_TRUE(world.judge_all(kCpusetConfinement).empty());
}

TEST(CpusetConfinement, EveryWorkerOfANodeIsJudged) {
  CpuWorld world;
  world.pin(kRoot, {0});
  world.ran_ms(world.hog(kRoot), 50);
  world.ran_ms(world.hog(kRoot), 50);
  world.run_for_ms(100);
  world.seen.workers[1].cpus_seen = IdSet{{1}};
  EXPECT_EQ(world.judge_all(kCpusetConfinement).size(), 2u);
  EXPECT_EQ(world.status(kCpusetConfinement, kRoot), Status::Violated);
}

/// confined(), until an action sets the leaf's CPUs to 2; then it ran there.
Deep changed() {
  Deep d = confined();
  d.world.scenario.actions = {{50'000, Action::Kind::SetLimit, d.leaf, Knob::CpusetCpus, IdSet{{2}}}};
  d.world.seen.actions = {{50 * kMs, 51 * kMs, 0, {}, "2"}};
  d.worker().cpus_by_stretch = {IdSet{{0, 1}}, IdSet{{2}}};
  d.worker().cpus_seen = IdSet{{0, 1, 2}};
  d.worker().cpus_allowed = "2";
  return d;
}

TEST(CpusetConfinement, EachStretchHasItsOwnSet) {
  Deep d = changed();
  EXPECT_EQ(d.status(), Status::Held) << explain(d.world.judge(kCpusetConfinement, d.leaf));
  d.worker().cpus_by_stretch[0] = IdSet{{0, 2}};
  EXPECT_EQ(d.status(), Status::Violated);
  d = changed();
  d.worker().cpus_by_stretch[1] = IdSet{{1, 2}};
  EXPECT_EQ(d.status(), Status::Violated);
}

TEST(CpusetConfinement, AChangeThatTheKernelRefusedChangesNothing) {
  Deep d = changed();
  d.world.seen.actions[0].write_errno = EACCES;
  EXPECT_EQ(d.status(), Status::Violated);
  d.worker().cpus_by_stretch[1] = IdSet{{1}};
  d.worker().cpus_allowed = "0-1";
  EXPECT_EQ(d.status(), Status::Held) << explain(d.world.judge(kCpusetConfinement, d.leaf));
}

/// confined(), while CPU `cpu` is offline from an action on.
Deep without_cpu(int cpu) {
  Deep d = confined();
  Action action{50'000, Action::Kind::CpuOffline};
  action.cpu = cpu;
  d.world.scenario.actions = {action};
  d.world.seen.actions = {{50 * kMs, 51 * kMs, 0, {}, {}}};
  return d;
}

TEST(CpusetConfinement, ATaskStaysInWhatIsLeftOfItsSet) {
  Deep d = without_cpu(1);
  d.worker().cpus_by_stretch = {IdSet{{0, 1}}, IdSet{{0}}};
  d.worker().cpus_allowed = "0";
  EXPECT_EQ(d.status(), Status::Held) << explain(d.world.judge(kCpusetConfinement, d.leaf));
  d.worker().cpus_by_stretch[1] = IdSet{{0, 2}};
  EXPECT_EQ(d.status(), Status::Violated);
}

TEST(CpusetConfinement, ASetWithoutAnyCpuLeftFallsBackToTheParents) {
  Deep d = without_cpu(1);
  d.world.pin(d.leaf, {1});
  d.worker().cpus_by_stretch = {IdSet{{1}}, IdSet{{0, 2}}};
  d.worker().cpus_allowed = "0,2";
  EXPECT_EQ(d.status(), Status::Held) << explain(d.world.judge(kCpusetConfinement, d.leaf));
  d.worker().cpus_by_stretch[1] = IdSet{{3}};
  EXPECT_EQ(d.status(), Status::Violated);
}

}  // namespace
}  // namespace treeline::cpu_test

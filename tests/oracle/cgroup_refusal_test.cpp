#include "oracle/cgroup_refusal.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "oracle/oracle.h"
#include "world.h"

namespace treeline::world_test {
namespace {

constexpr const char* kCgroupRefusal = "cgroup.refusal";

/// A hog in "t/a", and an attempt at 100 of 300 ms that was answered and read as told.
World attempted(Action attempt, int answered, const std::string& changed = "") {
  World world;
  world.become_v2();
  world.work(world.add(kRoot, "a"), CpuHog{});
  world.act(attempt.kind, attempt.node, 100);
  world.run_for_ms(300);
  attempt.at_us = world.scenario.actions[0].at_us;
  world.scenario.actions[0] = attempt;
  world.seen.actions[0].write_errno = answered;
  world.seen.actions[0].read = changed;
  return world;
}

Action removal(NodeId node) { return {0, Action::Kind::TryRemove, node}; }

TEST(CgroupRefusal, TheErrnoThatIsDueHolds) {
  EXPECT_EQ(attempted(removal(1), EBUSY).status(kCgroupRefusal), Status::Held);
  EXPECT_EQ(attempted(removal(kRoot), EBUSY).status(kCgroupRefusal), Status::Held);
}

TEST(CgroupRefusal, AnyOtherAnswerIsAViolation) {
  for (const int answered : {0, ENOTEMPTY, EPERM}) {
    EXPECT_EQ(attempted(removal(1), answered).status(kCgroupRefusal), Status::Violated) << answered;
  }
}

TEST(CgroupRefusal, AnEffectThatCanBeReadIsAViolation) {
  const Action quota{0, Action::Kind::TryLimit, 1, Knob::CpuMax, CpuBandwidth{999, 100'000}};
  EXPECT_EQ(attempted(quota, EINVAL).status(kCgroupRefusal), Status::Held);
  EXPECT_EQ(attempted(quota, EINVAL, R"("max 100000", then "999 100000")").status(kCgroupRefusal),
            Status::Violated);
}

TEST(CgroupRefusal, AGroupWhoseTasksMayHaveGoneShowsNothing) {
  World world = attempted(removal(1), 0);
  world.seen.workers[0].end = WorkerEnd::OomKilled;
  EXPECT_EQ(world.status(kCgroupRefusal), Status::Inconclusive);
  EXPECT_EQ(attempted(removal(kRoot), EBUSY).status(kCgroupRefusal), Status::Held) << "its child is there";
}

TEST(CgroupRefusal, WhoWasKilledLaterWasThere) {
  World world = attempted(removal(1), 0);
  world.seen.workers[0].end = WorkerEnd::Killed;
  world.seen.workers[0].ended_ns = 200 * kMs;
  EXPECT_EQ(world.status(kCgroupRefusal), Status::Violated);
  world.seen.workers[0].ended_ns = 50 * kMs;
  EXPECT_EQ(world.status(kCgroupRefusal), Status::Inconclusive);
}

TEST(CgroupRefusal, WhatWasNotTriedIsNotJudged) {
  World world = attempted(removal(1), 0);
  world.seen.actions[0].started_ns = ActionObservation::kNotTried;
  EXPECT_TRUE(world.findings(kCgroupRefusal).empty());
}

TEST(CgroupRefusal, AllOthersJudgeTheRunAsIfItHadNotBeen) {
  const World world = attempted(removal(1), EBUSY);
  World plain = world;
  plain.scenario.actions.clear();
  plain.seen.actions.clear();
  const Result<Verdict> with = judge(world.scenario, world.seen);
  const Result<Verdict> without = judge(plain.scenario, plain.seen);
  ASSERT_TRUE(with && without);
  std::vector<Finding> others = with->findings;
  EXPECT_EQ(std::erase_if(others, [](const Finding& finding) { return finding.invariant == kCgroupRefusal; }),
            1U);
  EXPECT_EQ(others, without->findings);
  EXPECT_FALSE(others.empty());
}

TEST(CgroupRefusal, WhileTheExecutorAttemptsTheCpuIsAway) {
  World world = attempted(removal(1), EBUSY);
  world.seen.actions[0].completed_ns = world.seen.actions[0].started_ns + 14 * kMs;
  const auto plain = without_attempts(world.scenario, world.seen);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->observation.noise[0].max_gap_ns, world.seen.noise[0].max_gap_ns + 14 * kMs);
}

TEST(CgroupRefusal, WhereWorkersRanBeforeAndAfterIsJoined) {
  World world = attempted(removal(1), EBUSY);
  world.scenario.actions.push_back({200'000, Action::Kind::SetLimit, 1, Knob::CpusetCpus, IdSet{{0}}});
  world.seen.actions.push_back({200 * kMs, 201 * kMs, 0, {}, "0"});
  world.seen.workers[0].cpus_by_stretch = {IdSet{{1}}, IdSet{{0, 1}}, IdSet{{0}}};
  const auto plain = without_attempts(world.scenario, world.seen);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->scenario.actions.size(), 1U);
  EXPECT_EQ(plain->observation.actions.size(), 1U);
  EXPECT_EQ(plain->observation.workers[0].cpus_by_stretch, (std::vector<IdSet>{IdSet{{0, 1}}, IdSet{{0}}}));
  EXPECT_FALSE(without_attempts(plain->scenario, plain->observation));
}

}  // namespace
}  // namespace treeline::world_test

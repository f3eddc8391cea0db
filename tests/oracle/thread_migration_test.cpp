#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "oracle/oracle.h"
#include "oracle/thread_view.h"
#include "world.h"

/// One thread of a process that goes to another group while work runs.
namespace treeline::world_test {
namespace {

constexpr int64_t kThreadMoveMs = 100;
constexpr int64_t kThreadWindowMs = 200;
constexpr int64_t kHalfMs = 90;  // what each thread uses before the move, and after

/// "t" with two children. Worker 0 has two threads in "left", of which the second goes to "right"; the groups
/// are charged with this much after that.
struct Parted {
  World world;
  NodeId left = world.add(kRoot, "left");
  NodeId right = world.add(kRoot, "right");

  Parted(int64_t left_ms, int64_t right_ms) {
    world.work(left, CpuHog{2});
    Action action{kThreadMoveMs * 1'000, Action::Kind::MigrateThread, right};
    action.thread = 1;
    world.scenario.actions = {action};
    world.run_for_ms(kThreadWindowMs);
    world.seen.actions = {{kThreadMoveMs * kMs, (kThreadMoveMs + 1) * kMs, 0, {}, "t/right"}};
    charge(kRoot, 2 * kHalfMs, left_ms + right_ms);
    charge(left, 2 * kHalfMs, left_ms);
    charge(right, 0, right_ms);
    WorkerObservation& worker = world.seen.workers[0];
    const int64_t used_ns = kHalfMs * kMs;
    worker.series = {{(kThreadMoveMs - 1) * kMs + 50'000, 2 * used_ns, 0, 0, {used_ns, used_ns}},
                     {(kThreadMoveMs + 3) * kMs + 50'000, 2 * used_ns, 0, 0, {used_ns, used_ns}}};
    worker.threads = {{2 * used_ns, IdSet{{0}}, {IdSet{{0}}, IdSet{{0}}}, "0-1"},
                      {2 * used_ns, IdSet{{0, 1}}, {IdSet{{0}}, IdSet{{1}}}, "0-1"}};
    worker.user_ns = worker.cpu_clock_ns = 4 * used_ns;
    world.after(left)[Counter::PidsCurrent] = world.after(right)[Counter::PidsCurrent] = 1;
    world.after(kRoot)[Counter::PidsCurrent] = 2;
  }

  void charge(NodeId node, int64_t before_ms, int64_t more_ms) {
    NodeObservation& seen = world.seen.nodes[static_cast<size_t>(node)];
    const Counters until_then{{Counter::CpuUsageNs, before_ms * kMs}};
    seen.series = {{(kThreadMoveMs - 1) * kMs, until_then, kMs},
                   {(kThreadMoveMs + 3) * kMs, until_then, kMs}};
    seen.before[Counter::CpuUsageNs] = 0;
    seen.after[Counter::CpuUsageNs] = seen.drained[Counter::CpuUsageNs] = (before_ms + more_ms) * kMs;
  }

  std::vector<Finding> findings(std::string_view invariant) const {
    std::vector<Finding> all = judge(world.scenario, world.seen).value().findings;
    std::erase_if(all, [&](const Finding& finding) { return finding.invariant != invariant; });
    return all;
  }
  Status status(std::string_view invariant) const { return Verdict{findings(invariant)}.status(); }
};

Parted healthy() { return {kHalfMs, kHalfMs}; }

TEST(ThreadMigration, EachThreadIsChargedWhereItIs) {
  EXPECT_EQ(healthy().status("cpu.migration"), Status::Held);
  EXPECT_EQ((Parted{2 * kHalfMs, 0}.status("cpu.migration")), Status::Violated) << "the thread stayed";
  EXPECT_EQ((Parted{0, 2 * kHalfMs}.status("cpu.migration")), Status::Violated) << "the leader went along";
}

TEST(ThreadMigration, AThreadWithoutAClockShowsNothing) {
  Parted parted{2 * kHalfMs, 0};
  parted.world.seen.workers[0].threads[1] = {};
  EXPECT_EQ(parted.status("cpu.migration"), Status::Inconclusive);
  EXPECT_TRUE(parted.findings("cpu.bandwidth_witness").empty());
}

TEST(ThreadMigration, AQuotaHoldsTheThreadThatComesUnderItAndNotItsProcess) {
  Parted parted = healthy();
  parted.world.limit(parted.right, Knob::CpuMax, CpuBandwidth{2'000, 10'000});
  EXPECT_EQ(parted.status("cpu.bandwidth"), Status::Violated);
  EXPECT_EQ(parted.status("cpu.bandwidth_witness"), Status::Violated);
  Parted escaping = healthy();
  escaping.world.limit(escaping.right, Knob::CpuMax, CpuBandwidth{9'000, 10'000});
  EXPECT_NE(escaping.status("cpu.bandwidth"), Status::Violated) << "the leader is not held to it";
  EXPECT_NE(escaping.status("cpu.bandwidth_witness"), Status::Violated);
}

TEST(ThreadMigration, EachThreadIsATaskOfItsGroup) {
  EXPECT_EQ(healthy().status("pids.conservation"), Status::Held);
  Parted stays = healthy();
  stays.world.after(stays.left)[Counter::PidsCurrent] = 2;
  EXPECT_EQ(stays.status("pids.conservation"), Status::Violated);
}

TEST(ThreadMigration, AThreadMayGoIntoAFullGroup) {
  Parted parted = healthy();
  parted.world.pids_max(parted.right, 0);
  for (Sample& sample : parted.world.seen.nodes[static_cast<size_t>(parted.right)].series) {
    sample.counters[Counter::PidsCurrent] = sample.at_ns > kThreadMoveMs * kMs ? 1 : 0;
  }
  EXPECT_NE(parted.status("pids.max"), Status::Violated);
}

TEST(ThreadMigration, ThreadsCountAgainstTheLimitFromTheStart) {
  Parted parted = healthy();
  parted.world.pids_max(parted.left, 1);
  for (Sample& sample : parted.world.seen.nodes[static_cast<size_t>(parted.left)].series) {
    sample.counters[Counter::PidsCurrent] = 2;
  }
  EXPECT_EQ(parted.status("pids.max"), Status::Violated) << "only the process was attached";
}

TEST(ThreadMigration, OneGroupListsTheThreadThen) {
  EXPECT_EQ(healthy().status("cgroup.migration"), Status::Held);
  for (const char* read : {"t/left", "t/left t/right", "t"}) {
    Parted parted = healthy();
    parted.world.seen.actions[0].read = read;
    EXPECT_EQ(parted.status("cgroup.migration"), Status::Violated) << read;
  }
}

TEST(ThreadMigration, OnlyAThreadThatWasNeverThereIsRefused) {
  Parted parted = healthy();
  parted.world.seen.actions[0] = {kThreadMoveMs * kMs, (kThreadMoveMs + 1) * kMs, ESRCH, {}, ""};
  EXPECT_EQ(parted.status("cgroup.migration"), Status::Violated);
  parted.world.seen.workers[0].threads[1] = {};
  EXPECT_EQ(parted.status("cgroup.migration"), Status::Held);
}

TEST(ThreadMigration, EachThreadIsHeldToTheCpusetOfItsGroup) {
  Parted parted = healthy();
  parted.world.limit(parted.left, Knob::CpusetCpus, IdSet{{0}});
  parted.world.limit(parted.right, Knob::CpusetCpus, IdSet{{1}});
  auto& threads = parted.world.seen.workers[0].threads;
  threads[0].cpus_allowed = "0";
  threads[1].cpus_allowed = "1";
  EXPECT_EQ(parted.status("cpuset.confinement"), Status::Held);
  threads[1].cpus_by_stretch[1] = IdSet{{0}};
  EXPECT_EQ(parted.status("cpuset.confinement"), Status::Violated) << "it stayed on its old CPU";
  threads[1].cpus_by_stretch[1] = IdSet{{1}};
  threads[0].cpus_allowed = "1";
  EXPECT_EQ(parted.status("cpuset.confinement"), Status::Violated) << "the leader got the set, too";
}

TEST(ThreadMigration, RusageIsToldOfSubtreesThatNoThreadLeaves) {
  const std::vector<Finding> findings = healthy().findings("cpu.rusage");
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].node, kRoot);
  EXPECT_EQ(findings[0].status, Status::Held) << findings[0].sentence;
  EXPECT_EQ((Parted{kHalfMs, 3 * kHalfMs}.status("cpu.rusage")), Status::Violated);
}

TEST(ThreadMigration, AProcessThatMovesTakesItsThreadsAlong) {
  Parted parted{0, 2 * kHalfMs};
  Action process{kThreadMoveMs * 1'000, Action::Kind::Migrate, parted.right};
  parted.world.scenario.actions.push_back(process);
  parted.world.seen.actions.push_back({(kThreadMoveMs + 1) * kMs, (kThreadMoveMs + 2) * kMs, 0, {}, ""});
  EXPECT_EQ(parted.status("cpu.migration"), Status::Held);
  const ThreadRun run = seen_by_threads(parted.world.scenario, parted.world.seen);
  ASSERT_EQ(run.scenario.actions.size(), 3U);
  EXPECT_EQ(run.observation.actions.size(), 3U);
  // Before, between, and after; nothing is known of what is between the two that are one.
  EXPECT_EQ(run.observation.workers[1].cpus_by_stretch.size(), 4U);
}

TEST(ThreadMigration, WhatDoesNotFollowThreadsSaysNothing) {
  const Parted parted = healthy();
  for (const Invariant& invariant : invariants()) {
    const bool follows = (invariant.follows & Invariant::kThreads) != 0;
    EXPECT_TRUE(follows || parted.findings(invariant.name).empty()) << invariant.name;
  }
}

}  // namespace
}  // namespace treeline::world_test

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "cpu_world.h"
#include "model/controllers.h"
#include "oracle/oracle.h"
#include "world.h"

namespace treeline::world_test {
namespace {

constexpr const char* kCgroupControllers = "cgroup.controllers";
constexpr int64_t kOffMs = 50;
constexpr int64_t kOnMs = 100;
constexpr int64_t kWindowMs = 150;

/// "t" with pids.max 8 and a child with pids.max 3, where a storm has 3 tasks; the child loses the
/// controller, and has it back later. 5 tasks more come each time.
struct Switched {
  World world;
  NodeId child = 0;

  Switched() {
    world.become_v2();
    child = world.add(kRoot, "child");
    world.pids_max(kRoot, 8);
    world.pids_max(child, 3);
    world.work(child, ForkStorm{20, 1'000});
    world.run_for_ms(kWindowMs);
    add(Action::Kind::DisableController, kOffMs);
    add(Action::Kind::EnableController, kOnMs);
    of(kRoot).series = series({3, 3, 8, 8, 8, 8});
    of(child).series = series({3, 3, 0, 0, 8, 8});
    for (const size_t i : {2, 3}) of(child).series[i].counters.clear();
    for (const NodeId node : {kRoot, child}) of(node).after[Counter::PidsCurrent] = 8;
    world.seen.workers[0].forks_ok = 7;
    for (size_t i = 0; i < 6; ++i) {
      WorkerSample sample;
      sample.at_ns = of(kRoot).series[i].at_ns;
      sample.progress = static_cast<int64_t>(10 * i);
      world.seen.workers[0].series.push_back(sample);
    }
  }

  NodeObservation& of(NodeId node) { return world.seen.nodes[static_cast<size_t>(node)]; }

  /// Readings just before and after each action, and at the end.
  static std::vector<Sample> series(const std::vector<int64_t>& tasks) {
    const std::vector<int64_t> at_ms{10, kOffMs - 1, kOffMs + 3, kOnMs - 1, kOnMs + 3, kWindowMs};
    std::vector<Sample> samples;
    for (size_t i = 0; i < at_ms.size(); ++i) {
      samples.push_back({at_ms[i] * kMs, {{Counter::PidsCurrent, tasks[i]}}, kMs});
    }
    return samples;
  }

  void add(Action::Kind kind, int64_t at_ms) {
    Action action{at_ms * 1'000, kind, kRoot};
    action.controller = Controller::Pids;
    world.scenario.actions.push_back(action);
    world.seen.actions.push_back(
        {at_ms * kMs, (at_ms + 1) * kMs, 0, {}, expected_below(world.scenario, action, world.seen.machine)});
  }

  Status status(const char* invariant = kCgroupControllers) const { return world.status(invariant); }
};

TEST(CgroupControllers, HoldWhereFilesGoAndComeBackFresh) {
  const Switched switched;
  EXPECT_TRUE(validate(switched.world.scenario).empty());
  EXPECT_EQ(switched.status(), Status::Held) << switched.world.explain(kCgroupControllers);
}

TEST(CgroupControllers, AreNeverRefused) {
  for (const size_t action : {0, 1}) {
    Switched switched;
    switched.world.seen.actions[action].write_errno = EBUSY;
    EXPECT_EQ(switched.status(), Status::Violated);
  }
}

TEST(CgroupControllers, LeaveNoFile) {
  Switched switched;
  switched.world.seen.actions[0].read = "t/child/pids.max=3";
  EXPECT_EQ(switched.status(), Status::Violated);
}

TEST(CgroupControllers, BringNoLimitBack) {
  Switched switched;
  switched.world.seen.actions[1].read = "t/child/pids.max=3";
  EXPECT_EQ(switched.status(), Status::Violated);
}

TEST(CgroupControllers, SayNothingOfOnesThatWereNotTried) {
  Switched switched;
  for (ActionObservation& action : switched.world.seen.actions) {
    action = {ActionObservation::kNotTried, -1, 0, {}, {}};
  }
  EXPECT_EQ(switched.status(), Status::NotApplicable);
  switched.world.scenario.actions.clear();
  switched.world.seen.actions.clear();
  EXPECT_EQ(switched.status(), Status::NotApplicable);
}

TEST(CgroupControllers, LimitOnlyWhereTheyAre) {
  Switched switched;
  // The child has more than its old limit as soon as it loses it, and nobody minds.
  EXPECT_NE(switched.status("pids.max"), Status::Violated) << switched.world.explain("pids.max");
  switched.of(switched.child).series[1].counters[Counter::PidsCurrent] = 4;
  EXPECT_EQ(switched.world.status("pids.max", switched.child), Status::Violated) << "it has it still";
}

TEST(CgroupControllers, BindTheGroupAboveMeanwhile) {
  Switched switched;
  switched.of(kRoot).series[3].counters[Counter::PidsCurrent] = 9;
  EXPECT_EQ(switched.world.status("pids.max", kRoot), Status::Violated);
}

TEST(CgroupControllers, LeaveTheTasksChargedToTheGroupAbove) {
  Switched switched;
  switched.world.scenario.actions.pop_back();
  switched.world.seen.actions.pop_back();
  switched.of(switched.child).after.erase(Counter::PidsCurrent);
  const char* name = "pids.conservation";
  EXPECT_EQ(switched.world.status(name, kRoot), Status::Held) << switched.world.explain(name);
  switched.of(kRoot).after[Counter::PidsCurrent] = 1;
  EXPECT_EQ(switched.world.status(name, kRoot), Status::Violated);
}

TEST(CgroupControllers, WhatDoesNotFollowThemSaysNothing) {
  const Switched switched;
  const Result<Verdict> verdict = judge(switched.world.scenario, switched.world.seen);
  ASSERT_TRUE(verdict);
  for (const Invariant& invariant : invariants()) {
    const bool judged =
        std::any_of(verdict->findings.begin(), verdict->findings.end(),
                    [&](const Finding& finding) { return finding.invariant == invariant.name; });
    EXPECT_TRUE((invariant.follows & Invariant::kControllers) != 0 || !judged) << invariant.name;
  }
}

/// "t" with memory.max 8 MiB, and a child whose hog wants 16 and loses memory, or io, at 50 ms.
World switched_off(Controller controller) {
  World world;
  world.become_v2();
  const NodeId child = world.add(kRoot, "child");
  world.memory_max(kRoot, 8 * kMiB);
  world.memory_max(child, 4 * kMiB);
  world.hold(child, 16 * kMiB);
  Action& action = world.scenario.actions[world.act(Action::Kind::DisableController, kRoot, kOffMs)];
  action.controller = controller;
  world.run_for_ms(kWindowMs);
  world.oom_kill(0, 7 * kMiB);
  world.seen.workers[0].ended_ns = (kOffMs + 20) * kMs;
  for (const NodeId node : {kRoot, child}) world.after(node)[Counter::MemoryPeak] = 8 * kMiB;
  return world;
}

TEST(CgroupControllers, LeaveMemoryToTheLimitAbove) {
  World world = switched_off(Controller::Memory);
  EXPECT_EQ(world.status("memory.max", kRoot), Status::Held) << world.explain("memory.max");
  EXPECT_EQ(world.status("memory.max", 1), Status::NotApplicable) << "its limit has gone";
  world.seen.workers[0].ended_ns = kOffMs * kMs;
  EXPECT_EQ(world.status("memory.max", kRoot), Status::Inconclusive) << "killed by the limit that has gone";
  world.after(kRoot)[Counter::MemoryPeak] = 9 * kMiB;
  EXPECT_EQ(world.status("memory.max", kRoot), Status::Violated);
}

TEST(CgroupControllers, OfOthersLeaveTheLimitOfMemoryAsItIs) {
  EXPECT_EQ(switched_off(Controller::Io).status("memory.max", 1), Status::Violated) << "8 MiB of 4";
}

/// "t" reads at most 100 blocks a second, and its child, which loses io after half a second, 50.
World reading_world(int64_t blocks_after) {
  constexpr int64_t kBlock = 64 << 10;
  constexpr int64_t kBlocksBefore = 25;
  World world;
  world.become_v2();
  const NodeId child = world.add(kRoot, "child");
  world.limit(kRoot, Knob::IoMax, IoRates{100 * kBlock, {}, {}, {}});
  world.limit(child, Knob::IoMax, IoRates{50 * kBlock, {}, {}, {}});
  world.work(child, IoHog{true, IoDirection::Read, kBlock, kMiB});
  Action& action = world.scenario.actions[world.act(Action::Kind::DisableController, kRoot, 500)];
  action.controller = Controller::Io;
  world.run_for_ms(1'500);
  world.moved(0, kBlocksBefore + blocks_after, 100'000);
  for (const NodeId node : {kRoot, child}) {
    auto& series = world.seen.nodes[static_cast<size_t>(node)].series;
    series = {{499 * kMs, {}, kMs}, {503 * kMs, {}, kMs}, {1'500 * kMs, {}, kMs}};
    if (node != kRoot) continue;
    for (Sample& sample : series) sample.counters[Counter::IoReadBytes] = kBlocksBefore * kBlock;
  }
  WorkerSample sample;
  sample.progress = kBlocksBefore;
  for (const int64_t at_ms : {499, 503}) {
    sample.at_ns = at_ms * kMs;
    world.seen.workers[0].series.push_back(sample);
  }
  return world;
}

TEST(CgroupControllers, LeaveRatesToTheLimitAbove) {
  for (const auto& [blocks, status] : {std::pair(100, Status::Held), std::pair(900, Status::Violated)}) {
    const World world = reading_world(blocks);
    EXPECT_EQ(world.status("io.max", kRoot), status) << world.explain("io.max");
    EXPECT_EQ(world.status("io.max", 1), Status::Held)
        << "until its limit has gone" << world.explain("io.max");
  }
}

}  // namespace
}  // namespace treeline::world_test

namespace treeline::cpu_test {
namespace {

/// Half a CPU for "t" and a fifth for its child, whose hogs lose the latter at 500 ms and use `after_ms`
/// then.
CpuWorld switched_off(double after_ms) {
  CpuWorld world;
  const NodeId child = world.add(kRoot, "child");
  world.cap(kRoot, 5'000, 10'000);
  world.cap(child, 2'000, 10'000);
  world.ran_ms(world.hog(child, 2), 100, 500, after_ms);
  world.run_for_ms(1'000);
  world.scenario.actions.push_back({500'000, Action::Kind::DisableController, kRoot});
  world.seen.actions.push_back({500 * kMs, 501 * kMs, 0, {}, {}});
  return world;
}

/// Of the node, one for each stretch in which it has a limit.
std::vector<Finding> findings_of(const CpuWorld& world, const char* invariant, NodeId node) {
  std::vector<Finding> findings = world.judge_all(invariant);
  std::erase_if(findings, [&](const Finding& finding) { return finding.node != node; });
  return findings;
}

TEST(CgroupControllers, LeaveCpuTimeToTheLimitAbove) {
  constexpr NodeId kChild = 1;
  for (const char* invariant : {"cpu.bandwidth", "cpu.bandwidth_witness"}) {
    const std::vector<Finding> held = findings_of(switched_off(250), invariant, kRoot);
    ASSERT_EQ(held.size(), 2U);
    EXPECT_EQ(held[1].status, Status::Held) << explain(held[1]);
    EXPECT_EQ(findings_of(switched_off(250), invariant, kChild).size(), 1U) << "its limit has gone";
    EXPECT_EQ(findings_of(switched_off(900), invariant, kRoot)[1].status, Status::Violated);
  }
}

}  // namespace
}  // namespace treeline::cpu_test

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "oracle/oracle.h"
#include "world.h"

/// Workers that go from one group to another while work runs.
namespace treeline::world_test {
namespace {

constexpr int64_t kMoveMs = 100;
constexpr int64_t kMoveWindowMs = 200;

/// "t" with two children, and worker 0, which goes from one to the other within 1 ms.
struct Moved {
  World world;
  NodeId left = world.add(kRoot, "left");
  NodeId right = world.add(kRoot, "right");

  explicit Moved(const Workload& workload) {
    world.work(left, workload);
    world.scenario.actions = {{kMoveMs * 1'000, Action::Kind::Migrate, right}};
    world.run_for_ms(kMoveWindowMs);
    for (NodeObservation& node : world.seen.nodes) {
      node.series = {{(kMoveMs - 1) * kMs, {}, kMs}, {(kMoveMs + 3) * kMs, {}, kMs}};
    }
    world.seen.actions = {{kMoveMs * kMs, (kMoveMs + 1) * kMs, 0, {}, {}}};
    world.seen.workers[0].ended_ns = (kMoveWindowMs + 5) * kMs;
    world.seen.workers[0].settled_ns = 10 * kMs;
  }

  /// Readings of a node's counter just before and just after the move.
  void read(NodeId node, Counter counter, int64_t before, int64_t after) {
    NodeObservation& seen = world.seen.nodes[static_cast<size_t>(node)];
    seen.series[0].counters[counter] = before;
    seen.series[1].counters[counter] = after;
  }

  Status status(std::string_view invariant) const { return world.status(invariant); }
};

/// A hog that has used 90 ms when it moves, and uses `later_ms` after that; the groups are charged as given.
Moved hog(int64_t left_ms, int64_t right_ms, int64_t later_ms = 90) {
  Moved moved{CpuHog{}};
  constexpr int64_t kBeforeMs = 90;
  const auto end = [&](NodeId node, int64_t before, int64_t more) {
    moved.read(node, Counter::CpuUsageNs, before * kMs, before * kMs);
    moved.world.after(node)[Counter::CpuUsageNs] = (before + more) * kMs;
  };
  end(kRoot, kBeforeMs, later_ms);
  end(moved.left, kBeforeMs, left_ms);
  end(moved.right, 0, right_ms);
  WorkerObservation& worker = moved.world.seen.workers[0];
  worker.series = {{(kMoveMs - 1) * kMs + 50'000, kBeforeMs * kMs, 0, 0},
                   {(kMoveMs + 3) * kMs + 50'000, kBeforeMs * kMs, 0, 0}};
  worker.cpu_clock_ns = (kBeforeMs + later_ms) * kMs;
  return moved;
}

TEST(CpuMigration, TimeIsChargedToTheNewGroup) {
  EXPECT_EQ(hog(0, 90).status("cpu.migration"), Status::Held) << hog(0, 90).world.explain("cpu.migration");
}

TEST(CpuMigration, TimeThatGoesOnInTheOldGroupIsAViolation) {
  EXPECT_EQ(hog(90, 0).status("cpu.migration"), Status::Violated);
  EXPECT_EQ(hog(90, 90).status("cpu.migration"), Status::Violated) << "charged to both";
  EXPECT_EQ(hog(45, 45).status("cpu.migration"), Status::Violated) << "half of it";
}

TEST(CpuMigration, ATickMayGoToEitherSide) {
  const auto tick_ms = hog(0, 90).world.seen.machine.tick_ns() / kMs;
  EXPECT_EQ(hog(tick_ms, 90 - tick_ms).status("cpu.migration"), Status::Held);
}

TEST(CpuMigration, WhoHardlyRunsShowsNothing) {
  EXPECT_EQ(hog(0, 2, 2).status("cpu.migration"), Status::Inconclusive);
}

TEST(CpuMigration, WhoDiesShowsNothing) {
  Moved moved = hog(90, 0);
  moved.world.seen.workers[0].end = WorkerEnd::Killed;
  EXPECT_EQ(moved.status("cpu.migration"), Status::Inconclusive);
}

TEST(CpuMigration, ARefusedOneChangesNothing) {
  Moved moved = hog(90, 0);
  moved.world.seen.actions[0].write_errno = EBUSY;
  EXPECT_EQ(moved.status("cpu.migration"), Status::NotApplicable);
  EXPECT_EQ(moved.status("cgroup.migration"), Status::Violated);
}

/// A hog of 4 MiB in "left"; what the groups are charged after it has moved.
Moved memory(int64_t left_bytes, int64_t right_bytes) {
  Moved moved{MemoryHog{MemoryKind::Anonymous, 4 * kMiB}};
  moved.read(moved.left, Counter::MemoryCurrent, 4 * kMiB, left_bytes);
  moved.read(moved.right, Counter::MemoryCurrent, 0, right_bytes);
  moved.read(kRoot, Counter::MemoryCurrent, 4 * kMiB, left_bytes + right_bytes);
  moved.world.seen.workers[0].bytes_touched = 4 * kMiB;
  return moved;
}

TEST(MemoryMigration, ChargesStay) {
  const Moved moved = memory(4 * kMiB - 32 * kPage, 16 * kPage);
  EXPECT_EQ(moved.status("memory.migration"), Status::Held) << moved.world.explain("memory.migration");
}

TEST(MemoryMigration, ChargesThatMoveAreAViolation) {
  EXPECT_EQ(memory(0, 4 * kMiB).status("memory.migration"), Status::Violated);
  EXPECT_EQ(memory(4 * kMiB, 4 * kMiB).status("memory.migration"), Status::Violated) << "charged twice";
  EXPECT_EQ(memory(0, 0).status("memory.migration"), Status::Violated) << "lost";
}

TEST(MemoryMigration, WhoTouchedLittleShowsNothing) {
  Moved moved = memory(4 * kMiB, 0);
  moved.world.seen.workers[0].bytes_touched = 2 * kPage;
  EXPECT_EQ(moved.status("memory.migration"), Status::Inconclusive);
}

TEST(MemoryMigration, WhileMemoryIsTouchedNothingIsShown) {
  Moved moved = memory(0, 4 * kMiB);
  moved.world.seen.workers[0].settled_ns = (kMoveMs + 20) * kMs;
  EXPECT_EQ(moved.status("memory.migration"), Status::Inconclusive);
}

TEST(PidsMigration, TheChargeGoesAlong) {
  Moved moved{Idle{}};
  moved.world.after(moved.left)[Counter::PidsCurrent] = 0;
  moved.world.after(moved.right)[Counter::PidsCurrent] = 1;
  EXPECT_EQ(moved.status("pids.conservation"), Status::Held) << moved.world.explain("pids.conservation");
  moved.world.after(moved.left)[Counter::PidsCurrent] = 1;
  EXPECT_EQ(moved.status("pids.conservation"), Status::Violated);
}

TEST(PidsMigration, WhereChildrenWereLeftIsNotKnown) {
  Moved moved{ForkStorm{8}};
  moved.world.forked(0, 8, 0);
  moved.world.after(moved.left)[Counter::PidsCurrent] = 5;
  moved.world.after(moved.right)[Counter::PidsCurrent] = 4;
  moved.world.after(kRoot)[Counter::PidsCurrent] = 9;
  EXPECT_NE(moved.status("pids.conservation"), Status::Violated) << moved.world.explain("pids.conservation");
}

TEST(PidsMigration, WhoComesInMayExceedTheLimit) {
  Moved moved{Idle{}};
  moved.world.pids_max(moved.right, 0);
  moved.read(moved.right, Counter::PidsCurrent, 0, 1);
  moved.read(kRoot, Counter::PidsCurrent, 1, 1);
  EXPECT_NE(moved.status("pids.max"), Status::Violated) << moved.world.explain("pids.max");
}

TEST(CpusetMigration, WhoMovedMayHaveRunInEitherSetAndIsHeldToTheLast) {
  Moved moved{CpuHog{}};
  moved.world.limit(moved.left, Knob::CpusetCpus, IdSet{{0}});
  moved.world.limit(moved.right, Knob::CpusetCpus, IdSet{{1}});
  WorkerObservation& worker = moved.world.seen.workers[0];
  worker.cpus_seen = IdSet{{0, 1}};
  worker.cpus_allowed = "1";
  EXPECT_EQ(moved.status("cpuset.confinement"), Status::Held) << moved.world.explain("cpuset.confinement");
  worker.cpus_allowed = "0";
  EXPECT_EQ(moved.status("cpuset.confinement"), Status::Violated) << "it kept its old set";
}

TEST(CgroupMigration, IsTakenFromWhoLives) {
  Moved moved{Idle{}};
  EXPECT_EQ(moved.status("cgroup.migration"), Status::Held);
  moved.world.seen.actions[0].write_errno = ESRCH;
  EXPECT_EQ(moved.status("cgroup.migration"), Status::Violated) << "it lived";
  moved.world.seen.workers[0].ended_ns = (kMoveMs - 1) * kMs;
  EXPECT_EQ(moved.status("cgroup.migration"), Status::Held) << "it was dead";
}

TEST(Migration, WhatDoesNotFollowItSaysNothing) {
  const Moved moved = hog(90, 0);
  const Result<Verdict> verdict = judge(moved.world.scenario, moved.world.seen);
  ASSERT_TRUE(verdict);
  for (const Invariant& invariant : invariants()) {
    const bool judged =
        std::any_of(verdict->findings.begin(), verdict->findings.end(),
                    [&](const Finding& finding) { return finding.invariant == invariant.name; });
    EXPECT_TRUE((invariant.follows & Invariant::kWorkers) != 0 || !judged) << invariant.name;
  }
  EXPECT_EQ(verdict->status(), Status::Violated);
}

}  // namespace
}  // namespace treeline::world_test

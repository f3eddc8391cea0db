#include <gtest/gtest.h>

#include "world.h"

namespace treeline {
namespace {

using world_test::kMs;
using world_test::World;

/// t ─ a with a hog, b with another; a was killed at 50 ms.
struct Killed {
  World world;
  NodeId a = 0;
  size_t victim = 0;
  size_t other = 0;

  Killed() {
    world.become_v2();
    a = world.add(kRoot, "a");
    const NodeId b = world.add(kRoot, "b");
    victim = world.work(a, CpuHog{});
    other = world.work(b, CpuHog{});
    world.act(Action::Kind::Kill, a, 50);
    world.run_for_ms(100);
    world.seen.workers[victim].end = WorkerEnd::Killed;
  }
};

TEST(CgroupKill, AllOfTheSubtreeAndNobodyElseHolds) {
  const Killed killed;
  EXPECT_EQ(killed.world.status("cgroup.kill"), Status::Held) << killed.world.explain("cgroup.kill");
}

TEST(CgroupKill, ASurvivorIsAViolation) {
  Killed killed;
  killed.world.seen.workers[killed.victim].end = WorkerEnd::Stopped;
  EXPECT_EQ(killed.world.status("cgroup.kill", killed.a), Status::Violated);
}

TEST(CgroupKill, AGroupThatStaysPopulatedIsAViolation) {
  Killed killed;
  killed.world.seen.actions[0].completed_ns = -1;
  EXPECT_EQ(killed.world.status("cgroup.kill", killed.a), Status::Violated);
  killed.world.limit(killed.a, Knob::CpuMax, CpuBandwidth{1'000, 100'000});
  EXPECT_EQ(killed.world.status("cgroup.kill", killed.a), Status::Inconclusive) << "throttled, it cannot die";
}

TEST(CgroupKill, AVictimElsewhereIsAViolation) {
  Killed killed;
  killed.world.seen.workers[killed.other].end = WorkerEnd::Killed;
  EXPECT_EQ(killed.world.status("cgroup.kill"), Status::Violated) << killed.world.explain("cgroup.kill");
}

TEST(CgroupKill, ARefusedOrderIsAViolation) {
  Killed killed;
  killed.world.seen.actions[0].write_errno = ENOENT;
  killed.world.seen.actions[0].completed_ns = -1;
  EXPECT_EQ(killed.world.status("cgroup.kill", killed.a), Status::Violated);
}

TEST(CgroupKill, WhatWasNotTriedIsNotJudged) {
  Killed killed;
  killed.world.seen.actions[0].started_ns = ActionObservation::kNotTried;
  EXPECT_EQ(killed.world.status("cgroup.kill"), Status::NotApplicable);
}

}  // namespace
}  // namespace treeline

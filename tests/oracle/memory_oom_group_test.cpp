#include <gtest/gtest.h>

#include "world.h"

namespace treeline {
namespace {

using world_test::kMs;
using world_test::World;

/// t{memory.max, memory.oom.group} with a hog beyond the limit in a and an idle worker in b; the hog was
/// killed.
struct Group {
  World world;
  NodeId a = 0;
  NodeId b = 0;

  explicit Group(bool all_killed, int64_t flag = 1) {
    world.become_v2();
    a = world.add(kRoot, "a");
    b = world.add(kRoot, "b");
    world.memory_max(kRoot, 8 * kMiB);
    world.limit(kRoot, Knob::MemoryOomGroup, Amount{flag});
    world.hold(a, 16 * kMiB);
    world.work(b, Idle{});
    world.run_for_ms(100);
    world.oom_kill(0, 7 * kMiB);
    if (all_killed) world.oom_kill(1, 0);
  }
};

TEST(MemoryOomGroup, AllKilledHolds) {
  const World world = Group(true).world;
  EXPECT_EQ(world.status("memory.oom_group"), Status::Held) << world.explain("memory.oom_group");
}

TEST(MemoryOomGroup, ASurvivorIsAViolation) {
  const World world = Group(false).world;
  EXPECT_EQ(world.status("memory.oom_group", kRoot), Status::Violated) << world.explain("memory.oom_group");
}

TEST(MemoryOomGroup, WithoutTheFlagNothingIsSaid) {
  EXPECT_EQ(Group(false, 0).world.status("memory.oom_group"), Status::NotApplicable);
}

TEST(MemoryOomGroup, ALimitBelowTheFlagKillsOnlyThere) {
  Group group(false);
  group.world.memory_max(group.a, 4 * kMiB);
  EXPECT_EQ(group.world.status("memory.oom_group"), Status::Inconclusive)
      << group.world.explain("memory.oom_group");
}

TEST(MemoryOomGroup, NobodyKilledShowsNothing) {
  World world;
  world.become_v2();
  world.limit(kRoot, Knob::MemoryOomGroup, Amount{1});
  world.hold(kRoot, kMiB);
  world.work(kRoot, Idle{});
  world.run_for_ms(100);
  EXPECT_EQ(world.status("memory.oom_group"), Status::Inconclusive);
}

TEST(MemoryOomAttribution, AGroupKillMayCountItsFirstVictimTwice) {
  Group group(true);
  group.world.after(kRoot)[Counter::MemoryOomGroupKills] = 1;
  for (const NodeId node : {kRoot, group.a, group.b}) {
    group.world.before(node)[Counter::MemoryOomGroupKills] = 0;
    group.world.drained(node)[Counter::MemoryOomGroupKills] = node == kRoot ? 1 : 0;
  }
  ++group.world.drained(group.a)[Counter::MemoryOomKills];
  EXPECT_EQ(group.world.status("memory.oom_attribution"), Status::Held)
      << group.world.explain("memory.oom_attribution");
  ++group.world.drained(group.a)[Counter::MemoryOomKills];
  EXPECT_EQ(group.world.status("memory.oom_attribution", group.a), Status::Violated);
}

}  // namespace
}  // namespace treeline

#include <gtest/gtest.h>

#include "world.h"

namespace treeline::world_test {
namespace {

constexpr const char* kMemoryOomAttribution = "memory.oom_attribution";

struct Killed {
  World world;
  NodeId parent = kRoot;
  NodeId child = kRoot;
};

/// The limit is the parent's, the victim the child's.
Killed killed_in_child(const Workload& workload = MemoryHog{MemoryKind::Anonymous, 32 * kMiB}) {
  Killed killed;
  killed.child = killed.world.add(kRoot, "a");
  killed.world.memory_max(kRoot, 16 * kMiB);
  killed.world.work(killed.child, workload);
  killed.world.run_for_ms(100);
  killed.world.oom_kill(0, 15 * kMiB);
  return killed;
}

TEST(MemoryOomAttribution, KillCountsAtTheVictimsGroup) {
  const Killed killed = killed_in_child();
  EXPECT_EQ(killed.world.status(kMemoryOomAttribution, killed.child), Status::Held)
      << killed.world.explain(kMemoryOomAttribution);
  EXPECT_EQ(killed.world.status(kMemoryOomAttribution, killed.parent), Status::Held)
      << killed.world.explain(kMemoryOomAttribution);
}

TEST(MemoryOomAttribution, KillCountedAtTheParentIsTwoViolations) {
  Killed killed = killed_in_child();
  std::swap(killed.world.drained(killed.parent)[Counter::MemoryOomKills],
            killed.world.drained(killed.child)[Counter::MemoryOomKills]);
  EXPECT_EQ(killed.world.status(kMemoryOomAttribution, killed.child), Status::Violated)
      << killed.world.explain(kMemoryOomAttribution);
  EXPECT_EQ(killed.world.status(kMemoryOomAttribution, killed.parent), Status::Violated)
      << killed.world.explain(kMemoryOomAttribution);
}

TEST(MemoryOomAttribution, KillCountedTwiceIsAViolation) {
  Killed killed = killed_in_child();
  killed.world.drained(killed.child)[Counter::MemoryOomKills] = 2;
  EXPECT_EQ(killed.world.status(kMemoryOomAttribution), Status::Violated)
      << killed.world.explain(kMemoryOomAttribution);
}

TEST(MemoryOomAttribution, KillsFromBeforeTheRunDoNotCount) {
  Killed killed = killed_in_child();
  killed.world.before(killed.child)[Counter::MemoryOomKills] = 3;
  killed.world.drained(killed.child)[Counter::MemoryOomKills] = 4;
  EXPECT_EQ(killed.world.status(kMemoryOomAttribution), Status::Held)
      << killed.world.explain(kMemoryOomAttribution);
}

TEST(MemoryOomAttribution, ChildrenOfAWorkerMayBeVictimsToo) {
  Killed killed = killed_in_child(Mixed{50, 32 * kMiB, 2});
  killed.world.drained(killed.child)[Counter::MemoryOomKills] = 3;
  EXPECT_EQ(killed.world.status(kMemoryOomAttribution), Status::Held)
      << killed.world.explain(kMemoryOomAttribution);
  killed.world.drained(killed.child)[Counter::MemoryOomKills] = 0;
  EXPECT_EQ(killed.world.status(kMemoryOomAttribution), Status::Violated)
      << killed.world.explain(kMemoryOomAttribution);
}

TEST(MemoryOomAttribution, NothingIsSaidWithoutAKillOrACounter) {
  World calm;
  calm.hold(kRoot, kMiB);
  calm.run_for_ms(100);
  EXPECT_EQ(calm.status(kMemoryOomAttribution), Status::NotApplicable);
  Killed killed = killed_in_child();
  killed.world.forget(killed.child, Counter::MemoryOomKills);
  EXPECT_NE(killed.world.status(kMemoryOomAttribution), Status::Violated);
}

}  // namespace
}  // namespace treeline::world_test

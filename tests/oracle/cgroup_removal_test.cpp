#include <gtest/gtest.h>

#include <cerrno>

#include "oracle/oracle.h"
#include "world.h"

namespace treeline::world_test {
namespace {

constexpr const char* kCgroupRemoval = "cgroup.removal";
constexpr int64_t kAtMs = 100;

/// "t" with a child, which has used 90 ms and is removed within 1 ms.
struct Removed {
  World world;
  NodeId child = world.add(kRoot, "child");

  Removed() {
    world.work(child, CpuHog{});
    world.scenario.actions = {{kAtMs * 1'000, Action::Kind::Remove, child}};
    world.run_for_ms(2 * kAtMs);
    for (NodeObservation& node : world.seen.nodes) {
      node.series = {{(kAtMs - 1) * kMs, {{Counter::CpuUsageNs, 90 * kMs}}, kMs},
                     {(kAtMs + 3) * kMs, {{Counter::CpuUsageNs, 90 * kMs}}, kMs}};
      node.drained[Counter::DyingDescendants] = 0;
    }
    world.seen.nodes[static_cast<size_t>(child)].series[1].counters.clear();
    world.seen.actions = {{kAtMs * kMs, (kAtMs + 1) * kMs, 0, {}, {}}};
    world.seen.workers[0].end = WorkerEnd::Killed;
  }

  Status status() const { return world.status(kCgroupRemoval); }
};

TEST(CgroupRemoval, HoldsWhereAllStaysCountedAndNothingIsLeft) {
  EXPECT_EQ(Removed().status(), Status::Held);
}

TEST(CgroupRemoval, OfAGroupThatIsEmptyIsNeverRefused) {
  Removed removed;
  removed.world.seen.actions[0].write_errno = EBUSY;
  EXPECT_EQ(removed.status(), Status::Violated);
}

TEST(CgroupRemoval, TakesNoCpuTimeFromTheGroupAbove) {
  Removed removed;
  removed.world.seen.nodes[kRoot].series[1].counters[Counter::CpuUsageNs] = 80 * kMs;
  EXPECT_EQ(removed.status(), Status::Violated);
}

TEST(CgroupRemoval, LeavesNoGroupDying) {
  Removed removed;
  removed.world.before(kRoot)[Counter::MemoryCurrent] = 0;
  Counters& drained = removed.world.drained(kRoot);
  drained[Counter::DyingDescendants] = 1;
  drained[Counter::MemoryCurrent] = 0;
  EXPECT_EQ(removed.status(), Status::Violated);
  // What is still charged, and be it the objects that a CPU keeps, may hold it.
  for (const int64_t charged : {int64_t{12} << 10, int64_t{64} << 20}) {
    drained[Counter::MemoryCurrent] = charged;
    EXPECT_EQ(removed.status(), Status::Inconclusive);
  }
  drained[Counter::DyingDescendants] = 0;
  EXPECT_EQ(removed.status(), Status::Held);
}

TEST(CgroupRemoval, ACreationIsNeverRefused) {
  Removed removed;
  removed.world.scenario.actions[0].kind = Action::Kind::Create;
  EXPECT_EQ(removed.status(), Status::Held);
  removed.world.seen.actions[0].write_errno = ENOMEM;
  EXPECT_EQ(removed.status(), Status::Violated);
}

TEST(CgroupRemoval, SaysNothingWhereNoGroupGoes) {
  Removed removed;
  removed.world.scenario.actions.clear();
  removed.world.seen.actions.clear();
  EXPECT_EQ(removed.status(), Status::NotApplicable);
}

}  // namespace
}  // namespace treeline::world_test

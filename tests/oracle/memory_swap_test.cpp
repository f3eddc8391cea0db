#include <gtest/gtest.h>

#include "world.h"

namespace treeline {
namespace {

using world_test::kMs;
using world_test::World;

World world_with_swap() {
  World world;
  world.become_v2();
  world.seen.machine.swap_bytes = 64 * kMiB;
  return world;
}

World swapping_world(int64_t peak_bytes, int64_t wanted_bytes = 32 * kMiB) {
  World world = world_with_swap();
  world.memory_max(kRoot, 8 * kMiB);
  world.limit(kRoot, Knob::MemorySwapMax, Amount{2 * kMiB + 100});
  world.hold(kRoot, wanted_bytes);
  world.run_for_ms(100);
  world.after(kRoot)[Counter::MemorySwapPeak] = peak_bytes;
  return world;
}

TEST(MemorySwapMax, FullSwapHolds) {
  const World world = swapping_world(2 * kMiB);
  EXPECT_EQ(world.status("memory.swap_max"), Status::Held) << world.explain("memory.swap_max");
}

TEST(MemorySwapMax, OnePageMoreIsAViolation) {
  const World world = swapping_world(2 * kMiB + world_test::kPage);
  EXPECT_EQ(world.status("memory.swap_max"), Status::Violated) << world.explain("memory.swap_max");
}

TEST(MemorySwapMax, ShowsNothingIfAllFitsBeforeTheLimit) {
  EXPECT_EQ(swapping_world(kMiB, 9 * kMiB).status("memory.swap_max"), Status::Inconclusive);
}

TEST(MemorySwapMax, OldKernelsHaveNoPeak) {
  World world = swapping_world(0);
  world.forget(kRoot, Counter::MemorySwapPeak);
  EXPECT_EQ(world.status("memory.swap_max"), Status::NotApplicable);
  world.after(kRoot)[Counter::MemorySwapCurrent] = 3 * kMiB;
  EXPECT_EQ(world.status("memory.swap_max"), Status::Violated);
}

TEST(MemorySwapMax, NeedsSwap) {
  World world = swapping_world(0);
  world.seen.machine.swap_bytes = 0;
  EXPECT_EQ(world.status("memory.swap_max"), Status::NotApplicable);
}

/// One worker that wants so much, below 8 MiB of memory and 2 MiB of swap.
World pressed_world(int64_t wanted_bytes) { return swapping_world(0, wanted_bytes); }

TEST(MemoryOomSwap, DemandBeyondMemoryAndSwapMustKill) {
  World world = pressed_world(11 * kMiB);
  EXPECT_EQ(world.status("memory.oom_swap"), Status::Violated);
  world.oom_kill(0, 10 * kMiB);
  EXPECT_EQ(world.status("memory.oom_swap"), Status::Held) << world.explain("memory.oom_swap");
}

TEST(MemoryOomSwap, DemandThatFitsMemoryAndSwapMustNotKill) {
  World world = pressed_world(9 * kMiB);
  EXPECT_EQ(world.status("memory.oom_swap"), Status::Held) << world.explain("memory.oom_swap");
  world.oom_kill(0, 8 * kMiB);
  EXPECT_EQ(world.status("memory.oom_swap"), Status::Violated);
}

TEST(MemoryOomSwap, BetweenTheTwoNothingIsSaid) {
  World world = pressed_world(10 * kMiB);
  EXPECT_EQ(world.status("memory.oom_swap"), Status::Inconclusive);
  world.oom_kill(0, 9 * kMiB);
  EXPECT_NE(world.status("memory.oom_swap"), Status::Violated) << world.explain("memory.oom_swap");
}

TEST(MemoryOomSwap, DemandBelowMemoryMaxShowsNothing) {
  EXPECT_EQ(pressed_world(7 * kMiB).status("memory.oom_swap"), Status::Inconclusive);
}

TEST(MemoryOomSwap, OthersMayTakeTheSwapThatIsShared) {
  World world = world_with_swap();
  const NodeId pressed = world.add(kRoot, "pressed");
  const NodeId other = world.add(kRoot, "other");
  world.limit(kRoot, Knob::MemorySwapMax, Amount{2 * kMiB});
  world.memory_max(pressed, 8 * kMiB);
  world.hold(pressed, 9 * kMiB);
  world.hold(other, 4 * kMiB);
  world.run_for_ms(100);
  world.oom_kill(0, 8 * kMiB);
  EXPECT_NE(world.status("memory.oom_swap"), Status::Violated) << world.explain("memory.oom_swap");
}

TEST(MemoryOomSwap, AGroupBelowMayForbidSwap) {
  World world = world_with_swap();
  const NodeId child = world.add(kRoot, "child");
  world.memory_max(kRoot, 8 * kMiB);
  world.limit(child, Knob::MemorySwapMax, Amount{0});
  world.hold(child, 9 * kMiB);
  world.run_for_ms(100);
  world.oom_kill(0, 8 * kMiB);
  EXPECT_NE(world.status("memory.oom_swap"), Status::Violated) << world.explain("memory.oom_swap");
}

TEST(MemoryOomSwap, IsOfV2WithSwapOnly) {
  World world = pressed_world(11 * kMiB);
  world.seen.machine.swap_bytes = 0;
  EXPECT_EQ(world.status("memory.oom_swap"), Status::NotApplicable);
}

}  // namespace
}  // namespace treeline

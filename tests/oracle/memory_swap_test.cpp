#include <gtest/gtest.h>

#include "world.h"

namespace treeline {
namespace {

using world_test::kMiB;
using world_test::kMs;
using world_test::World;

World swapping_world(int64_t peak_bytes, int64_t wanted_bytes = 32 * kMiB) {
  World world;
  world.become_v2();
  world.seen.machine.swap_bytes = 64 * kMiB;
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

}  // namespace
}  // namespace treeline

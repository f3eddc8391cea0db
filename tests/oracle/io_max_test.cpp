#include <gtest/gtest.h>

#include "world.h"

namespace treeline::world_test {
namespace {

constexpr const char* kIoMax = "io.max";
constexpr int64_t kBlock = 64 << 10;

IoHog direct_reader() { return {true, IoDirection::Read, kBlock, kMiB}; }

/// One reader of 64 KiB blocks, each of which may take 0.1 ms, below `rates`, for 997 ms: T is 1 s.
World reader(const IoRates& rates, int64_t blocks, int64_t fastest_op_ns = 100'000) {
  World world;
  world.limit(kRoot, Knob::IoMax, rates);
  world.work(kRoot, direct_reader());
  world.run_for_ms(997);
  world.moved(0, blocks, fastest_op_ns);
  return world;
}

IoRates read_bytes(int64_t rate) { return {rate, {}, {}, {}}; }
IoRates read_ops(int64_t rate) { return {{}, {}, rate, {}}; }

TEST(IoMax, ReaderAtItsRateHolds) {
  const World world = reader(read_bytes(16 * kBlock), 16);
  EXPECT_EQ(world.status(kIoMax), Status::Held) << world.explain(kIoMax);
}

TEST(IoMax, TwoSlicesAndOneBlockInFlightAreAllThatMayComeOnTop) {
  // 100 blocks/s · (1 s + 2 · 0.1 s) + 1 = 121
  EXPECT_EQ(reader(read_bytes(100 * kBlock), 121).status(kIoMax), Status::Held);
  EXPECT_EQ(reader(read_bytes(100 * kBlock), 122).status(kIoMax), Status::Violated);
}

TEST(IoMax, OperationsAreBoundLikeBytes) {
  EXPECT_EQ(reader(read_ops(100), 121).status(kIoMax), Status::Held);
  EXPECT_EQ(reader(read_ops(100), 122).status(kIoMax), Status::Violated);
}

TEST(IoMax, UnlimitedReaderIsAViolation) {
  EXPECT_EQ(reader(read_bytes(16 * kBlock), 9'000).status(kIoMax), Status::Violated);
}

TEST(IoMax, WitnessCatchesACounterThatSaysLess) {
  World world = reader(read_bytes(16 * kBlock), 9'000);
  world.after(kRoot)[Counter::IoReadBytes] = 16 * kBlock;
  EXPECT_EQ(world.status(kIoMax), Status::Violated) << world.explain(kIoMax);
}

TEST(IoMax, CounterCatchesAWitnessThatSaysLess) {
  World world = reader(read_bytes(16 * kBlock), 16);
  world.after(kRoot)[Counter::IoReadBytes] = 900 * kBlock;
  EXPECT_EQ(world.status(kIoMax), Status::Violated) << world.explain(kIoMax);
}

TEST(IoMax, CounterStartsAtBefore) {
  World world = reader(read_bytes(16 * kBlock), 16);
  world.before(kRoot)[Counter::IoReadBytes] += 900 * kBlock;
  world.after(kRoot)[Counter::IoReadBytes] += 900 * kBlock;
  EXPECT_EQ(world.status(kIoMax), Status::Held) << world.explain(kIoMax);
}

TEST(IoMax, SlowDiskShowsNothing) {
  const World world = reader(read_bytes(16 * kBlock), 10, 50 * kMs);
  EXPECT_EQ(world.status(kIoMax), Status::Inconclusive) << world.explain(kIoMax);
}

TEST(IoMax, ReaderThatMovedNothingShowsNothing) {
  EXPECT_EQ(reader(read_bytes(16 * kBlock), 0, 0).status(kIoMax), Status::Inconclusive);
}

/// Two readers, each in a child of a limited root.
World readers_below() {
  World world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.limit(kRoot, Knob::IoMax, read_bytes(100 * kBlock));
  world.work(a, direct_reader());
  world.work(b, direct_reader());
  world.run_for_ms(997);
  return world;
}

TEST(IoMax, AncestorBindsTheSumOfItsSubtree) {
  World world = readers_below();
  world.seen.machine.controllers[Controller::Io] = CgroupVersion::V2;
  for (const size_t worker : {0, 1}) world.moved(worker, 61, 100'000);
  EXPECT_EQ(world.status(kIoMax), Status::Held) << world.explain(kIoMax);
  for (const size_t worker : {0, 1}) world.moved(worker, 62, 100'000);
  EXPECT_EQ(world.status(kIoMax), Status::Violated) << world.explain(kIoMax);
}

TEST(IoMax, AncestorBindsOnlyItsOwnTasksOnV1) {
  World world = readers_below();
  for (const size_t worker : {0, 1}) world.moved(worker, 620, 100'000);
  EXPECT_NE(world.status(kIoMax), Status::Violated) << world.explain(kIoMax);
}

TEST(IoMax, OtherDirectionIsNotBound) {
  World world;
  world.limit(kRoot, Knob::IoMax, read_bytes(16 * kBlock));
  world.work(kRoot, IoHog{true, IoDirection::Write, kBlock, kMiB});
  world.run_for_ms(997);
  world.moved(0, 9'000, 100'000);
  EXPECT_EQ(world.status(kIoMax), Status::NotApplicable) << world.explain(kIoMax);
}

TEST(IoMax, WritesHaveTheirOwnRates) {
  World world;
  world.limit(kRoot, Knob::IoMax, IoRates{{}, 100 * kBlock, {}, 400});
  world.work(kRoot, IoHog{true, IoDirection::Write, kBlock, kMiB});
  world.run_for_ms(997);
  world.moved(0, 121, 100'000);
  EXPECT_EQ(world.status(kIoMax), Status::Held) << world.explain(kIoMax);
  world.moved(0, 122, 100'000);
  EXPECT_EQ(world.status(kIoMax), Status::Violated) << world.explain(kIoMax);
}

TEST(IoMax, BufferedWritesAreNotAttributed) {
  World world;
  world.limit(kRoot, Knob::IoMax, IoRates{{}, kBlock, {}, {}});
  world.work(kRoot, IoHog{false, IoDirection::Write, kBlock, kMiB});
  world.run_for_ms(997);
  world.moved(0, 9'000, 100'000);
  EXPECT_EQ(world.status(kIoMax), Status::NotApplicable) << world.explain(kIoMax);
}

TEST(IoMax, MissingCounterLeavesTheWitness) {
  World world = reader(read_bytes(100 * kBlock), 122);
  world.forget(kRoot, Counter::IoReadBytes);
  EXPECT_EQ(world.status(kIoMax), Status::Violated) << world.explain(kIoMax);
}

TEST(IoMax, NothingIsSaidWithoutALimitOrReaders) {
  World unlimited;
  unlimited.work(kRoot, direct_reader());
  unlimited.run_for_ms(997);
  EXPECT_EQ(unlimited.status(kIoMax), Status::NotApplicable);
  World idle;
  idle.limit(kRoot, Knob::IoMax, read_bytes(kBlock));
  idle.work(kRoot, Idle{});
  idle.run_for_ms(997);
  EXPECT_EQ(idle.status(kIoMax), Status::NotApplicable);
}

}  // namespace
}  // namespace treeline::world_test

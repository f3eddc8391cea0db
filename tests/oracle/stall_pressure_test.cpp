#include <gtest/gtest.h>

#include "world.h"

namespace treeline::world_test {
namespace {

constexpr const char* kMemory = "memory.pressure";
constexpr const char* kIo = "io.pressure";

World world_of(std::vector<int> cpus) {
  World world;
  world.become_v2();
  world.seen.machine.cpus = std::move(cpus);
  return world;
}

/// What a group's pressure says at the end, all of it as some, and full, of the window.
void pressed_ms(World& world, NodeId node, double some_ms, double full_ms) {
  const std::pair<Counter, double> grown[] = {{Counter::MemorySomePressureNs, some_ms},
                                              {Counter::MemoryFullPressureNs, full_ms},
                                              {Counter::IoSomePressureNs, some_ms},
                                              {Counter::IoFullPressureNs, full_ms}};
  for (const auto& [counter, ms] : grown) {
    world.before(node)[counter] = 0;
    world.after(node)[counter] = static_cast<int64_t>(ms * kMs);
  }
}

void ran_ms(World& world, size_t worker, int64_t cpu_ms, int64_t delay_ms) {
  WorkerObservation& seen = world.seen.workers[worker];
  seen.cpu_clock_ns = cpu_ms * kMs;
  seen.run_delay_ns = delay_ms * kMs;
  seen.voluntary_switches = 4;
}

/// A worker that is awake for 100 of 1,000 ms, in a group with an empty child.
World sleeper(const Workload& workload, double some_ms, std::vector<int> cpus = {0}) {
  World world = world_of(std::move(cpus));
  world.add(kRoot, "empty");
  world.work(kRoot, workload);
  world.run_for_ms(1'000);
  world.seen.workers[0].settled_ns = -1;
  world.seen.workers[0].end = WorkerEnd::Stopped;
  ran_ms(world, 0, 60, 40);
  pressed_ms(world, kRoot, some_ms, some_ms);
  pressed_ms(world, 1, 0, 0);
  return world;
}

/// The worst of those findings that are not about what is too little to tell; Inconclusive if there is none.
Status conclusive(const World& world, std::string_view invariant, NodeId node) {
  Status worst = Status::Inconclusive;
  for (const Finding& finding : world.findings(invariant)) {
    if (finding.node != node || finding.status == Status::Inconclusive) continue;
    if (worst != Status::Violated) worst = finding.status;
  }
  return worst;
}

Workload reader() {
  IoHog hog;
  hog.direction = IoDirection::Read;
  hog.direct = true;
  return hog;
}

Workload writer() {
  IoHog hog;
  hog.direction = IoDirection::Write;
  hog.direct = true;
  return hog;
}

TEST(MemoryPressure, OfWhatATaskSleptInTheDelaysOfMemoryHighHolds) {
  const World world = sleeper(MemoryHog{}, 900);
  EXPECT_EQ(conclusive(world, kMemory, kRoot), Status::Held) << world.explain(kMemory);
}

TEST(MemoryPressure, NoneOrHalfWhereATaskSleptIsAViolation) {
  EXPECT_EQ(sleeper(MemoryHog{}, 0).status(kMemory, kRoot), Status::Violated);
  EXPECT_EQ(sleeper(MemoryHog{}, 450).status(kMemory, kRoot), Status::Violated);
}

TEST(MemoryPressure, OfATaskThatMaySwapOrReadsAFileNothingIsKnown) {
  World swaps = sleeper(MemoryHog{}, 0);
  swaps.seen.machine.swap_bytes = kMiB;
  EXPECT_NE(swaps.status(kMemory, kRoot), Status::Violated);
  MemoryHog file;
  file.kind = MemoryKind::File;
  EXPECT_NE(sleeper(file, 0).status(kMemory, kRoot), Status::Violated);
  EXPECT_NE(sleeper(CpuHog{}, 0).status(kMemory, kRoot), Status::Violated);
}

TEST(MemoryPressure, OfATaskThatWasFrozenNothingIsKnown) {
  World world = sleeper(MemoryHog{}, 0);
  world.scenario.actions.push_back({100'000, Action::Kind::Freeze, kRoot});
  world.seen.actions.emplace_back();
  EXPECT_NE(world.status(kMemory, kRoot), Status::Violated);
}

TEST(MemoryPressure, OfATaskThatStillWaitedForItsTurnNothingIsKnown) {
  World world = sleeper(MemoryHog{}, 0);
  world.seen.workers[0].wants_cpu = true;
  EXPECT_NE(world.status(kMemory, kRoot), Status::Violated);
}

TEST(MemoryPressure, IsAveragedOverSeveralCpus) {
  EXPECT_NE(sleeper(MemoryHog{}, 450, {0, 1}).status(kMemory, kRoot), Status::Violated);
}

TEST(MemoryPressure, OfAnEmptyGroupIsNone) {
  World world = sleeper(MemoryHog{}, 900, {0, 1});
  EXPECT_EQ(conclusive(world, kMemory, 1), Status::Held) << world.explain(kMemory);
  pressed_ms(world, 1, 900, 900);
  EXPECT_EQ(world.status(kMemory, 1), Status::Violated);
}

TEST(MemoryPressure, OfAnIdleTaskIsAtMostWhatItWasAwake) {
  EXPECT_EQ(conclusive(sleeper(Idle{}, 99), kMemory, kRoot), Status::Held);
  EXPECT_EQ(sleeper(Idle{}, 110).status(kMemory, kRoot), Status::Violated);
}

TEST(MemoryPressure, FullIsAtMostSome) {
  World world = sleeper(MemoryHog{}, 900);
  pressed_ms(world, kRoot, 900, 901);
  EXPECT_EQ(world.status(kMemory, kRoot), Status::Violated);
}

TEST(MemoryPressure, OfAChildIsAtMostItsParents) {
  World world = world_of({0});
  const NodeId child = world.add(kRoot, "a");
  world.hold(child, kMiB);
  world.run_for_ms(1'000);
  pressed_ms(world, child, 500, 500);
  pressed_ms(world, kRoot, 500, 500);
  EXPECT_EQ(conclusive(world, kMemory, kRoot), Status::Held) << world.explain(kMemory);
  pressed_ms(world, kRoot, 0, 0);
  EXPECT_EQ(world.status(kMemory, kRoot), Status::Violated);
}

TEST(IoPressure, OfWhatADirectReadWaitedHolds) {
  const World world = sleeper(reader(), 900);
  EXPECT_EQ(conclusive(world, kIo, kRoot), Status::Held) << world.explain(kIo);
}

TEST(IoPressure, NoneOrHalfOfWhatADirectReadWaitedIsAViolation) {
  EXPECT_EQ(sleeper(reader(), 0).status(kIo, kRoot), Status::Violated);
  EXPECT_EQ(sleeper(reader(), 450).status(kIo, kRoot), Status::Violated);
}

TEST(IoPressure, OfAWriteOrUnderALimitOfMemoryNothingIsKnown) {
  EXPECT_NE(sleeper(writer(), 0).status(kIo, kRoot), Status::Violated);
  World limited = sleeper(reader(), 0);
  limited.scenario.tree[kRoot].limits[Knob::MemoryHigh] = Amount{kMiB};
  EXPECT_NE(limited.status(kIo, kRoot), Status::Violated);
}

TEST(IoPressure, OfATaskThatAsksForNoIoIsAtMostAWaitForALockEachSwitch) {
  EXPECT_EQ(conclusive(sleeper(CpuHog{}, 0), kIo, kRoot), Status::Held);
  EXPECT_EQ(sleeper(CpuHog{}, 900).status(kIo, kRoot), Status::Violated);
  World many = sleeper(CpuHog{}, 900);
  many.seen.workers[0].voluntary_switches = 1'000;
  EXPECT_NE(many.status(kIo, kRoot), Status::Violated);
}

TEST(Pressure, WithoutPsiIsNotJudged) {
  World world = sleeper(MemoryHog{}, 900);
  for (const Counter counter : {Counter::MemorySomePressureNs, Counter::IoSomePressureNs}) {
    for (NodeId node = 0; node < world.scenario.tree.size(); ++node) world.forget(node, counter);
  }
  EXPECT_TRUE(world.findings(kMemory).empty());
  EXPECT_TRUE(world.findings(kIo).empty());
}

}  // namespace
}  // namespace treeline::world_test

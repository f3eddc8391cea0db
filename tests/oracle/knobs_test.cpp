#include <gtest/gtest.h>

#include "world.h"

namespace treeline::world_test {
namespace {

constexpr const char* kReadback = "knob.readback";
constexpr const char* kRefusal = "knob.refusal";

World with_all_limits() {
  World world;
  const NodeId a = world.add(kRoot, "a");
  world.limit(a, Knob::CpuMax, CpuBandwidth{50'000, 100'000});
  world.limit(a, Knob::CpuWeight, Amount{50});
  world.memory_max(a, 16 * kMiB + 1);
  world.limit(a, Knob::MemorySwapMax, Amount{kMiB});
  world.pids_max(a, 7);
  world.limit(a, Knob::CpusetCpus, IdSet{{0, 1}});
  world.limit(a, Knob::IoMax, IoRates{kMiB, {}, {}, 100});
  world.run_for_ms(10);
  return world;
}

TEST(KnobReadback, EveryFileOfEveryLimitIsJudged) {
  const World world = with_all_limits();
  EXPECT_EQ(world.status(kReadback), Status::Held) << world.explain(kReadback);
  EXPECT_EQ(world.findings(kReadback).size(), 9u);  // cpu.max and two rates are two files each
}

TEST(KnobReadback, ALimitBelowWhatIsChargedMayBeRefusedOnV1) {
  World world;
  world.memory_max(kRoot, 4096);
  world.run_for_ms(10);
  world.seen.nodes[0].readbacks[0].write_errno = EBUSY;
  world.seen.nodes[0].readbacks[0].read = "9223372036854771712";
  world.seen.nodes[0].before[Counter::MemoryCurrent] = 3 * 4096;
  EXPECT_EQ(world.status(kReadback), Status::Held) << world.explain(kReadback);
  EXPECT_TRUE(world.findings("memory.max").empty()) << "there is no limit";
  world.seen.nodes[0].before[Counter::MemoryCurrent] = 4096;
  EXPECT_EQ(world.status(kReadback), Status::Violated) << world.explain(kReadback);
}

TEST(KnobReadback, ExpectsWhatTheKernelGivesBack) {
  World world;
  world.limit(kRoot, Knob::CpuWeight, Amount{50});
  world.memory_max(kRoot, 16 * kMiB + 1);
  world.run_for_ms(10);
  world.seen.nodes[0].readbacks[0].read = "512";
  world.seen.nodes[0].readbacks[1].read = "16777216";
  EXPECT_EQ(world.status(kReadback), Status::Held) << world.explain(kReadback);
}

TEST(KnobReadback, AnyOtherTextIsAViolation) {
  const size_t files = with_all_limits().seen.nodes[1].readbacks.size();
  for (size_t i = 0; i < files; ++i) {
    World world = with_all_limits();
    world.seen.nodes[1].readbacks[i].read += "0";
    EXPECT_EQ(world.status(kReadback, 1), Status::Violated) << world.seen.nodes[1].readbacks[i].file;
    world.seen.nodes[1].readbacks[i].read.clear();
    EXPECT_EQ(world.status(kReadback, 1), Status::Violated) << world.seen.nodes[1].readbacks[i].file;
  }
}

/// It names no CPUs.
TEST(KnobReadback, APartitionThatCannotBeOneMustSaySo) {
  World world;
  world.become_v2();
  world.limit(kRoot, Knob::CpusetPartition, Amount{2});
  world.run_for_ms(10);
  std::string& read = world.seen.nodes[0].readbacks.at(0).read;
  for (const char* right : {"isolated invalid", "isolated invalid (cpuset.cpus is empty)"}) {
    read = right;
    EXPECT_EQ(world.status(kReadback), Status::Held) << world.explain(kReadback);
  }
  for (const char* wrong :
       {"isolated", "member", "root invalid", "isolated invalidated", "isolated invalid ("}) {
    read = wrong;
    EXPECT_EQ(world.status(kReadback), Status::Violated) << wrong;
  }
}

TEST(KnobReadback, RefusedLimitIsAViolation) {
  World world = with_all_limits();
  world.seen.nodes[1].readbacks[0].write_errno = EINVAL;
  EXPECT_EQ(world.status(kReadback), Status::Violated) << world.explain(kReadback);
}

TEST(KnobReadback, FindingNamesTheKnobsController) {
  World world;
  world.pids_max(kRoot, 7);
  world.run_for_ms(10);
  ASSERT_EQ(world.findings(kReadback).size(), 1u);
  EXPECT_EQ(world.findings(kReadback)[0].controller, Controller::Pids);
}

TEST(KnobReadback, MissingReadbackIsNoPass) {
  World world = with_all_limits();
  world.seen.nodes[1].readbacks.clear();
  EXPECT_GE(world.status(kReadback), Status::Inconclusive);
}

TEST(KnobReadback, NothingIsSaidWithoutLimits) {
  World world;
  world.run_for_ms(10);
  EXPECT_EQ(world.status(kReadback), Status::NotApplicable);
}

World probed(Knob knob, KnobValue value, int answered) {
  World world;
  world.probe(kRoot, knob, std::move(value), answered);
  world.run_for_ms(10);
  return world;
}

TEST(KnobRefusal, LegalWriteThatIsTakenHolds) {
  EXPECT_EQ(probed(Knob::PidsMax, Amount{7}, 0).status(kRefusal), Status::Held);
}

TEST(KnobRefusal, IllegalWriteThatIsRefusedHolds) {
  EXPECT_EQ(probed(Knob::PidsMax, Amount{-7}, EINVAL).status(kRefusal), Status::Held);
}

TEST(KnobRefusal, EveryOtherAnswerIsAViolation) {
  EXPECT_EQ(probed(Knob::PidsMax, Amount{7}, EINVAL).status(kRefusal), Status::Violated);
  EXPECT_EQ(probed(Knob::PidsMax, Amount{-7}, 0).status(kRefusal), Status::Violated);
  EXPECT_EQ(probed(Knob::PidsMax, Amount{-7}, EBUSY).status(kRefusal), Status::Violated);
}

TEST(KnobRefusal, RefusedWriteThatChangesTheKnobIsAViolation) {
  World world = probed(Knob::PidsMax, Amount{-7}, EINVAL);
  world.seen.probes[0].read_after = "0";
  EXPECT_EQ(world.status(kRefusal), Status::Violated) << world.explain(kRefusal);
}

TEST(KnobRefusal, KnobOfTwoFilesMayBeTakenInPart) {
  World world = probed(Knob::CpuMax, CpuBandwidth{1, 50'000}, EINVAL);
  world.seen.probes[0].read_before = "100000 -1";
  world.seen.probes[0].read_after = "50000 -1";
  EXPECT_EQ(world.status(kRefusal), Status::Held) << world.explain(kRefusal);
}

TEST(KnobRefusal, TreesRulesDecide) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  world.limit(kRoot, Knob::CpuMax, CpuBandwidth{50'000, 100'000});
  world.probe(a, Knob::CpuMax, CpuBandwidth{60'000, 100'000}, EINVAL);
  world.run_for_ms(10);
  EXPECT_EQ(world.status(kRefusal, a), Status::Held) << world.explain(kRefusal);
}

TEST(KnobRefusal, NothingIsSaidWithoutProbes) {
  World world;
  world.run_for_ms(10);
  EXPECT_EQ(world.status(kRefusal), Status::NotApplicable);
}

}  // namespace
}  // namespace treeline::world_test

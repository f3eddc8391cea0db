#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "model/knob.h"

namespace treeline {
namespace {

std::vector<std::string> v1_files(Knob knob) {
  const auto files = knob_info(knob).v1_files;
  return {files.begin(), files.end()};
}

TEST(KnobTable, IsInEnumOrderAndComplete) {
  ASSERT_EQ(knob_table().size(), static_cast<size_t>(Knob::Freeze) + 1);
  for (size_t i = 0; i < knob_table().size(); ++i) {
    EXPECT_EQ(static_cast<size_t>(knob_table()[i].knob), i);
    EXPECT_EQ(knob_info(knob_table()[i].knob).name, knob_table()[i].name);
  }
}

TEST(KnobTable, FindsEachKnobByItsV2Name) {
  std::set<std::string_view> names;
  for (const KnobInfo& info : knob_table()) {
    EXPECT_EQ(knob_from_name(info.name), info.knob);
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_FALSE(info.summary.empty()) << info.name;
    EXPECT_LE(info.min, info.max) << info.name;
  }
  EXPECT_EQ(knob_from_name("cpu.shares"), std::nullopt);
  EXPECT_EQ(knob_from_name(""), std::nullopt);
  EXPECT_EQ(knob_from_name("CPU.MAX"), std::nullopt);
}

TEST(KnobTable, KnowsTheKernelsV1Files) {
  using testing::ElementsAre;
  EXPECT_THAT(v1_files(Knob::CpuMax), ElementsAre("cpu.cfs_period_us", "cpu.cfs_quota_us"));
  EXPECT_THAT(v1_files(Knob::CpuMaxBurst), ElementsAre("cpu.cfs_burst_us"));
  EXPECT_THAT(v1_files(Knob::CpuWeight), ElementsAre("cpu.shares"));
  EXPECT_THAT(v1_files(Knob::CpuIdle), ElementsAre("cpu.idle"));
  EXPECT_THAT(v1_files(Knob::MemoryMax), ElementsAre("memory.limit_in_bytes"));
  EXPECT_THAT(v1_files(Knob::MemorySwapMax), ElementsAre("memory.memsw.limit_in_bytes"));
  EXPECT_THAT(v1_files(Knob::PidsMax), ElementsAre("pids.max"));
  EXPECT_THAT(v1_files(Knob::CpusetCpus), ElementsAre("cpuset.cpus"));
  EXPECT_THAT(v1_files(Knob::CpusetMems), ElementsAre("cpuset.mems"));
  EXPECT_THAT(v1_files(Knob::IoMax),
              ElementsAre("blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device",
                          "blkio.throttle.read_iops_device", "blkio.throttle.write_iops_device"));
  EXPECT_THAT(v1_files(Knob::IoWeight), ElementsAre("blkio.bfq.weight"));
  EXPECT_THAT(v1_files(Knob::Freeze), ElementsAre("freezer.state"));
}

TEST(KnobTable, KnobsWithoutAV1CounterpartHaveNoV1File) {
  for (const Knob knob :
       {Knob::CpuWeightNice, Knob::MemoryHigh, Knob::MemoryLow, Knob::MemoryMin, Knob::MemoryOomGroup,
        Knob::CpusetPartition, Knob::CgroupMaxDepth, Knob::CgroupMaxDescendants, Knob::HugetlbMax}) {
    EXPECT_TRUE(v1_files(knob).empty()) << knob_info(knob).name;
  }
}

TEST(KnobTable, OrderIsALegalOrderToWriteIn) {
  EXPECT_LT(Knob::CpuMax, Knob::CpuMaxBurst) << "a burst above the quota is refused";
  EXPECT_LT(Knob::CpuWeight, Knob::CpuIdle) << "an idle group refuses weights";
  EXPECT_LT(Knob::MemoryMax, Knob::MemorySwapMax) << "memsw below the limit is refused";
  for (const KnobInfo& info : knob_table()) EXPECT_LE(info.knob, Knob::Freeze) << "freezing comes last";
}

TEST(Controllers, NamesGoBothWays) {
  for (int i = 0; i <= static_cast<int>(Controller::Core); ++i) {
    const auto controller = static_cast<Controller>(i);
    EXPECT_EQ(controller_from_name(controller_name(controller)), controller);
  }
  EXPECT_EQ(controller_from_name("blkio"), std::nullopt);
}

/// Each knob's extremes: legal, and one beyond: not.
struct Range {
  Knob knob;
  int64_t least;
  int64_t greatest;
};

class AmountRange : public testing::TestWithParam<Range> {};

TEST_P(AmountRange, TakesItsExtremesAndNothingBeyond) {
  const auto [knob, least, greatest] = GetParam();
  EXPECT_EQ(why_illegal(knob, Amount{least}), std::nullopt);
  EXPECT_EQ(why_illegal(knob, Amount{greatest}), std::nullopt);
  EXPECT_NE(why_illegal(knob, Amount{least - 1}), std::nullopt);
  EXPECT_NE(why_illegal(knob, Amount{greatest + 1}), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Kernel, AmountRange,
                         testing::Values(Range{Knob::CpuWeight, 1, 10'000},    // CGROUP_WEIGHT_MIN, _MAX
                                         Range{Knob::CpuWeightNice, -20, 19},  // MIN_NICE, MAX_NICE
                                         Range{Knob::CpuIdle, 0, 1}, Range{Knob::MemoryOomGroup, 0, 1},
                                         Range{Knob::PidsMax, 0, 4'194'304},  // PID_MAX_LIMIT
                                         Range{Knob::IoWeight, 1, 1'000},  // BFQ_MIN_WEIGHT, BFQ_MAX_WEIGHT
                                         Range{Knob::CpusetPartition, 0, 2}, Range{Knob::Freeze, 0, 1}),
                         [](const auto& test) {
                           std::string name(knob_info(test.param.knob).name);
                           for (char& c : name) c = c == '.' ? '_' : c;
                           return name;
                         });

TEST(WhyIllegal, OnlyLimitsMayBeUnlimited) {
  const std::set<Knob> unlimited{
      Knob::MemoryMax, Knob::MemorySwapMax,  Knob::MemoryHigh,           Knob::MemoryLow, Knob::MemoryMin,
      Knob::PidsMax,   Knob::CgroupMaxDepth, Knob::CgroupMaxDescendants, Knob::HugetlbMax};
  for (const KnobInfo& info : knob_table()) {
    if (info.type != KnobType::Amount && info.type != KnobType::Flag && info.type != KnobType::Partition)
      continue;
    EXPECT_EQ(why_illegal(info.knob, Amount{}) == std::nullopt, unlimited.contains(info.knob)) << info.name;
  }
}

TEST(WhyIllegal, BandwidthHasTheKernelsRanges) {  // kernel/sched/core.c: min_cfs_quota_period and max_…
  const auto legal = [](std::optional<int64_t> quota_us, int64_t period_us) {
    return !why_illegal(Knob::CpuMax, CpuBandwidth{quota_us, period_us});
  };
  EXPECT_TRUE(legal(1'000, 1'000));
  EXPECT_TRUE(legal(std::nullopt, 1'000'000));
  EXPECT_TRUE(legal(5'000'000, 100'000)) << "more than one CPU";
  EXPECT_FALSE(legal(999, 1'000));
  EXPECT_FALSE(legal(0, 1'000));
  EXPECT_FALSE(legal(-1, 1'000));
  EXPECT_FALSE(legal(1'000, 999));
  EXPECT_FALSE(legal(1'000, 1'000'001));
  EXPECT_FALSE(legal(std::nullopt, 0));
}

TEST(WhyIllegal, IdSetsAreSortedUniqueAndNotEmpty) {
  const auto legal = [](std::vector<int> ids) {
    return !why_illegal(Knob::CpusetCpus, IdSet{std::move(ids)});
  };
  EXPECT_TRUE(legal({0}));
  EXPECT_TRUE(legal({1, 3, 8191}));
  EXPECT_FALSE(legal({}));
  EXPECT_FALSE(legal({1, 0}));
  EXPECT_FALSE(legal({1, 1}));
  EXPECT_FALSE(legal({-1, 0}));
  EXPECT_FALSE(legal({8192}));
}

TEST(WhyIllegal, OperationsPerSecondAre32BitsWide) {
  const auto legal = [](IoRates rates) { return !why_illegal(Knob::IoMax, rates); };
  EXPECT_TRUE(legal({}));
  EXPECT_TRUE(legal({1, 1, 1, 1}));
  EXPECT_TRUE(legal({int64_t{1} << 40, int64_t{1} << 40, UINT32_MAX - int64_t{1}, UINT32_MAX - int64_t{1}}));
  EXPECT_FALSE(legal({{}, {}, UINT32_MAX, {}})) << "reads as no limit";
  EXPECT_FALSE(legal({{}, {}, {}, UINT32_MAX}));
  EXPECT_FALSE(legal({0, {}, {}, {}})) << "clears the limit";
  EXPECT_FALSE(legal({{}, 0, {}, {}}));
  EXPECT_FALSE(legal({{}, {}, 0, {}}));
  EXPECT_FALSE(legal({{}, {}, {}, -1}));
}

TEST(WhyIllegal, AValueOfAnotherTypeIsIllegal) {
  const std::vector<KnobValue> values{Amount{1}, CpuBandwidth{1'000, 1'000}, IdSet{{0}}, IoRates{}};
  for (const KnobInfo& info : knob_table()) {
    int legal = 0;
    for (const KnobValue& value : values) legal += why_illegal(info.knob, value) ? 0 : 1;
    EXPECT_EQ(legal, 1) << info.name;
  }
}

}  // namespace
}  // namespace treeline

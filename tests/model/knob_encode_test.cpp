#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/knob.h"
#include "rich_values.h"

namespace treeline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const KnobContext kV1{CgroupVersion::V1, 4096, "253:0"};
const KnobContext kV2{CgroupVersion::V2, 4096, "253:0"};

/// "file=value→expected" of each write, without the arrow where the text reads back as written.
std::vector<std::string> texts(const std::vector<KnobWrite>& writes) {
  std::vector<std::string> result;
  for (const KnobWrite& write : writes) {
    EXPECT_EQ(write.controller, knob_info(write.knob).controller);
    result.push_back(write.file + "=" + write.value +
                     (write.expected == write.value ? "" : "→" + write.expected));
  }
  return result;
}

std::vector<std::string> on(const KnobContext& context, Knob knob, const KnobValue& value,
                            const Limits& others = {}) {
  Limits limits = others;
  limits[knob] = value;
  return texts(encode(knob, value, limits, context));
}

TEST(EncodeV1, WritesThePeriodBeforeTheQuota) {
  EXPECT_THAT(on(kV1, Knob::CpuMax, CpuBandwidth{10'000, 50'000}),
              ElementsAre("cpu.cfs_period_us=50000", "cpu.cfs_quota_us=10000"));
  EXPECT_THAT(on(kV1, Knob::CpuMax, CpuBandwidth{std::nullopt, 50'000}),
              ElementsAre("cpu.cfs_period_us=50000", "cpu.cfs_quota_us=-1"));
}

TEST(EncodeV1, WritesBurstInMicroseconds) {
  EXPECT_THAT(on(kV1, Knob::CpuMaxBurst, Amount{5'000}), ElementsAre("cpu.cfs_burst_us=5000"));
}

TEST(EncodeV1, WritesWeightsAsShares) {
  EXPECT_THAT(on(kV1, Knob::CpuWeight, Amount{100}), ElementsAre("cpu.shares=1024"));
  EXPECT_THAT(on(kV1, Knob::CpuWeight, Amount{1}), ElementsAre("cpu.shares=10"));
}

TEST(EncodeV1, AnIdleGroupReadsTheIdleWeight) {  // sched_group_set_idle: WEIGHT_IDLEPRIO
  const Limits limits{{Knob::CpuWeight, Amount{200}}, {Knob::CpuIdle, Amount{1}}};
  EXPECT_THAT(texts(encode_all(limits, kV1)), ElementsAre("cpu.shares=2048→3", "cpu.idle=1"));
  const Limits not_idle{{Knob::CpuWeight, Amount{200}}, {Knob::CpuIdle, Amount{0}}};
  EXPECT_THAT(texts(encode_all(not_idle, kV1)), ElementsAre("cpu.shares=2048", "cpu.idle=0"));
}

TEST(EncodeV1, MemoryIsRoundedDownToPages) {
  EXPECT_THAT(on(kV1, Knob::MemoryMax, Amount{1'000'000}),
              ElementsAre("memory.limit_in_bytes=1000000→999424"));  // as this kernel answered
  EXPECT_THAT(on(kV1, Knob::MemoryMax, Amount{8192}), ElementsAre("memory.limit_in_bytes=8192"));
  EXPECT_THAT(on(kV1, Knob::MemoryMax, Amount{4095}), ElementsAre("memory.limit_in_bytes=4095→0"));
}

TEST(EncodeV1, UnlimitedMemoryReadsAsTheLargestNumberOfPages) {  // PAGE_COUNTER_MAX
  EXPECT_THAT(on(kV1, Knob::MemoryMax, Amount{}),
              ElementsAre("memory.limit_in_bytes=-1→9223372036854771712"));
}

TEST(EncodeV1, UnlimitedMemoryDependsOnThePageSize) {
  KnobContext large_pages = kV1;
  large_pages.page_size = 65'536;
  EXPECT_THAT(on(large_pages, Knob::MemoryMax, Amount{}),
              ElementsAre("memory.limit_in_bytes=-1→9223372036854710272"));
}

TEST(EncodeV1, SwapIsTheSumWithMemory) {
  const Limits memory{{Knob::MemoryMax, Amount{1 << 20}}};
  EXPECT_THAT(on(kV1, Knob::MemorySwapMax, Amount{1 << 20}, memory),
              ElementsAre("memory.memsw.limit_in_bytes=2097152"));
  EXPECT_THAT(on(kV1, Knob::MemorySwapMax, Amount{0}, memory),
              ElementsAre("memory.memsw.limit_in_bytes=1048576"));
  EXPECT_THAT(on(kV1, Knob::MemorySwapMax, Amount{}, memory),
              ElementsAre("memory.memsw.limit_in_bytes=-1→9223372036854771712"));
}

TEST(EncodeV1, SwapNeedsAMemoryLimit) {
  EXPECT_THAT(on(kV1, Knob::MemorySwapMax, Amount{1 << 20}), IsEmpty());
}

TEST(EncodeV1, TheSumWithSwapNeverOverflows) {
  const Limits limits{{Knob::MemoryMax, Amount{knob_info(Knob::MemoryMax).max}},
                      {Knob::MemorySwapMax, Amount{knob_info(Knob::MemorySwapMax).max}}};
  for (const auto& [knob, value] : limits) ASSERT_EQ(why_illegal(knob, value), std::nullopt);
  for (const KnobWrite& write : encode_all(limits, kV1)) EXPECT_NE(write.value[0], '-') << write.value;
}

TEST(EncodeV1, PidsTakeAWordForNoLimit) {
  EXPECT_THAT(on(kV1, Knob::PidsMax, Amount{0}), ElementsAre("pids.max=0"));
  EXPECT_THAT(on(kV1, Knob::PidsMax, Amount{}), ElementsAre("pids.max=max"));
}

TEST(EncodeV1, CpusetsAreLists) {
  EXPECT_THAT(on(kV1, Knob::CpusetCpus, IdSet{{0, 1, 2, 5}}), ElementsAre("cpuset.cpus=0-2,5"));
  EXPECT_THAT(on(kV1, Knob::CpusetMems, IdSet{{0}}), ElementsAre("cpuset.mems=0"));
}

TEST(EncodeV1, EachRateIsAFileOfItsOwn) {
  EXPECT_THAT(
      on(kV1, Knob::IoMax, IoRates{1, 2, 3, 4}),
      ElementsAre("blkio.throttle.read_bps_device=253:0 1", "blkio.throttle.write_bps_device=253:0 2",
                  "blkio.throttle.read_iops_device=253:0 3", "blkio.throttle.write_iops_device=253:0 4"));
  EXPECT_THAT(on(kV1, Knob::IoMax, IoRates{{}, {}, 7, {}}),
              ElementsAre("blkio.throttle.read_iops_device=253:0 7"));
  EXPECT_THAT(on(kV1, Knob::IoMax, IoRates{0, {}, {}, {}}),
              ElementsAre("blkio.throttle.read_bps_device=253:0 0→"))
      << "0 clears the line";
}

TEST(EncodeV1, RatesNeedADevice) {
  const KnobContext diskless{CgroupVersion::V1, 4096, ""};
  EXPECT_THAT(on(diskless, Knob::IoMax, IoRates{1, 2, 3, 4}), IsEmpty());
}

TEST(EncodeV1, BfqWeightIsABareNumber) {
  EXPECT_THAT(on(kV1, Knob::IoWeight, Amount{300}), ElementsAre("blkio.bfq.weight=300"));
}

TEST(EncodeV1, FreezerTakesWords) {
  EXPECT_THAT(on(kV1, Knob::Freeze, Amount{1}), ElementsAre("freezer.state=FROZEN"));
  EXPECT_THAT(on(kV1, Knob::Freeze, Amount{0}), ElementsAre("freezer.state=THAWED"));
}

TEST(EncodeV1, KnobsThatOnlyV2HasAreNotWritten) {
  for (const Knob knob : {Knob::CpuWeightNice, Knob::MemoryHigh, Knob::MemoryLow, Knob::MemoryMin,
                          Knob::MemoryOomGroup, Knob::CpusetPartition}) {
    EXPECT_THAT(on(kV1, knob, Amount{1}), IsEmpty()) << knob_info(knob).name;
  }
}

TEST(EncodeV2, SpeaksTheKernelsV2Texts) {
  EXPECT_THAT(on(kV2, Knob::CpuMax, CpuBandwidth{10'000, 50'000}), ElementsAre("cpu.max=10000 50000"));
  EXPECT_THAT(on(kV2, Knob::CpuMax, CpuBandwidth{std::nullopt, 50'000}), ElementsAre("cpu.max=max 50000"));
  EXPECT_THAT(on(kV2, Knob::CpuMaxBurst, Amount{5}), ElementsAre("cpu.max.burst=5"));
  EXPECT_THAT(on(kV2, Knob::CpuWeight, Amount{250}), ElementsAre("cpu.weight=250"));
  EXPECT_THAT(on(kV2, Knob::CpuWeightNice, Amount{-5}), ElementsAre("cpu.weight.nice=-5"));
  EXPECT_THAT(on(kV2, Knob::MemoryMax, Amount{1'000'000}), ElementsAre("memory.max=1000000→999424"));
  EXPECT_THAT(on(kV2, Knob::MemoryMax, Amount{}), ElementsAre("memory.max=max"));
  EXPECT_THAT(on(kV2, Knob::MemorySwapMax, Amount{8192}), ElementsAre("memory.swap.max=8192"));
  EXPECT_THAT(on(kV2, Knob::MemoryOomGroup, Amount{1}), ElementsAre("memory.oom.group=1"));
  EXPECT_THAT(on(kV2, Knob::PidsMax, Amount{}), ElementsAre("pids.max=max"));
  EXPECT_THAT(on(kV2, Knob::CpusetCpus, IdSet{{1, 2}}), ElementsAre("cpuset.cpus=1-2"));
  EXPECT_THAT(on(kV2, Knob::CpusetPartition, Amount{2}), ElementsAre("cpuset.cpus.partition=isolated"));
  EXPECT_THAT(on(kV2, Knob::IoMax, IoRates{1, {}, {}, 4}),
              ElementsAre("io.max=253:0 rbps=1 wbps=max riops=max wiops=4"));
  EXPECT_THAT(on(kV2, Knob::IoMax, IoRates{}),
              ElementsAre("io.max=253:0 rbps=max wbps=max riops=max wiops=max→"));
  EXPECT_THAT(on(kV2, Knob::IoWeight, Amount{300}), ElementsAre("io.weight=300→default 300"));
  EXPECT_THAT(on(kV2, Knob::Freeze, Amount{1}), ElementsAre("cgroup.freeze=1"));
}

TEST(EncodeAll, WritesANodesKnobsInTheTablesOrder) {
  const Limits limits = model_test::rich_scenario().tree[1].limits;
  std::vector<std::string> files;
  for (const KnobWrite& write : encode_all(limits, kV1)) files.push_back(write.file);
  EXPECT_THAT(files, ElementsAre("cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.cfs_burst_us", "cpu.shares",
                                 "cpu.idle", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes",
                                 "pids.max", "cpuset.cpus", "cpuset.mems", "blkio.throttle.read_bps_device",
                                 "blkio.throttle.write_bps_device", "blkio.throttle.read_iops_device",
                                 "blkio.throttle.write_iops_device", "blkio.bfq.weight", "freezer.state"));
  EXPECT_EQ(encode_all(limits, kV2).size(), knob_table().size()) << "one file each on v2";
}

TEST(Encode, ProbesMayCarryAnyNumber) {
  for (const KnobInfo& info : knob_table()) {
    for (const int64_t number : {INT64_MIN, int64_t{-1}, INT64_MAX}) {
      const KnobValue value = info.type == KnobType::Bandwidth ? KnobValue(CpuBandwidth{number, number})
                              : info.type == KnobType::IoRates
                                  ? KnobValue(IoRates{number, number, number, number})
                              : info.type == KnobType::IdSet ? KnobValue(IdSet{})
                                                             : KnobValue(Amount{number});
      const Limits limits{{Knob::MemoryMax, Amount{1 << 20}}};
      EXPECT_FALSE(encode(info.knob, value, limits, kV2).empty()) << info.name;
      EXPECT_EQ(encode(info.knob, value, limits, kV1).empty(), info.v1_files.empty()) << info.name;
    }
  }
}

KnobWrite write_of(Knob knob, const KnobValue& value, const KnobContext& context) {
  return encode(knob, value, {{knob, value}}, context).at(0);
}

TEST(NormalizeReadback, DropsTheFinalNewline) {
  const KnobWrite write = write_of(Knob::PidsMax, Amount{}, kV1);
  EXPECT_EQ(normalize_readback(write, "max\n", kV1), write.expected);
  EXPECT_EQ(normalize_readback(write, "max", kV1), write.expected);
  EXPECT_EQ(normalize_readback(write, "", kV1), "");
  EXPECT_NE(normalize_readback(write, "17\n", kV1), write.expected);
}

TEST(NormalizeReadback, KeepsOnlyTheDevicesLine) {
  const KnobWrite write = write_of(Knob::IoMax, IoRates{4096, {}, {}, {}}, kV1);
  EXPECT_EQ(normalize_readback(write, "8:0 77\n253:0 4096\n", kV1), "253:0 4096");
  EXPECT_EQ(normalize_readback(write, "253:0 4096", kV1), write.expected);
  EXPECT_EQ(normalize_readback(write, "253:01 9\n1253:0 9\n", kV1), "") << "other devices";
  EXPECT_EQ(normalize_readback(write, "", kV1), "");
}

TEST(NormalizeReadback, AcceptsTheWholeV2Line) {
  const KnobWrite write = write_of(Knob::IoMax, IoRates{{}, 5, {}, {}}, kV2);
  EXPECT_EQ(normalize_readback(write,
                               "8:0 rbps=1 wbps=max riops=max wiops=max\n"
                               "253:0 rbps=max wbps=5 riops=max wiops=max\n",
                               kV2),
            write.expected);
}

/// kernel/sched/sched.h: DIV_ROUND_CLOSEST_ULL(weight * 1024, 100), computed another way.
TEST(SharesFromWeight, RoundsAsTheKernel) {
  EXPECT_EQ(shares_from_weight(1), 10);     // 10.24
  EXPECT_EQ(shares_from_weight(2), 20);     // 20.48
  EXPECT_EQ(shares_from_weight(3), 31);     // 30.72
  EXPECT_EQ(shares_from_weight(99), 1014);  // 1013.76
  EXPECT_EQ(shares_from_weight(100), 1024);
  EXPECT_EQ(shares_from_weight(10'000), 102'400);
  for (int64_t weight = 1; weight <= 10'000; ++weight) {
    const int64_t exact_hundredths = weight * 1024;
    EXPECT_LE(std::abs(shares_from_weight(weight) * 100 - exact_hundredths), 50) << weight;
  }
}

TEST(Describe, SpeaksToPeople) {
  EXPECT_EQ(describe(Knob::CpuMax, CpuBandwidth{10'000, 100'000}), "10 ms/100 ms");
  EXPECT_EQ(describe(Knob::CpuMax, CpuBandwidth{std::nullopt, 1'500}), "max/1500 us");
  EXPECT_EQ(describe(Knob::CpuMaxBurst, Amount{2'000}), "2 ms");
  EXPECT_EQ(describe(Knob::CpuWeight, Amount{250}), "250");
  EXPECT_EQ(describe(Knob::MemoryMax, Amount{64 << 20}), "64 MiB");
  EXPECT_EQ(describe(Knob::MemoryMax, Amount{4097}), "4097 B");
  EXPECT_EQ(describe(Knob::MemoryMax, Amount{}), "max");
  EXPECT_EQ(describe(Knob::MemoryOomGroup, Amount{1}), "1");
  EXPECT_EQ(describe(Knob::PidsMax, Amount{4096}), "4096");
  EXPECT_EQ(describe(Knob::CpusetCpus, IdSet{{0, 1, 4}}), "0-1,4");
  EXPECT_EQ(describe(Knob::IoMax, IoRates{1 << 20, {}, {}, 30}), "read 1 MiB/s 30 writes/s");
  EXPECT_EQ(describe(Knob::IoMax, IoRates{}), "max");
}

}  // namespace
}  // namespace treeline

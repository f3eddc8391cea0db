#include "model/counter.h"

#include <gtest/gtest.h>

#include <set>

namespace treeline {
namespace {

std::optional<int64_t> v1(Counter counter, std::string_view text) {
  return parse_counter(counter_info(counter), CgroupVersion::V1, text);
}
std::optional<int64_t> v2(Counter counter, std::string_view text) {
  return parse_counter(counter_info(counter), CgroupVersion::V2, text);
}

TEST(CounterTable, IsInEnumOrderAndComplete) {
  ASSERT_EQ(counter_table().size(), static_cast<size_t>(Counter::MemoryKswapdScans) + 1);
  std::set<std::string_view> names;
  for (size_t i = 0; i < counter_table().size(); ++i) {
    const CounterInfo& info = counter_table()[i];
    EXPECT_EQ(static_cast<size_t>(info.counter), i);
    EXPECT_EQ(counter_from_name(info.name), info.counter);
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_FALSE(info.v1.file.empty() && info.v2.file.empty()) << info.name;
  }
  EXPECT_EQ(counter_from_name("cpu.stat"), std::nullopt);
}

TEST(CounterTable, KnowsTheKernelsV1Files) {
  EXPECT_EQ(counter_info(Counter::CpuUsageNs).v1.file, "cpuacct.usage");
  EXPECT_EQ(counter_info(Counter::CpuUsageNs).controller_v1, Controller::Cpuacct);
  EXPECT_EQ(counter_info(Counter::CpuUsageNs).controller_v2, Controller::Cpu);
  EXPECT_EQ(counter_info(Counter::MemoryCurrent).v1.file, "memory.usage_in_bytes");
  EXPECT_EQ(counter_info(Counter::MemoryPeak).v1.file, "memory.max_usage_in_bytes");
  EXPECT_EQ(counter_info(Counter::MemoryMaxEvents).v1.file, "memory.failcnt");
  EXPECT_EQ(counter_info(Counter::MemoryKernel).v1.file, "memory.kmem.usage_in_bytes");
  EXPECT_EQ(counter_info(Counter::PidsPeak).v1.file, "pids.peak");
  EXPECT_EQ(counter_info(Counter::IoReadBytes).v1.file, "blkio.throttle.io_service_bytes_recursive");
  EXPECT_EQ(counter_info(Counter::IoWriteOps).v1.file, "blkio.throttle.io_serviced_recursive");
}

TEST(CounterTable, EventsThatNameAVictimCountLocally) {
  EXPECT_FALSE(counter_info(Counter::MemoryOomKills).subtree);
  EXPECT_FALSE(counter_info(Counter::PidsMaxEvents).subtree);
  EXPECT_EQ(counter_info(Counter::MemoryOomKills).v2.file, "memory.events.local");
  EXPECT_EQ(counter_info(Counter::PidsMaxEvents).v2.file, "pids.events.local");
  EXPECT_TRUE(counter_info(Counter::CpuUsageNs).subtree);
  EXPECT_TRUE(counter_info(Counter::MemoryCurrent).subtree);
}

// Texts as kernels 6.12 and 6.18 print them.
TEST(ParseCounter, ReadsFilesOfOneNumber) {
  EXPECT_EQ(v1(Counter::CpuUsageNs, "2674117623734\n"), 2674117623734);
  EXPECT_EQ(v1(Counter::MemoryCurrent, "0\n"), 0);
  EXPECT_EQ(v1(Counter::PidsCurrent, "12\n"), 12);
  EXPECT_EQ(v2(Counter::MemoryPeak, "9223372036854771712"), 9223372036854771712);
}

constexpr std::string_view kCpuStatV1 =
    "nr_periods 21\nnr_throttled 20\nthrottled_time 1800000123\nnr_bursts 3\nburst_time 4500\n";

TEST(ParseCounter, ReadsCpuStatOfV1InNanoseconds) {
  EXPECT_EQ(v1(Counter::CpuPeriods, kCpuStatV1), 21);
  EXPECT_EQ(v1(Counter::CpuThrottled, kCpuStatV1), 20);
  EXPECT_EQ(v1(Counter::CpuThrottledNs, kCpuStatV1), 1'800'000'123);
  EXPECT_EQ(v1(Counter::CpuBursts, kCpuStatV1), 3);
  EXPECT_EQ(v1(Counter::CpuBurstNs, kCpuStatV1), 4'500);
}

constexpr std::string_view kCpuStatV2 =
    "usage_usec 5000\nuser_usec 4000\nsystem_usec 1000\nnice_usec 0\ncore_sched.force_idle_usec 0\n"
    "nr_periods 2\nnr_throttled 1\nthrottled_usec 77\nnr_bursts 0\nburst_usec 6\n";

TEST(ParseCounter, ScalesCpuStatOfV2ToNanoseconds) {
  EXPECT_EQ(v2(Counter::CpuUsageNs, kCpuStatV2), 5'000'000);
  EXPECT_EQ(v2(Counter::CpuPeriods, kCpuStatV2), 2);
  EXPECT_EQ(v2(Counter::CpuThrottledNs, kCpuStatV2), 77'000);
  EXPECT_EQ(v2(Counter::CpuBurstNs, kCpuStatV2), 6'000);
}

TEST(ParseCounter, TakesTheHierarchicalLinesOfMemoryStatV1) {
  constexpr std::string_view kText =
      "cache 1\nrss 2\nshmem 3\nmapped_file 4\nhierarchical_memory_limit 9223372036854771712\n"
      "total_cache 135168\ntotal_rss 4096\ntotal_rss_huge 5\ntotal_shmem 8192\n";
  EXPECT_EQ(v1(Counter::MemoryFile, kText), 135'168);
  EXPECT_EQ(v1(Counter::MemoryAnon, kText), 4'096);
  EXPECT_EQ(v1(Counter::MemoryShmem, kText), 8'192);
}

TEST(ParseCounter, MatchesWholeWordsOnly) {
  constexpr std::string_view kText =
      "anon_thp 7\nfile_mapped 8\nkernel_stack 9\nanon 1\nfile 2\nkernel 3\nshmem 4\n";
  EXPECT_EQ(v2(Counter::MemoryAnon, kText), 1);
  EXPECT_EQ(v2(Counter::MemoryFile, kText), 2);
  EXPECT_EQ(v2(Counter::MemoryKernel, kText), 3);
  EXPECT_EQ(v2(Counter::MemoryShmem, kText), 4);
}

TEST(ParseCounter, ReadsEvents) {
  EXPECT_EQ(v1(Counter::MemoryOomKills, "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"), 2);
  EXPECT_EQ(v1(Counter::PidsMaxEvents, "max 5\n"), 5);
  constexpr std::string_view kEvents = "low 0\nhigh 0\nmax 31\noom 3\noom_kill 2\noom_group_kill 1\n";
  EXPECT_EQ(v2(Counter::MemoryMaxEvents, kEvents), 31);
  EXPECT_EQ(v2(Counter::MemoryOomKills, kEvents), 2);
}

TEST(ParseCounter, SumsOverDevicesOnV1) {
  constexpr std::string_view kText =
      "8:0 Read 4096\n8:0 Write 100\n8:0 Sync 9\n8:0 Async 9\n8:0 Discard 9\n8:0 Total 4196\n"
      "253:0 Read 8192\n253:0 Write 200\n253:0 Total 8392\nTotal 12588\n";
  EXPECT_EQ(v1(Counter::IoReadBytes, kText), 12'288);
  EXPECT_EQ(v1(Counter::IoWriteBytes, kText), 300);
  EXPECT_EQ(v1(Counter::IoReadOps, "253:0 Read 3\n253:0 Write 4\nTotal 7\n"), 3);
  EXPECT_EQ(v1(Counter::IoWriteOps, "253:0 Read 3\n253:0 Write 4\nTotal 7\n"), 4);
}

TEST(ParseCounter, SumsOverDevicesOnV2) {
  constexpr std::string_view kText =
      "8:0 rbytes=4096 wbytes=100 rios=1 wios=2 dbytes=7 dios=8\n"
      "253:0 rbytes=8192 wbytes=200 rios=3 wios=4 dbytes=7 dios=8\n";
  EXPECT_EQ(v2(Counter::IoReadBytes, kText), 12'288);
  EXPECT_EQ(v2(Counter::IoWriteBytes, kText), 300);
  EXPECT_EQ(v2(Counter::IoReadOps, kText), 4);
  EXPECT_EQ(v2(Counter::IoWriteOps, kText), 6);
}

TEST(ParseCounter, ADeviceThatWasNotUsedCountsNothing) {
  EXPECT_EQ(v1(Counter::IoReadBytes, "Total 0\n"), 0);
  EXPECT_EQ(v2(Counter::IoReadBytes, ""), 0);
  EXPECT_EQ(v2(Counter::IoReadBytes, "253:0\n"), 0) << "a line without numbers";
}

TEST(ParseCounter, ReadsPressureTotals) {
  const char* text =
      "some avg10=1.50 avg60=0.00 avg300=0.00 total=1234\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=56\n";
  EXPECT_EQ(v2(Counter::MemorySomePressureNs, text), 1'234'000);
  EXPECT_EQ(v2(Counter::MemoryFullPressureNs, text), 56'000);
  EXPECT_EQ(v2(Counter::IoFullPressureNs, "some avg10=0.00 total=1\n"), std::nullopt);
  EXPECT_EQ(v2(Counter::CpuSomePressureNs, ""), std::nullopt);
}

TEST(ParseCounter, ReadsTheV2Core) {
  EXPECT_EQ(v2(Counter::Populated, "populated 1\nfrozen 0\n"), 1);
  EXPECT_EQ(v2(Counter::Descendants, "nr_descendants 3\nnr_subsys_cpu 4\nnr_dying_descendants 0\n"), 3);
  EXPECT_EQ(v2(Counter::MemoryHighEvents, "low 0\nhigh 7\nmax 0\noom 0\noom_kill 0\noom_group_kill 2\n"), 7);
  EXPECT_EQ(v2(Counter::MemoryOomGroupKills, "low 0\nhigh 7\nmax 0\noom 0\noom_kill 0\noom_group_kill 2\n"),
            2);
  EXPECT_EQ(v2(Counter::MemorySwapPeak, "8192\n"), 8192);
  EXPECT_EQ(v2(Counter::MemoryLowEvents, "low 5\nhigh 7\nmax 0\noom 0\noom_kill 0\n"), 5);
  EXPECT_EQ(v2(Counter::MemoryKswapdScans, "anon 4096\npgscan 9\npgscan_kswapd 2\npgscan_direct 7\n"), 2);
}

TEST(ParseCounter, ReadsTheFreezersState) {
  EXPECT_EQ(v1(Counter::FreezerState, "THAWED\n"), 0);
  EXPECT_EQ(v1(Counter::FreezerState, "FREEZING\n"), 1);
  EXPECT_EQ(v1(Counter::FreezerState, "FROZEN\n"), 2);
  EXPECT_EQ(v2(Counter::FreezerState, "populated 1\nfrozen 0\n"), 0);
  EXPECT_EQ(v2(Counter::FreezerState, "populated 1\nfrozen 1\n"), 2);
}

TEST(ParseCounter, TextWithoutTheCounterGivesNothing) {
  EXPECT_EQ(v1(Counter::CpuUsageNs, ""), std::nullopt);
  EXPECT_EQ(v1(Counter::CpuUsageNs, "\n"), std::nullopt);
  EXPECT_EQ(v1(Counter::CpuUsageNs, "max\n"), std::nullopt);
  EXPECT_EQ(v1(Counter::CpuUsageNs, "99999999999999999999\n"), std::nullopt);
  EXPECT_EQ(v1(Counter::CpuPeriods, ""), std::nullopt);
  EXPECT_EQ(v1(Counter::CpuPeriods, "nr_periods\n"), std::nullopt);
  EXPECT_EQ(v1(Counter::CpuPeriods, "nr_periods x\n"), std::nullopt);
  EXPECT_EQ(v1(Counter::CpuPeriods, "xnr_periods 1\n"), std::nullopt);
  EXPECT_EQ(v2(Counter::CpuUsageNs, kCpuStatV1), std::nullopt);
}

TEST(Counters, AnAbsentCounterIsAbsent) {
  const Counters counters{{Counter::PidsCurrent, 0}};
  EXPECT_EQ(get(counters, Counter::PidsCurrent), 0);
  EXPECT_EQ(get(counters, Counter::PidsPeak), std::nullopt);
}

}  // namespace
}  // namespace treeline

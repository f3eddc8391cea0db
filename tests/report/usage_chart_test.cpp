#include "report/usage_chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "oracle/cpu_bandwidth.h"
#include "oracle/demand.h"
#include "tests/oracle/world.h"
#include "tests/report/report_world.h"

namespace treeline::testing {
namespace {

using namespace world_test;
using ::testing::ElementsAre;

const UsageChart::Series* find(const UsageChart& chart, const std::string& label) {
  const auto found = std::find_if(chart.series.begin(), chart.series.end(),
                                  [&](const UsageChart::Series& series) { return series.label == label; });
  return found == chart.series.end() ? nullptr : &*found;
}

TEST(UsageChartTest, ShowsTheViolatedGroupItsChildrenAndItsBound) {
  const auto chart = usage_chart(memory_failure());
  ASSERT_TRUE(chart);
  EXPECT_EQ(chart->unit, "MiB");
  EXPECT_EQ(chart->series[0].label, "t");
  EXPECT_EQ(chart->series[1].label, "t/child");
  EXPECT_EQ(chart->at_ms.size(), 22u);
  // The tenth of twenty readings.
  EXPECT_DOUBLE_EQ(*chart->series[0].values[10], 5);
  EXPECT_DOUBLE_EQ(*chart->series[1].values[10], 4.5);
  const UsageChart::Series* bound = find(*chart, "bound, as judged");
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->kind, UsageChart::Kind::Bound);
  EXPECT_DOUBLE_EQ(*bound->values[3], 8.03125);
  EXPECT_DOUBLE_EQ(*find(*chart, "observed, as judged")->values[3], 10);
}

TEST(UsageChartTest, ALimitStepsWhenItIsChanged) {
  const auto chart = usage_chart(memory_failure());
  ASSERT_TRUE(chart);
  const UsageChart::Series* limit = find(*chart, "memory.max");
  ASSERT_TRUE(limit);
  for (size_t i = 0; i < chart->at_ms.size(); ++i) {
    if (chart->at_ms[i] > 50 && chart->at_ms[i] < 52) continue;
    EXPECT_DOUBLE_EQ(*limit->values[i], chart->at_ms[i] <= 50 ? 8 : 16) << chart->at_ms[i];
  }
}

TEST(UsageChartTest, ALimitGoesWithItsController) {
  World world;
  world.become_v2();
  const NodeId child = world.add(kRoot, "child");
  world.pids_max(child, 4);
  world.work(child, ForkStorm{9, 0});
  world.run_for_ms(100);
  Counterexample failure;
  failure.scenario = world.scenario;
  failure.scenario.actions.push_back({50'000, Action::Kind::DisableController, kRoot});
  failure.scenario.actions[0].controller = Controller::Pids;
  failure.observation = world.seen;
  failure.observation->actions = {{50 * kMs, 51 * kMs, 0, {}, {}}};
  failure.observation->nodes[1].series = {{20 * kMs, {{Counter::PidsCurrent, 9}}, kMs}, {80 * kMs, {}, kMs}};
  failure.signature = Signature{"pids.max", Controller::Pids, "v2"};
  failure.verdict =
      Verdict{{{"pids.max", Controller::Pids, child, Status::Violated, 4, 9, 2.25, "tasks", "said"}}};
  const auto chart = usage_chart(failure);
  ASSERT_TRUE(chart);
  const UsageChart::Series* limit = find(*chart, "pids.max");
  ASSERT_TRUE(limit);
  EXPECT_THAT(limit->values, ElementsAre(std::optional(4.0), std::optional(4.0), std::nullopt, std::nullopt));
}

TEST(UsageChartTest, ARateLetsPassFromWhenItWasSet) {
  World world;
  world.work(kRoot, IoHog{true, IoDirection::Read, 64 << 10, kMiB});
  world.run_for_ms(200);
  Counterexample failure;
  failure.scenario = world.scenario;
  const IoRates rates{10 * kMiB, {}, {}, {}};
  failure.scenario.actions = {{50'000, Action::Kind::SetLimit, kRoot, Knob::IoMax, rates}};
  failure.observation = world.seen;
  failure.observation->actions = {{50 * kMs, 51 * kMs, 0, {}, {}}};
  NodeObservation& node = failure.observation->nodes[kRoot];
  node.series = {{60 * kMs, {{Counter::IoReadBytes, 3 * kMiB}}, kMs},
                 {160 * kMs, {{Counter::IoReadBytes, 9 * kMiB}}, kMs}};
  failure.signature = Signature{"io.max", Controller::Io, "v1"};
  failure.verdict =
      Verdict{{{"io.max", Controller::Io, kRoot, Status::Violated, 3 * kMiB, 6 * kMiB, 2, "bytes", "said"}}};
  const auto chart = usage_chart(failure);
  ASSERT_TRUE(chart);
  EXPECT_EQ(chart->series[0].label, "t");
  const UsageChart::Series* bound = find(*chart, "io.max since it was set");
  ASSERT_TRUE(bound);
  EXPECT_FALSE(bound->values[0].has_value());
  EXPECT_DOUBLE_EQ(*bound->values[1], 3);
  EXPECT_DOUBLE_EQ(*bound->values[2], 4) << "a tenth of a second later";
}

TEST(UsageChartTest, ARefusedChangeLeavesTheLimitAndAnUntriedActionIsNoEvent) {
  Counterexample failure = memory_failure();
  failure.observation->actions[1].write_errno = 16;
  failure.observation->actions[0].started_ns = ActionObservation::kNotTried;
  const auto chart = usage_chart(failure);
  ASSERT_TRUE(chart);
  EXPECT_DOUBLE_EQ(*find(*chart, "memory.max")->values.back(), 8);
  ASSERT_EQ(chart->events.size(), 2u);
  EXPECT_EQ(chart->events[0].text, "set_limit t memory.max=16 MiB (refused: errno 16)");
}

TEST(UsageChartTest, TellsOfActionsAndOfKilledWorkersInOrderOfTime) {
  Counterexample failure = memory_failure();
  failure.observation->workers[0].ended_ns = 40 * kMs;
  const auto chart = usage_chart(failure);
  ASSERT_TRUE(chart);
  std::vector<std::string> texts;
  for (const UsageChart::Event& event : chart->events) texts.push_back(event.text);
  EXPECT_THAT(texts, ElementsAre("freeze t/child", "t/child: memory hog 9 MiB anonymous OOM-killed",
                                 "set_limit t memory.max=16 MiB"));
  EXPECT_DOUBLE_EQ(chart->events[0].at_ms, 30);
}

TEST(UsageChartTest, OfManyReadingsThePeakStays) {
  Counterexample failure = memory_failure(5'000);
  failure.observation->nodes[0].series[1'234].counters[Counter::MemoryCurrent] = 99 * kMiB;
  const auto chart = usage_chart(failure);
  ASSERT_TRUE(chart);
  EXPECT_LE(chart->at_ms.size(), kMaxReadings);
  EXPECT_GE(chart->at_ms.size(), kMaxReadings / 2);
  EXPECT_TRUE(std::is_sorted(chart->at_ms.begin(), chart->at_ms.end()));
  for (const UsageChart::Series& series : chart->series) EXPECT_EQ(series.values.size(), chart->at_ms.size());
  const auto& usage = chart->series[0].values;
  EXPECT_DOUBLE_EQ(**std::max_element(usage.begin(), usage.end()), 99);
}

/// 10 ms in 100 of CPU time, of which the group used 80.
Counterexample cpu_failure() {
  World world;
  const CpuBandwidth limit{10'000, 100'000};
  world.limit(kRoot, Knob::CpuMax, limit);
  world.work(kRoot, CpuHog{});
  world.run_for_ms(200);
  Counterexample failure;
  failure.scenario = world.scenario;
  failure.observation = world.seen;
  failure.observation->nodes[0].before[Counter::CpuUsageNs] = 5 * kMs;
  failure.observation->nodes[0].after[Counter::CpuUsageNs] = 85 * kMs;
  failure.signature = Signature{"cpu.bandwidth", Controller::Cpu, "v1"};
  failure.verdict =
      Verdict{{{"cpu.bandwidth", Controller::Cpu, kRoot, Status::Violated, 40, 80, 2, "ms", "said"}}};
  return failure;
}

TEST(UsageChartTest, CpuTimeIsDrawnFromZeroAgainstWhatTheOracleAllowsUpToThen) {
  const Counterexample failure = cpu_failure();
  const auto chart = usage_chart(failure);
  ASSERT_TRUE(chart);
  EXPECT_DOUBLE_EQ(*chart->series[0].values.front(), 0);
  EXPECT_DOUBLE_EQ(*chart->series[0].values.back(), 80);
  const UsageChart::Series* bound = find(*chart, "most that cpu.max allows");
  ASSERT_TRUE(bound);
  const Observation& seen = *failure.observation;
  const double expected = cpu_bandwidth_bound_ns(
      CpuBandwidth{10'000, 100'000}, 0, static_cast<double>(seen.final_at_ns - seen.first_attach_ns),
      {tick_or_gap_ns(seen, 0), tick_or_gap_ns(seen, 1)}, seen.machine.cfs_slice_us);
  EXPECT_DOUBLE_EQ(*bound->values.back(), expected / 1e6);
  EXPECT_LT(*bound->values.front(), *bound->values.back());
}

TEST(UsageChartTest, ThereIsNoneWithoutAViolationOrAnObservationOrACounter) {
  Counterexample failure = memory_failure();
  failure.observation.reset();
  EXPECT_FALSE(usage_chart(failure));
  failure = memory_failure();
  failure.verdict.reset();
  EXPECT_FALSE(usage_chart(failure));
  failure = memory_failure();
  failure.verdict->findings[0].controller = Controller::Core;
  EXPECT_FALSE(usage_chart(failure));
  failure = memory_failure();
  failure.observation->nodes.clear();  // the kernel died
  EXPECT_FALSE(usage_chart(failure));
}

}  // namespace
}  // namespace treeline::testing

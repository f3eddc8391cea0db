#include <gmock/gmock.h>

#include "tests/executor/executor_process.h"

namespace treeline::testing {
namespace {

using ::testing::IsEmpty;

class Windows : public ExecutorTest {};

TEST_F(Windows, StopHogsAtTheDeadline) {
  const auto seen = run(scenario_of({{3, CpuHog{}}, {2, Mixed{50, 1 << 20, 2}}}, 100'000));
  ASSERT_RAN(seen);
  EXPECT_GE(seen->window_ns, 100'000'000);
  EXPECT_GE(seen->final_at_ns, seen->window_ns);
  EXPECT_GT(seen->overhead_ns, 0);
  for (const WorkerObservation& worker : seen->workers) {
    EXPECT_EQ(worker.end, WorkerEnd::Stopped);
    EXPECT_EQ(worker.exit_status, 0);
    EXPECT_EQ(worker.settled_ns, -1);
    EXPECT_TRUE(worker.held_still);
  }
  EXPECT_EQ(seen->workers[1].forks_ok, 2);
}

TEST_F(Windows, StopAnIdleWorkerAtTheDeadline) {
  const auto seen = run(scenario_of({{3, Idle{}}}, 80'000));
  ASSERT_RAN(seen);
  EXPECT_GE(seen->window_ns, 80'000'000);
  EXPECT_EQ(seen->workers[0].end, WorkerEnd::Finished) << "an idle worker settles at once";
  EXPECT_EQ(seen->workers[0].exit_status, 0);
  EXPECT_TRUE(seen->workers[0].held_still);
}

TEST_F(Windows, EndWhenAllHaveSettled) {
  const auto seen = run(settling({{3, MemoryHog{}}, {2, Idle{}}, {3, ForkStorm{3}}}));
  ASSERT_RAN(seen);
  EXPECT_LT(seen->window_ns, 30'000'000'000);
  for (const WorkerObservation& worker : seen->workers) {
    EXPECT_EQ(worker.end, WorkerEnd::Finished);
    EXPECT_GE(worker.settled_ns, worker.started_ns);
  }
}

TEST_F(Windows, StandWithoutAnyWorker) {
  const auto seen = run(scenario_of({}));
  ASSERT_RAN(seen);
  EXPECT_THAT(seen->workers, IsEmpty());
  EXPECT_EQ(seen->nodes.size(), 4U);
}

TEST_F(Windows, AreSampled) {
  Scenario scenario = scenario_of({{3, CpuHog{1, 60, 10'000}}, {2, Idle{}}}, 300'000);
  scenario.window.sample_every_us = 5'000;
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  for (const NodeObservation& node : seen->nodes) {
    ASSERT_GE(node.series.size(), 2U);
    for (size_t i = 0; i < node.series.size(); ++i) {
      EXPECT_GE(node.series[i].at_ns, 0);
      EXPECT_LE(node.series[i].at_ns, seen->final_at_ns);
      EXPECT_GE(value(node.series[i].counters, Counter::CpuUsageNs), 0);
      if (i == 0) continue;
      EXPECT_GT(node.series[i].at_ns, node.series[i - 1].at_ns);
      EXPECT_GE(value(node.series[i].counters, Counter::CpuUsageNs),
                value(node.series[i - 1].counters, Counter::CpuUsageNs));
    }
    EXPECT_LE(value(node.series.back().counters, Counter::CpuUsageNs),
              value(node.after, Counter::CpuUsageNs));
  }
  const std::vector<WorkerSample>& series = seen->workers[0].series;
  ASSERT_GE(series.size(), 2U);
  for (size_t i = 1; i < series.size(); ++i) {
    EXPECT_GT(series[i].at_ns, series[i - 1].at_ns);
    EXPECT_GE(series[i].cpu_ns, series[i - 1].cpu_ns);
    EXPECT_GE(series[i].progress, series[i - 1].progress);
  }
  EXPECT_LE(series.back().progress, seen->workers[0].progress);
}

TEST_F(Windows, WatchTheOutsideWorld) {
  const auto seen = run(scenario_of({{3, CpuHog{}}}));
  ASSERT_RAN(seen);
  ASSERT_EQ(seen->noise.size(), machine_.cpus.size());
  for (size_t i = 0; i < seen->noise.size(); ++i) {
    EXPECT_EQ(seen->noise[i].cpu, machine_.cpus[i]);
    EXPECT_GE(seen->noise[i].max_gap_ns, 0);
    EXPECT_GE(seen->noise[i].steal_ns, 0);
    EXPECT_GE(seen->noise[i].busy_ns + seen->noise[i].idle_ns, 0);
  }
  EXPECT_GE(seen->running_tasks, 1);
  EXPECT_GE(seen->outside_shares, 0);
  EXPECT_EQ(seen->health.taint_before, seen->health.taint_after);
  EXPECT_EQ(seen->health.log_readable, ::access("/dev/kmsg", R_OK) == 0);
}

TEST_F(Windows, ReadLimitsBack) {
  if (!has(Knob::PidsMax) || !has(Knob::CpuWeight)) GTEST_SKIP() << "no pids.max or cpu.weight";
  Scenario scenario = scenario_of({{3, Idle{}}});
  scenario.tree[1].limits[Knob::PidsMax] = Amount{33};
  scenario.tree[1].limits[Knob::CpuWeight] = Amount{50};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  ASSERT_EQ(seen->nodes[1].readbacks.size(), 2U);
  for (const Readback& readback : seen->nodes[1].readbacks) {
    const KnobContext context = machine_.knob_context(knob_info(readback.knob).controller);
    const Limits& limits = scenario.tree[1].limits;
    EXPECT_EQ(readback.write_errno, 0) << readback.file;
    EXPECT_EQ(readback.read, encode(readback.knob, limits.at(readback.knob), limits, context)[0].expected);
  }
  EXPECT_THAT(seen->nodes[0].readbacks, IsEmpty());
}

TEST_F(Windows, TryProbesAndPutTheOldValueBack) {
  if (!has(Knob::PidsMax)) GTEST_SKIP() << "no pids.max";
  Scenario scenario = settling({{3, ForkStorm{12}}});
  scenario.tree[3].limits[Knob::PidsMax] = Amount{6};
  scenario.probes = {
      {3, Knob::PidsMax, Amount{2}}, {3, Knob::PidsMax, Amount{-7}}, {0, Knob::PidsMax, Amount{}}};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  ASSERT_EQ(seen->probes.size(), 3U);
  EXPECT_EQ(seen->probes[0], (ProbeObservation{0, "6", "2"}));
  EXPECT_EQ(seen->probes[1], (ProbeObservation{EINVAL, "6", "6"}));
  EXPECT_EQ(seen->probes[2], (ProbeObservation{0, "max", "max"}));
  EXPECT_EQ(seen->workers[0].forks_ok, 5) << "the limit of the scenario is in force again";
}

}  // namespace
}  // namespace treeline::testing

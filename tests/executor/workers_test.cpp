#include <gmock/gmock.h>

#include "model/units.h"
#include "tests/executor/executor_process.h"

namespace treeline::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

MemoryHog hog_of(int64_t bytes, bool hold = true) {
  MemoryHog hog;
  hog.bytes = bytes;
  hog.hold = hold;
  return hog;
}

class Workers : public ExecutorTest {
 protected:
  /// memory.max, and no swap to go to.
  void limit_memory(Node& node, int64_t bytes) const {
    node.limits[Knob::MemoryMax] = Amount{bytes};
    if (has(Knob::MemorySwapMax)) node.limits[Knob::MemorySwapMax] = Amount{0};
  }
};

TEST_F(Workers, AreAllAttachedBeforeTheStart) {
  const auto seen = run(scenario_of({{3, CpuHog{2, 30, 10'000}}, {3, Idle{}}, {2, Idle{}}, {3, Idle{}}}));
  ASSERT_RAN(seen);
  EXPECT_LT(seen->first_attach_ns, 0);
  for (const WorkerObservation& worker : seen->workers) {
    EXPECT_GE(worker.started_ns, 0);
    EXPECT_GE(worker.attached_cpu_ns, 0);
  }
  for (const NodeObservation& node : seen->nodes) EXPECT_EQ(value(node.before, Counter::PidsCurrent), 0);
  const std::vector<int64_t> tasks{5, 4, 1, 3};  // the hog has a second thread
  for (size_t i = 0; i < tasks.size(); ++i) {
    EXPECT_GE(value(seen->nodes[i].after, Counter::PidsPeak), tasks[i]) << i;
    EXPECT_EQ(value(seen->nodes[i].drained, Counter::PidsCurrent), 0) << i;
  }
}

/// All CPU time since the attachment is the group's: none was used elsewhere.
TEST_F(Workers, UseNoTimeOutsideTheirGroup) {
  const auto seen = run(scenario_of({{3, CpuHog{1, 50, 10'000}}, {2, CpuHog{2, 50, 10'000}}}));
  ASSERT_RAN(seen);
  const auto used = [&](size_t i) {
    const WorkerObservation& worker = seen->workers[i];
    EXPECT_TRUE(worker.held_still);
    return worker.cpu_clock_ns - worker.attached_cpu_ns;
  };
  // Blocking at the end takes a few microseconds more, between the two readings.
  constexpr int64_t kSlackNs = 2'000'000;
  EXPECT_GE(value(seen->nodes[3].after, Counter::CpuUsageNs), used(0) - kSlackNs);
  EXPECT_GE(value(seen->nodes[1].after, Counter::CpuUsageNs), used(0) - kSlackNs);
  EXPECT_GE(value(seen->nodes[2].after, Counter::CpuUsageNs), used(1) - kSlackNs);
  EXPECT_GE(value(seen->nodes[0].after, Counter::CpuUsageNs), used(0) + used(1) - kSlackNs);
}

TEST_F(Workers, AgreeWithTheirRusage) {
  const auto seen = run(scenario_of({{3, CpuHog{1, 100, 10'000}}, {2, CpuHog{2, 40, 10'000}}, {3, Idle{}}}));
  ASSERT_RAN(seen);
  const int64_t lifetime_ns = seen->final_at_ns - seen->first_attach_ns;
  const std::vector<int64_t> threads{1, 2, 1};
  for (size_t i = 0; i < threads.size(); ++i) {
    const WorkerObservation& worker = seen->workers[i];
    EXPECT_LE(worker.attached_cpu_ns, worker.cpu_clock_ns) << i;
    EXPECT_LE(worker.cpu_clock_ns - worker.attached_cpu_ns, threads[i] * lifetime_ns) << i;
    // The same clock, read when it was dead: no less, but for microseconds that rusage cuts off.
    EXPECT_GE(worker.user_ns + worker.system_ns, worker.cpu_clock_ns - 2'000) << i;
  }
  EXPECT_GT(seen->workers[0].cpu_clock_ns, seen->workers[2].cpu_clock_ns);
  EXPECT_GT(seen->workers[0].progress, 0);
  EXPECT_GT(seen->workers[1].progress, 0);
}

TEST_F(Workers, CountTheForksThatWereRefused) {
  if (!has(Knob::PidsMax)) GTEST_SKIP() << "no pids.max";
  Scenario scenario = settling({{3, ForkStorm{12}}});
  scenario.tree[1].limits[Knob::PidsMax] = Amount{5};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  const WorkerObservation& storm = seen->workers[0];
  EXPECT_EQ(storm.forks_ok, 4);
  EXPECT_EQ(storm.forks_refused, 8);
  EXPECT_EQ(storm.progress, 12);
  EXPECT_EQ(storm.end, WorkerEnd::Finished);
  EXPECT_EQ(storm.first_errno, 0) << "a refusal is no failure";
  EXPECT_EQ(value(seen->nodes[1].after, Counter::PidsCurrent), 5);
  EXPECT_EQ(value(seen->nodes[1].drained, Counter::PidsCurrent), 0);
}

TEST_F(Workers, ThatAreOomKilledAreToldApartFromFinishedOnes) {
  if (!has(Knob::MemoryMax)) GTEST_SKIP() << "no memory.max";
  Scenario scenario = settling({{3, hog_of(64 * kMiB)}, {2, hog_of(2 * kMiB)}, {2, hog_of(2 * kMiB, false)}});
  limit_memory(scenario.tree[1], 16 * kMiB);
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  EXPECT_EQ(seen->workers[0].end, WorkerEnd::OomKilled);
  EXPECT_TRUE(killed(seen->workers[0].exit_status));
  EXPECT_LT(seen->workers[0].bytes_touched, 16 * kMiB);
  EXPECT_EQ(seen->workers[0].settled_ns, -1);
  EXPECT_EQ(seen->workers[1].end, WorkerEnd::Finished);
  EXPECT_EQ(seen->workers[2].end, WorkerEnd::Finished);
  EXPECT_EQ(seen->workers[1].bytes_touched, 2 * kMiB);
  EXPECT_GE(value(seen->nodes[0].after, Counter::MemoryOomKills) +
                value(seen->nodes[1].after, Counter::MemoryOomKills) +
                value(seen->nodes[3].after, Counter::MemoryOomKills),
            1);
  if (seen->health.log_readable) {
    EXPECT_THAT(seen->health.log, ::testing::Contains(HasSubstr("Killed process ")));
  }
}

TEST_F(Workers, ThatFailReportTheOperation) {
  if (!has(Knob::PidsMax)) GTEST_SKIP() << "no pids.max";
  Scenario scenario = scenario_of({{3, CpuHog{8, 10, 10'000}}});
  scenario.tree[3].limits[Knob::PidsMax] = Amount{3};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  EXPECT_EQ(seen->workers[0].end, WorkerEnd::Failed);
  EXPECT_EQ(seen->workers[0].first_errno, EAGAIN);
  EXPECT_EQ(seen->workers[0].first_error, "create thread");
  EXPECT_EQ(seen->workers[0].forks_ok, 2);
  EXPECT_EQ(seen->workers[0].forks_refused, 5);
}

TEST_F(Workers, KilledFromOutsideAreNotTakenForOomKilled) {
  ExecutorProcess process(request(scenario_of({{3, Idle{}}, {2, Idle{}}}, 20'000'000)), scratch());
  // The executor has threads of its own once all workers are attached and about to start.
  ASSERT_TRUE(poll_until([&] {
    std::error_code ignored;
    const std::filesystem::directory_iterator tasks("/proc/" + std::to_string(process.pid()) + "/task",
                                                    ignored);
    return std::distance(begin(tasks), end(tasks)) > 1;
  }));
  for (const std::string node : {"t/a/c", "t/b"}) {
    for (const pid_t pid : members(group(process, Controller::Pids, node))) ::kill(pid, SIGKILL);
  }
  const auto seen = process.answer();
  ASSERT_RAN(seen);
  for (const WorkerObservation& worker : seen->workers) EXPECT_EQ(worker.end, WorkerEnd::Killed);
  EXPECT_LT(seen->window_ns, 20'000'000'000) << "with all workers gone there is nothing to wait for";
}

TEST_F(Workers, StayOnTheirCpus) {
  if (!has(Knob::CpusetCpus) || machine_.cpus.size() < 2) GTEST_SKIP() << "no cpuset, or one CPU";
  const int cpu = machine_.cpus.back();
  Scenario scenario = scenario_of({{3, CpuHog{2, 100, 10'000}}, {2, CpuHog{2, 100, 10'000}}});
  scenario.tree[1].limits[Knob::CpusetCpus] = IdSet{{cpu}};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  EXPECT_EQ(seen->workers[0].cpus_seen, IdSet{{cpu}});
  EXPECT_EQ(seen->workers[0].cpus_allowed, std::to_string(cpu));
  EXPECT_EQ(seen->workers[1].cpus_allowed, format_id_set(IdSet{machine_.cpus}));
}

TEST_F(Workers, TellWhereTheyRanBeforeAndAfterAChange) {
  if (!has(Knob::CpusetCpus) || machine_.cpus.size() < 2) GTEST_SKIP() << "no cpuset, or one CPU";
  const int first = machine_.cpus.front();
  const int last = machine_.cpus.back();
  Scenario scenario = scenario_of({{3, CpuHog{2, 100, 10'000}}}, 200'000);
  scenario.tree[3].limits[Knob::CpusetCpus] = IdSet{{first}};
  scenario.actions = {{100'000, Action::Kind::SetLimit, 3, Knob::CpusetCpus, IdSet{{last}}}};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  EXPECT_EQ(seen->actions[0].read, std::to_string(last));
  EXPECT_EQ(seen->workers[0].cpus_by_stretch, (std::vector{IdSet{{first}}, IdSet{{last}}}));
}

TEST_F(Workers, BearWitnessToTheMemoryTheyHold) {
  const auto seen = run(settling({{3, hog_of(16 * kMiB)}, {2, Idle{}}}));
  ASSERT_RAN(seen);
  const WorkerObservation& hog = seen->workers[0];
  EXPECT_EQ(hog.bytes_touched, 16 * kMiB);
  EXPECT_EQ(hog.progress, 16 * kMiB / 4096);
  constexpr int64_t kPerCpuSlack = kMiB;  // the kernel's resident counters are per CPU and approximate
  EXPECT_GE(hog.held_rss_bytes, 16 * kMiB - kPerCpuSlack);
  EXPECT_GE(hog.max_rss_bytes, 16 * kMiB - kPerCpuSlack);
  EXPECT_TRUE(hog.held_still);
  EXPECT_GE(value(seen->nodes[1].after, Counter::MemoryCurrent), 16 * kMiB);
  EXPECT_GE(seen->workers[1].held_rss_bytes, 0);
  EXPECT_LT(seen->workers[1].held_rss_bytes, 16 * kMiB);
}

TEST_F(Workers, BearWitnessFromProc) {
  const auto seen = run(scenario_of({{3, CpuHog{}}, {2, Idle{}}}));
  ASSERT_RAN(seen);
  for (const WorkerObservation& worker : seen->workers) {
    EXPECT_THAT(worker.cpus_allowed, Not(IsEmpty()));
    EXPECT_THAT(worker.cpus_seen.ids, Not(IsEmpty()));
    EXPECT_THAT(worker.series, Not(IsEmpty()));
    EXPECT_GT(worker.max_rss_bytes, 0);
    EXPECT_GE(worker.held_rss_bytes, 0);
    EXPECT_GT(worker.voluntary_switches, 0) << "it blocked until the start";
    EXPECT_GE(worker.ended_ns, seen->window_ns);
    if (exists("/proc/self/schedstat")) {
      EXPECT_GE(worker.run_delay_ns, 0);
    }
    for (const WorkerSample& sample : worker.series) EXPECT_GT(sample.rss_bytes, 0);
  }
}

}  // namespace
}  // namespace treeline::testing

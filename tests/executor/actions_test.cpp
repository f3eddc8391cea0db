#include <gmock/gmock.h>

#include "model/rules_threads.h"
#include "tests/executor/executor_process.h"

namespace treeline::testing {
namespace {

constexpr auto kFreeze = Action::Kind::Freeze;
constexpr auto kThaw = Action::Kind::Thaw;

class Actions : public ExecutorTest {
 protected:
  void SetUp() override {
    ExecutorTest::SetUp();
    if (!IsSkipped() && !has(Knob::Freeze)) GTEST_SKIP() << "no freezer";
  }
};

TEST_F(Actions, FreezeAndThawWithProgress) {
  Scenario scenario = scenario_of({{3, CpuHog{}}, {2, CpuHog{}}}, 800'000);
  scenario.actions = {{100'000, kFreeze, 3}, {300'000, kThaw, 3}};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  ASSERT_EQ(seen->actions.size(), 2U);
  const ActionObservation& freeze = seen->actions[0];
  const ActionObservation& thaw = seen->actions[1];
  for (const ActionObservation& action : seen->actions) {
    EXPECT_EQ(action.write_errno, 0);
    EXPECT_GE(action.completed_ns, action.started_ns);
    ASSERT_EQ(action.progress.size(), 2U);
  }
  EXPECT_GE(freeze.started_ns, 100'000'000);
  EXPECT_GE(thaw.started_ns, 300'000'000);
  EXPECT_EQ(freeze.progress[0], thaw.progress[0]) << "a frozen worker stands still";
  EXPECT_GE(thaw.progress[1], freeze.progress[1]);
  EXPECT_GT(seen->workers[0].progress, thaw.progress[0]) << "it went on";
  EXPECT_EQ(seen->workers[0].end, WorkerEnd::Stopped);
}

TEST_F(Actions, WhoMovesIntoAFrozenGroupStopsAndGoesOnOutside) {
  Scenario scenario = scenario_of({{3, CpuHog{}}}, 700'000);
  scenario.actions = {
      {50'000, kFreeze, 2}, {100'000, Action::Kind::Migrate, 2}, {400'000, Action::Kind::Migrate, 3}};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  ASSERT_EQ(seen->actions.size(), 3U);
  for (const ActionObservation& action : seen->actions) EXPECT_EQ(action.write_errno, 0);
  const auto progress = [&](size_t action) { return seen->actions[action].progress.at(0); };
  EXPECT_EQ(progress(1), progress(2)) << "it stood still";
  EXPECT_GT(seen->workers[0].progress, progress(2)) << "it went on";
}

class Groups : public ExecutorTest {};

TEST_F(Groups, ComeWithTheirWorkersAndGoWithAllThatIsInThem) {
  Scenario scenario = scenario_of({{3, CpuHog{}}, {2, ForkStorm{8, 0}}}, 300'000);
  if (has(Knob::PidsMax)) scenario.tree[3].limits[Knob::PidsMax] = Amount{17};
  scenario.actions = {{50'000, Action::Kind::Create, 1},
                      {150'000, Action::Kind::Remove, 2},
                      {200'000, Action::Kind::Remove, 1}};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  ASSERT_EQ(seen->actions.size(), 3U);
  for (const ActionObservation& action : seen->actions) EXPECT_EQ(action.write_errno, 0);
  EXPECT_GE(seen->workers[0].started_ns, seen->actions[0].started_ns);
  EXPECT_GT(seen->workers[0].progress, 0);
  EXPECT_EQ(seen->workers[0].end, WorkerEnd::Killed);
  EXPECT_EQ(seen->workers[1].end, WorkerEnd::Killed);
  const auto& last = seen->nodes[kRoot].after;
  if (const auto tasks = get(last, Counter::PidsCurrent)) {
    EXPECT_EQ(*tasks, 0);
  }
  EXPECT_TRUE(seen->nodes[3].after.empty()) << "it is gone";
  if (has(Knob::PidsMax)) {
    ASSERT_EQ(seen->nodes[3].readbacks.size(), 1U);
    EXPECT_EQ(seen->nodes[3].readbacks[0].read, "17");
  }
}

TEST_F(Actions, ShowInTheSeries) {
  Scenario scenario = scenario_of({{3, Idle{}}, {2, CpuHog{}}}, 400'000);
  scenario.window.sample_every_us = 5'000;
  scenario.actions = {{100'000, kFreeze, 3}, {300'000, kThaw, 3}};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  ASSERT_EQ(seen->actions.size(), 2U);
  ASSERT_GE(seen->actions[0].completed_ns, 0);
  for (const Sample& sample : seen->nodes[3].series) {
    const int64_t state = value(sample.counters, Counter::FreezerState);
    const bool between =
        sample.at_ns >= seen->actions[0].completed_ns && sample.at_ns < seen->actions[1].started_ns;
    if (between) {
      EXPECT_EQ(state, 2) << sample.at_ns;
    }
    if (sample.at_ns < seen->actions[0].started_ns) {
      EXPECT_EQ(state, 0) << sample.at_ns;
    }
  }
  for (const Sample& sample : seen->nodes[2].series)
    EXPECT_EQ(value(sample.counters, Counter::FreezerState), 0);
}

TEST_F(Actions, HappenWithNobodyThereToo) {
  Scenario scenario = scenario_of({}, 500'000);
  scenario.actions = {{20'000, kFreeze, 1}, {40'000, kThaw, 1}};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  ASSERT_EQ(seen->actions.size(), 2U);
  EXPECT_GE(seen->actions[0].completed_ns, 20'000'000);
  EXPECT_GE(seen->actions[1].completed_ns, 40'000'000);
}

TEST_F(Actions, FreezeAllBelow) {
  Scenario scenario = scenario_of({{3, CpuHog{2, 100, 10'000}}, {2, CpuHog{}}}, 600'000);
  scenario.actions = {{100'000, kFreeze, 1}, {250'000, kThaw, 1}};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  ASSERT_EQ(seen->actions.size(), 2U);
  ASSERT_GE(seen->actions[0].completed_ns, 0);
  ASSERT_EQ(seen->actions[0].progress.size(), 2U);
  EXPECT_EQ(seen->actions[0].progress[0], seen->actions[1].progress[0]);
}

TEST_F(Actions, NeverCompleteAThawBelowAFrozenAncestor) {
  Scenario scenario = scenario_of({{3, CpuHog{}}}, 500'000);
  scenario.actions = {{50'000, kFreeze, 3}, {100'000, kFreeze, 0}, {150'000, kThaw, 3}, {300'000, kThaw, 0}};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  ASSERT_EQ(seen->actions.size(), 4U);
  EXPECT_GE(seen->actions[1].completed_ns, 0);
  EXPECT_EQ(seen->actions[2].write_errno, 0);
  EXPECT_EQ(seen->actions[2].completed_ns, -1);
  EXPECT_GE(seen->actions[3].completed_ns, 0);
  EXPECT_EQ(seen->actions[0].progress[0], seen->actions[3].progress[0]);
}

TEST_F(Actions, MayLeaveAGroupFrozenAtTheEnd) {
  Scenario scenario = scenario_of({{3, CpuHog{}}, {3, ForkStorm{3}}, {2, Idle{}}}, 1'000'000);
  scenario.actions = {{100'000, kFreeze, 0}};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  ASSERT_EQ(seen->actions.size(), 1U);
  EXPECT_GE(seen->actions[0].completed_ns, 0);
  EXPECT_FALSE(seen->workers[0].held_still) << "it could not hear the stop order";
  EXPECT_EQ(seen->workers[0].progress, seen->actions[0].progress[0]);
  EXPECT_EQ(seen->workers[0].end, WorkerEnd::Stopped);
  for (const NodeObservation& node : seen->nodes) EXPECT_EQ(value(node.drained, Counter::PidsCurrent), 0);
}

TEST_F(Actions, DoNotChangeWhatAnEmptyGroupTells) {
  Scenario scenario = scenario_of({{2, Idle{}}}, 200'000);
  scenario.actions = {{20'000, kFreeze, 3}, {100'000, kThaw, 3}};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  ASSERT_EQ(seen->actions.size(), 2U);
  for (const ActionObservation& action : seen->actions) EXPECT_GE(action.completed_ns, 0);
}

using Changes = ExecutorTest;

TEST_F(Changes, AreWrittenReadBackAndSampledOnEitherSide) {
  Scenario scenario = scenario_of({{3, ForkStorm{40, 5'000}}}, 250'000);
  scenario.actions = {{100'000, Action::Kind::SetLimit, 3, Knob::PidsMax, Amount{4}},
                      {200'000, Action::Kind::SetLimit, 3, Knob::PidsMax, Amount{}}};
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  ASSERT_EQ(seen->actions.size(), 2U);
  EXPECT_EQ(seen->actions[0].read, "4");
  EXPECT_EQ(seen->actions[1].read, "max");
  for (const ActionObservation& action : seen->actions) {
    EXPECT_EQ(action.write_errno, 0);
    EXPECT_GE(action.completed_ns, action.started_ns);
  }
  const std::vector<Sample>& series = seen->nodes[3].series;
  const auto has = [&](int64_t from_ns, int64_t to_ns) {
    return std::any_of(series.begin(), series.end(), [=](const Sample& sample) {
      return sample.at_ns >= from_ns && sample.at_ns <= to_ns;
    });
  };
  EXPECT_TRUE(has(0, seen->actions[0].started_ns));
  EXPECT_TRUE(has(seen->actions[0].completed_ns, seen->actions[1].started_ns));
  EXPECT_TRUE(has(seen->actions[1].completed_ns, seen->final_at_ns));
  EXPECT_GT(seen->workers[0].forks_refused, 0) << "the count is above the new limit";
  EXPECT_GT(seen->workers[0].forks_ok, 4) << "some were there before, and more after";
}

using Threads = ExecutorTest;

TEST_F(Threads, LeaveTheirProcessOneByOneAndAreCountedWhereTheyAre) {
  Scenario scenario = scenario_of({{3, CpuHog{3}}}, 300'000);
  scenario.tree[kRoot].is_thread_root = needs_thread_root(machine_);
  scenario.actions = {{150'000, Action::Kind::MigrateThread, 2}};
  scenario.actions[0].thread = 2;
  const auto seen = run(scenario);
  ASSERT_RAN(seen);
  EXPECT_EQ(seen->actions[0].write_errno, 0);
  EXPECT_EQ(seen->actions[0].read, scenario.tree.path(2));
  EXPECT_EQ(value(seen->nodes[3].after, Counter::PidsCurrent), 2);
  EXPECT_EQ(value(seen->nodes[2].after, Counter::PidsCurrent), 1);
  ASSERT_EQ(seen->workers[0].threads.size(), 3U);
  for (const ThreadObservation& thread : seen->workers[0].threads) {
    EXPECT_GT(thread.cpu_clock_ns, 0);
    EXPECT_FALSE(thread.cpus_allowed.empty());
    EXPECT_EQ(thread.cpus_by_stretch.size(), 2U);
  }
  EXPECT_EQ(seen->workers[0].end, WorkerEnd::Stopped);
}

}  // namespace
}  // namespace treeline::testing

#include "nightly/behaviours.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/search/fake_machine.h"

namespace treeline::testing {
namespace {

using ::testing::Contains;
using ::testing::IsSubsetOf;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

/// t (memory.max) with a below it (pids.max, cpu.max), each with a worker; t is frozen and thawed.
Scenario tree_of_two() {
  Scenario scenario;
  scenario.tree.nodes = {{"t", kNoParent, {{Knob::MemoryMax, Amount{1 << 20}}}},
                         {"a", 0, {{Knob::CpuMax, CpuBandwidth{10'000}}, {Knob::PidsMax, Amount{4}}}}};
  scenario.workers = {{0, MemoryHog{}}, {1, ForkStorm{}}};
  return scenario;
}

Trial trial_of(const Scenario& scenario) {
  Trial trial{quiet_observation(scenario, fake_facts()), {}};
  for (WorkerObservation& worker : trial.observation.workers) worker.end = WorkerEnd::Stopped;
  return trial;
}

TEST(Behaviours, NamePairsOfLimitsWorkloadActionsAndOutcome) {
  const Scenario scenario = tree_of_two();
  Trial trial = trial_of(scenario);
  trial.observation.workers[0].end = WorkerEnd::OomKilled;
  trial.observation.workers[1].forks_refused = 3;
  EXPECT_THAT(behaviours_of("mixed", scenario, trial),
              UnorderedElementsAre("mixed/memory.max/memory_hog/still/OOM-killed",
                                   "mixed/cpu.max+memory.max/fork_storm/still/stopped+fork refused",
                                   "mixed/cpu.max+pids.max/fork_storm/still/stopped+fork refused",
                                   "mixed/memory.max+pids.max/fork_storm/still/stopped+fork refused"));
}

TEST(Behaviours, NameTheActionsThatReachAWorker) {
  Scenario scenario = tree_of_two();
  scenario.actions = {{1'000, Action::Kind::Thaw, 1}, {500, Action::Kind::Freeze, 1}};
  const std::set<std::string> names = behaviours_of("freezer", scenario, trial_of(scenario));
  EXPECT_THAT(names, Contains("freezer/memory.max/memory_hog/still/stopped"));
  EXPECT_THAT(names, Contains("freezer/cpu.max+pids.max/fork_storm/freeze+thaw/stopped"));
}

TEST(Behaviours, NameProbesFindingsAndNearMargins) {
  Scenario scenario;
  scenario.tree.nodes = {{"t", kNoParent, {}}};
  scenario.probes = {{0, Knob::PidsMax, Amount{-1}}, {0, Knob::CpuWeight, Amount{5}}};
  Trial trial = trial_of(scenario);
  trial.observation.probes = {{EINVAL, "", ""}, {0, "", ""}};
  trial.verdict.findings = {
      {"pids.max", Controller::Pids, 0, Status::Held, 100, 96, 0.96, "tasks", ""},
      {"memory.max", Controller::Memory, 0, Status::Inconclusive, 4, 1, 0.25, "MiB", ""},
      {"io.max", Controller::Io, 0, Status::NotApplicable, 0, 0, 0, "", ""}};
  EXPECT_THAT(behaviours_of("rules", scenario, trial),
              UnorderedElementsAre("rules/pids.max/probe/EINVAL", "rules/cpu.weight/probe/taken",
                                   "rules/pids.max/held", "rules/pids.max/margin 0.95",
                                   "rules/memory.max/inconclusive"));
}

TEST(Behaviours, AreTheSameForNumbersThatDifferALittle) {
  const Scenario scenario = tree_of_two();
  Scenario other = scenario;
  other.tree[1].limits[Knob::PidsMax] = Amount{5};
  other.workers[1].workload = ForkStorm{9};
  EXPECT_EQ(behaviours_of("pids", scenario, trial_of(scenario)),
            behaviours_of("pids", other, trial_of(other)));
  EXPECT_NE(behaviours_of("pids", scenario, trial_of(scenario)),
            behaviours_of("mixed", scenario, trial_of(scenario)));
}

TEST(Behaviours, SayThatTheKernelDied) {
  Trial trial;
  EXPECT_THAT(behaviours_of("pids", tree_of_two(), trial), UnorderedElementsAre("pids/kernel died"));
}

TEST(MarginBucket, IsNarrowerNearerToTheBound) {
  EXPECT_EQ(margin_bucket(0.1), "0");
  EXPECT_EQ(margin_bucket(0.5), "0.5");
  EXPECT_EQ(margin_bucket(0.949), "0.9");
  EXPECT_EQ(margin_bucket(0.99), "0.98");
  EXPECT_EQ(margin_bucket(1), "1");
  EXPECT_EQ(margin_bucket(7), "1");
}

}  // namespace
}  // namespace treeline::testing

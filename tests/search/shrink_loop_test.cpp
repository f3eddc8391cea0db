#include <gtest/gtest.h>

#include "generators/shrink.h"
#include "model/json.h"
#include "tests/search/fake_machine.h"

namespace treeline::testing {
namespace {

TEST(ShrinkLoop, ReachesTheKnownMinimumAndProvesIt) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const TemporaryFolder results;
    FakeMachine machine(warns_if(has_deep_pids_max));
    SearchOptions options = pids_options(results);
    options.seed = seed;
    const auto result = search(machine, fake_constraints(), options);
    ASSERT_TRUE(result) << to_string(result.error());
    ASSERT_EQ(result->failures.size(), 1u);
    const Counterexample& failure = result->failures[0];
    EXPECT_EQ(shape_of(failure.scenario), kDeepPidsMaxMinimum) << draw(failure.scenario);
    EXPECT_TRUE(failure.minimum_proven);
    EXPECT_FALSE(failure.flaky);
    EXPECT_EQ(failure.rate.violated, failure.rate.runs);
    EXPECT_GE(failure.rate.runs, 1);
  }
}

TEST(ShrinkLoop, AProvenMinimumHasNoSmallerNeighbourThatFails) {
  const TemporaryFolder results;
  FakeMachine machine(warns_if(has_deep_pids_max));
  const auto result = search(machine, fake_constraints(), pids_options(results));
  ASSERT_TRUE(result);
  ASSERT_EQ(result->failures.size(), 1u);
  ASSERT_TRUE(result->failures[0].minimum_proven);
  rc::Seq<Scenario> smaller = shrinks(result->failures[0].scenario, fake_facts());
  while (const auto candidate = smaller.next())
    EXPECT_FALSE(has_deep_pids_max(*candidate)) << draw(*candidate);
}

TEST(ShrinkLoop, KeepsTheOriginalAndWhereItCameFrom) {
  const TemporaryFolder results;
  FakeMachine machine(warns_if(has_deep_pids_max));
  SearchOptions options = pids_options(results);
  options.seed = 3;
  options.fault = "kernel-warns";
  const auto result = search(machine, fake_constraints(), options);
  ASSERT_TRUE(result);
  ASSERT_EQ(result->failures.size(), 1u);
  const Counterexample& failure = result->failures[0];
  ASSERT_TRUE(failure.provenance);
  EXPECT_EQ(failure.provenance->property, "pids");
  EXPECT_EQ(failure.provenance->seed, 3u);
  EXPECT_EQ(failure.provenance->fault, "kernel-warns");
  ASSERT_TRUE(failure.original);
  EXPECT_EQ(*failure.original,
            draw_scenario(*find_property("pids"), fake_constraints(), 3, failure.provenance->index));
  EXPECT_TRUE(has_deep_pids_max(*failure.original));
  EXPECT_EQ(*failure.signature, (Signature{"kernel.health", Controller::Core, "v1"}));
  EXPECT_GE(failure.original_rate.violated, 1);
  ASSERT_TRUE(failure.verdict);
  ASSERT_NE(failure.verdict->worst(), nullptr);
  EXPECT_EQ(failure.verdict->worst()->invariant, "kernel.health");
  ASSERT_TRUE(failure.observation);
  EXPECT_EQ(failure.observation->nodes.size(), failure.scenario.tree.nodes.size());
}

TEST(ShrinkLoop, DoesNotSlipToAnotherInvariant) {
  // Every smaller scenario violates something, but only the deep limit violates kernel.health.
  const TemporaryFolder results;
  FakeMachine machine([](const Scenario& scenario, Observation seen, uint64_t) {
    if (has_deep_pids_max(scenario)) {
      warn(seen);
    } else {
      garble_readback(seen);
    }
    return seen;
  });
  const auto result = search(machine, fake_constraints(), pids_options(results));
  ASSERT_TRUE(result);
  ASSERT_EQ(result->failures.size(), 1u);
  EXPECT_EQ(result->failures[0].signature->invariant, "kernel.health");
  EXPECT_EQ(shape_of(result->failures[0].scenario), kDeepPidsMaxMinimum);
}

TEST(ShrinkLoop, FindsTheSignatureAmongOtherViolationsOfTheSameRun) {
  // knob.readback stands before kernel.health in the order of reports, and is violated by every run.
  const TemporaryFolder results;
  FakeMachine machine([](const Scenario& scenario, Observation seen, uint64_t) {
    garble_readback(seen);
    if (has_deep_pids_max(scenario)) warn(seen);
    return seen;
  });
  const auto result = search(machine, fake_constraints(), pids_options(results));
  ASSERT_TRUE(result);
  ASSERT_EQ(result->failures.size(), 1u);
  EXPECT_EQ(result->failures[0].signature->invariant, "kernel.health");
  EXPECT_EQ(shape_of(result->failures[0].scenario), kDeepPidsMaxMinimum);
}

TEST(ShrinkLoop, AnInconclusiveCandidateIsNotAccepted) {
  // Whatever is smaller than four nodes cannot be judged.
  const TemporaryFolder results;
  FakeMachine machine([](const Scenario& scenario, Observation seen, uint64_t) {
    if (scenario.tree.size() < 4) {
      seen.health.log_readable = false;
    } else if (has_deep_pids_max(scenario)) {
      warn(seen);
    }
    return seen;
  });
  const auto result = search(machine, fake_constraints(), pids_options(results));
  ASSERT_TRUE(result);
  ASSERT_EQ(result->failures.size(), 1u);
  EXPECT_EQ(result->failures[0].scenario.tree.size(), 4);
}

TEST(ShrinkLoop, RunsNoRefusedCandidateTwiceOnADeterministicMachine) {
  const TemporaryFolder results;
  FakeMachine machine(warns_if(has_deep_pids_max));
  const auto result = search(machine, fake_constraints(), pids_options(results));
  ASSERT_TRUE(result);
  std::map<std::string, int> drawn;
  for (uint64_t i = 0; i < result->scenarios; ++i) {
    ++drawn[to_json(draw_scenario(*find_property("pids"), fake_constraints(), 1, i))];
  }
  for (const auto& [json, runs] : machine.runs_by_scenario()) {
    const auto scenario = scenario_from_json(json);
    ASSERT_TRUE(scenario);
    // The original is run twice, to draw and to confirm it; the minimum at most once more, to measure its
    // rate.
    const int most = has_deep_pids_max(*scenario) ? 3 : drawn.contains(json) ? drawn[json] + 1 : 1;
    EXPECT_LE(runs, most) << json;
  }
}

TEST(ShrinkLoop, StopsAtItsBudgetOfRunsWithWhatItHas) {
  for (const int budget : {0, 1, 3, 10}) {
    const TemporaryFolder results;
    FakeMachine machine(warns_if(has_deep_pids_max));
    SearchOptions options = pids_options(results);
    options.seed = 2;
    options.shrink_runs = budget;
    const auto result = search(machine, fake_constraints(), options);
    ASSERT_TRUE(result);
    ASSERT_EQ(result->failures.size(), 1u);
    const Counterexample& failure = result->failures[0];
    EXPECT_LE(failure.shrink_runs, budget);
    EXPECT_TRUE(has_deep_pids_max(failure.scenario));
    EXPECT_FALSE(failure.minimum_proven) << "budget " << budget;
    EXPECT_FALSE(failure.flaky);
  }
}

TEST(ShrinkLoop, StopsAtItsBudgetOfTimeWithWhatItHas) {
  const TemporaryFolder results;
  FakeMachine machine(warns_if(has_deep_pids_max));
  SearchOptions options = pids_options(results);
  options.shrink_time = std::chrono::milliseconds(0);
  const auto result = search(machine, fake_constraints(), options);
  ASSERT_TRUE(result);
  ASSERT_EQ(result->failures.size(), 1u);
  EXPECT_TRUE(has_deep_pids_max(result->failures[0].scenario));
  EXPECT_FALSE(result->failures[0].minimum_proven);
}

}  // namespace
}  // namespace treeline::testing

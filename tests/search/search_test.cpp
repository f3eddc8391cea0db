#include "search/search.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/search/fake_machine.h"

namespace treeline::testing {
namespace {

TEST(Search, DrawsTheScenariosOfItsSeedInOrder) {
  const TemporaryFolder results;
  FakeMachine machine(healthy());
  SearchOptions options = pids_options(results);
  options.seed = 7;
  options.first_index = 5;
  options.count = 4;
  ASSERT_TRUE(search(machine, fake_constraints(), options));
  ASSERT_EQ(machine.asked().size(), 4u);
  for (uint64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(machine.asked()[i], draw_scenario(*find_property("pids"), fake_constraints(), 7, 5 + i));
  }
}

TEST(Search, TakesPropertiesInTurn) {
  const TemporaryFolder results;
  FakeMachine machine(healthy());
  SearchOptions options = pids_options(results);
  options.properties = {find_property("pids"), find_property("memory"), find_property("cpuset")};
  options.count = 30;
  const auto result = search(machine, fake_constraints(), options);
  ASSERT_TRUE(result) << to_string(result.error());
  const std::map<std::string, uint64_t> ten_each{{"cpuset", 10}, {"memory", 10}, {"pids", 10}};
  EXPECT_EQ(result->scenarios_by_property, ten_each);
  EXPECT_EQ(machine.asked()[4], draw_scenario(*find_property("memory"), fake_constraints(), options.seed, 4));
}

TEST(Search, HealthyKernelHoldsWithoutFailures) {
  const TemporaryFolder results;
  FakeMachine machine(healthy());
  const auto result = search(machine, fake_constraints(), pids_options(results));
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->scenarios, 100u);
  EXPECT_EQ(result->infrastructure_errors, 0u);
  EXPECT_TRUE(result->failures.empty());
  EXPECT_EQ(result->tallies.at("kernel.health").held, 100u);
  EXPECT_EQ(result->tallies.at("kernel.health").violated, 0u);
  EXPECT_GT(result->tallies.at("knob.readback").held, 100u);
  EXPECT_LE(result->tallies.at("knob.readback").scenarios, 100u);
  EXPECT_EQ(result->tallies.at("knob.readback").conclusive, result->tallies.at("knob.readback").scenarios);
}

TEST(Search, WhatCouldNotShowAViolationIsCountedAsInconclusive) {
  const TemporaryFolder results;
  FakeMachine machine([](const Scenario&, Observation seen, uint64_t) {
    seen.health.log_readable = false;
    return seen;
  });
  const auto result = search(machine, fake_constraints(), pids_options(results));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->tallies.at("kernel.health").inconclusive, 100u);
  EXPECT_EQ(result->tallies.at("kernel.health").held, 0u);
  EXPECT_EQ(result->tallies.at("kernel.health").scenarios, 100u);
  EXPECT_EQ(result->tallies.at("kernel.health").conclusive, 0u);
  EXPECT_TRUE(result->failures.empty());
}

TEST(Search, TimeBudgetEndsASearchWithoutCount) {
  const TemporaryFolder results;
  FakeMachine machine(healthy());
  SearchOptions options = pids_options(results);
  options.count = 0;
  options.time_budget = std::chrono::milliseconds(50);
  const auto result = search(machine, fake_constraints(), options);
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_GE(result->scenarios, 1u);
  EXPECT_EQ(result->scenarios, machine.asked().size());
}

TEST(Search, CountsOtherInvariantsButPursuesOnlyTheOneAskedFor) {
  const TemporaryFolder results;
  FakeMachine machine([](const Scenario& scenario, Observation seen, uint64_t) {
    garble_readback(seen);
    if (has_deep_pids_max(scenario)) warn(seen);
    return seen;
  });
  const auto result = search(machine, fake_constraints(), pids_options(results));
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_GT(result->tallies.at("knob.readback").violated, 0u);
  ASSERT_EQ(result->failures.size(), 1u);
  EXPECT_EQ(result->failures[0].signature->invariant, "kernel.health");
  EXPECT_EQ(shape_of(result->failures[0].scenario), kDeepPidsMaxMinimum);
}

TEST(Search, StopsAtTheFirstFailureIfOneIsEnough) {
  const TemporaryFolder results;
  FakeMachine machine(warns_if(has_deep_pids_max));
  const auto result = search(machine, fake_constraints(), pids_options(results));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->failures.size(), 1u);
  EXPECT_LT(result->scenarios, 100u);
}

TEST(Search, ReportsEachSignatureOnce) {
  const TemporaryFolder results;
  FakeMachine machine([](const Scenario& scenario, Observation seen, uint64_t) {
    const bool deep = has_deep_pids_max(scenario);
    if (deep) warn(seen);
    if (!deep) garble_readback(seen);
    return seen;
  });
  SearchOptions options = pids_options(results);
  options.only_invariant = "";
  options.max_failures = 50;
  const auto result = search(machine, fake_constraints(), options);
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->scenarios, 100u) << "fewer signatures than asked for: the search goes on to its end";
  std::set<Signature> signatures;
  std::set<std::string> invariants;
  for (const Counterexample& failure : result->failures) {
    EXPECT_TRUE(signatures.insert(*failure.signature).second) << to_string(*failure.signature);
    invariants.insert(failure.signature->invariant);
  }
  EXPECT_EQ(invariants, (std::set<std::string>{"kernel.health", "knob.readback"}));
}

TEST(Search, TellsWhatItIsDoing) {
  const TemporaryFolder results;
  FakeMachine machine(warns_if(has_deep_pids_max));
  std::set<Progress::Phase> phases;
  const auto result =
      search(machine, fake_constraints(), pids_options(results), [&](const Progress& progress) {
        phases.insert(progress.phase);
        ASSERT_NE(progress.property, nullptr);
        EXPECT_EQ(progress.property->name, "pids");
        ASSERT_NE(progress.so_far, nullptr);
        EXPECT_GE(progress.size.nodes, 1);
      });
  ASSERT_TRUE(result);
  using Phase = Progress::Phase;
  EXPECT_EQ(phases, (std::set<Phase>{Phase::Running, Phase::Confirming, Phase::Shrinking}));
}

TEST(Search, WithoutPropertiesIsRefused) {
  const TemporaryFolder results;
  FakeMachine machine(healthy());
  SearchOptions options = pids_options(results);
  options.properties.clear();
  const auto result = search(machine, fake_constraints(), options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::InvalidInput);
}

TEST(Search, WithoutAnyEndIsRefused) {
  const TemporaryFolder results;
  FakeMachine machine([](const Scenario&, Observation seen, uint64_t run) -> Result<Observation> {
    EXPECT_LT(run, 1'000u) << "it would go on for ever";
    if (run > 1'000) std::abort();
    return seen;
  });
  SearchOptions options = pids_options(results);
  options.count = 0;
  options.time_budget = {};
  const auto result = search(machine, fake_constraints(), options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::InvalidInput);
}

}  // namespace
}  // namespace treeline::testing

#include <gtest/gtest.h>

#include <random>

#include "tests/search/fake_machine.h"

namespace treeline::testing {
namespace {

constexpr bool kFlakyMachine = false;

/// The first failure that was confirmed; nullptr if there is none.
const Counterexample* confirmed(const SearchResult& result) {
  for (const Counterexample& failure : result.failures) {
    if (!failure.flaky) return &failure;
  }
  return nullptr;
}

TEST(FlakyKernel, ADefectThatShowsInThirtyPercentIsShrunkToItsMinimum) {
  int found = 0;
  int minimal = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const TemporaryFolder results;
    FakeMachine machine(warns_if(has_deep_pids_max, 30, seed), kFlakyMachine);
    SearchOptions options = pids_options(results);
    options.seed = seed;
    options.confirm_runs = 20;
    const auto result = search(machine, fake_constraints(), options);
    ASSERT_TRUE(result) << to_string(result.error());
    const Counterexample* failure = confirmed(*result);
    if (!failure) continue;
    ++found;
    // A defect of no false alarms: whatever was accepted has it.
    EXPECT_TRUE(has_deep_pids_max(failure->scenario));
    if (shape_of(failure->scenario) == kDeepPidsMaxMinimum) ++minimal;
    EXPECT_GT(failure->original_rate.violated, 0);
    EXPECT_LT(failure->original_rate.violated, failure->original_rate.runs);
    EXPECT_GT(failure->rate.violated, 0);
  }
  EXPECT_EQ(found, 10);
  EXPECT_GE(minimal, 9);
}

TEST(FlakyKernel, AFailureThatNeverComesAgainIsAFlakyRecordAndNotShrunk) {
  const TemporaryFolder results;
  FakeMachine machine(
      [warned = false](const Scenario& scenario, Observation seen, uint64_t) mutable {
        if (!warned && has_deep_pids_max(scenario)) {
          warn(seen);
          warned = true;
        }
        return seen;
      },
      kFlakyMachine);
  SearchOptions options = pids_options(results);
  options.max_failures = 2;
  const auto result = search(machine, fake_constraints(), options);
  ASSERT_TRUE(result) << to_string(result.error());
  ASSERT_EQ(result->failures.size(), 1u);
  const Counterexample& failure = result->failures[0];
  EXPECT_TRUE(failure.flaky);
  EXPECT_FALSE(failure.minimum_proven);
  EXPECT_EQ(failure.shrink_runs, 0);
  ASSERT_TRUE(failure.provenance);
  EXPECT_EQ(failure.scenario,
            draw_scenario(*find_property("pids"), fake_constraints(), 1, failure.provenance->index));
  EXPECT_EQ(machine.asked().size(), 100u + static_cast<size_t>(options.confirm_runs));
}

TEST(FlakyKernel, AFlakyRecordDoesNotHideARealFailureOfTheSameSignature) {
  const TemporaryFolder results;
  FakeMachine machine(
      [](const Scenario& scenario, Observation seen, uint64_t run) {
        if (run == 0 || has_deep_pids_max(scenario)) warn(seen);
        return seen;
      },
      kFlakyMachine);
  SearchOptions options = pids_options(results);
  options.max_failures = 2;
  options.seed = 7;  // its first scenario lacks the defect
  ASSERT_FALSE(has_deep_pids_max(draw_scenario(*find_property("pids"), fake_constraints(), 7, 0)));
  const auto result = search(machine, fake_constraints(), options);
  ASSERT_TRUE(result) << to_string(result.error());
  const Counterexample* failure = confirmed(*result);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(shape_of(failure->scenario), kDeepPidsMaxMinimum);
}

TEST(FlakyKernel, OnePercentOfFalseAlarmsIsNeverConfirmedOnAHealthyKernel) {
  const TemporaryFolder results;
  FakeMachine machine(warns_if([](const Scenario&) { return true; }, 1, 5), kFlakyMachine);
  SearchOptions options = pids_options(results);
  options.count = 300;
  options.max_failures = 100;
  const auto result = search(machine, fake_constraints(), options);
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_GT(result->tallies.at("kernel.health").violated, 0u);
  EXPECT_EQ(confirmed(*result), nullptr);
  EXPECT_FALSE(result->failures.empty()) << "it is recorded all the same";
}

TEST(FlakyKernel, OnePercentOfFalseAlarmsDoesNotMisleadTheShrinking) {
  int found = 0;
  int minimal = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const TemporaryFolder results;
    FakeMachine machine(
        [random = std::mt19937_64(seed)](const Scenario& scenario, Observation seen, uint64_t) mutable {
          const bool false_alarm = std::uniform_int_distribution<>(0, 99)(random) == 0;
          if (has_deep_pids_max(scenario) || false_alarm) warn(seen);
          return seen;
        },
        kFlakyMachine);
    SearchOptions options = pids_options(results);
    options.seed = seed;
    options.max_failures = 2;
    const auto result = search(machine, fake_constraints(), options);
    ASSERT_TRUE(result) << to_string(result.error());
    const Counterexample* failure = confirmed(*result);
    if (!failure) continue;
    ++found;
    if (shape_of(failure->scenario) == kDeepPidsMaxMinimum) ++minimal;
  }
  EXPECT_EQ(found, 20);
  EXPECT_GE(minimal, 19);
}

}  // namespace
}  // namespace treeline::testing

#include "search/in_order.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "tests/search/fake_machine.h"

namespace treeline::testing {
namespace {

/// 0, 1, … below `end`; notes the lanes.
struct Numbers {
  int end;
  std::vector<int> lanes;
  int given = 0;
  std::optional<int> operator()(int lane) {
    if (given == end) return std::nullopt;
    lanes.push_back(lane);
    return given++;
  }
};

TEST(InOrder, GivesAllResultsInTheOrderOfTheirInputs) {
  for (const int lanes : {1, 2, 3, 8}) {
    Numbers numbers{50, {}};
    // Every fourth takes longer than those after it.
    InOrder<int, int> squares(lanes, std::ref(numbers), [](int n) {
      if (n % 4 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
      return n * n;
    });
    for (int n = 0; n < 50; ++n) {
      const auto taken = squares.take();
      ASSERT_TRUE(taken);
      EXPECT_EQ(*taken, std::pair(n, n * n)) << lanes;
    }
    EXPECT_FALSE(squares.take());
    EXPECT_FALSE(squares.take()) << "and stays at its end";
  }
}

TEST(InOrder, WithOneLaneEvaluatesHereAndNothingAhead) {
  const auto here = std::this_thread::get_id();
  Numbers numbers{10, {}};
  InOrder<int, bool> all(1, std::ref(numbers), [&](int) { return std::this_thread::get_id() == here; });
  for (int n = 0; n < 10; ++n) {
    EXPECT_TRUE(all.take()->second);
    EXPECT_EQ(numbers.given, n + 1);
  }
}

TEST(InOrder, EvaluatesAsManyAtOnceAsThereAreLanesAndNoMore) {
  constexpr int kLanes = 3;
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  Numbers numbers{30, {}};
  InOrder<int, int> all(kLanes, std::ref(numbers), [&](int n) {
    const int now = ++running;
    int known = most;
    while (known < now && !most.compare_exchange_weak(known, now)) {
    }
    // The first ones wait for each other.
    while (n < kLanes && most < kLanes) std::this_thread::yield();
    --running;
    return n;
  });
  while (all.take()) {
  }
  EXPECT_EQ(most, kLanes);
  for (const int lane : numbers.lanes) EXPECT_TRUE(lane >= 0 && lane < kLanes) << lane;
}

TEST(InOrder, GoesOnBesideASlowFirstOneButNotWithoutEnd) {
  std::atomic<bool> may_end{false};
  std::atomic<int> ended{0};
  Numbers numbers{1'000, {}};
  InOrder<int, int> all(2, std::ref(numbers), [&](int n) {
    while (n == 0 && !may_end) std::this_thread::yield();
    if (++ended == 7) may_end = true;  // 4 for each lane are begun, of which one waits
    return n;
  });
  EXPECT_EQ(all.take()->first, 0);
  EXPECT_LE(numbers.given, 8);
}

TEST(InOrder, WaitsAtItsEndForWhatHasBegun) {
  std::atomic<int> begun{0};
  std::atomic<int> ended{0};
  {
    Numbers numbers{100, {}};
    InOrder<int, int> all(4, std::ref(numbers), [&](int n) {
      ++begun;
      if (n > 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ++ended;
      return n;
    });
    EXPECT_EQ(all.take()->first, 0);
  }
  EXPECT_EQ(begun, ended);
}

TEST(InOrder, AsksAgainWhereThereWasNoneForNow) {
  int given = 0;
  InOrder<int, int> all(
      2, [&](int) { return given < 3 ? std::optional(given++) : std::nullopt; }, [](int n) { return n; });
  for (int n = 0; n < 3; ++n) EXPECT_EQ(all.take()->first, n);
  EXPECT_FALSE(all.take());
  given = 1;
  EXPECT_EQ(all.take()->first, 1);
}

TEST(InOrder, HandsOnAnExceptionInItsPlace) {
  for (const int lanes : {1, 3}) {
    Numbers numbers{6, {}};
    InOrder<int, int> all(lanes, std::ref(numbers), [](int n) {
      if (n == 2) throw std::runtime_error("two");
      return n;
    });
    EXPECT_EQ(all.take()->second, 0);
    EXPECT_EQ(all.take()->second, 1);
    EXPECT_THROW(all.take(), std::runtime_error);
  }
}

/// A deterministic machine that runs several scenarios at once, the later ones quicker.
class WideMachine final : public Machine {
 public:
  WideMachine(int lanes, FakeMachine::Behaviour behaviour)
      : lanes_(lanes), behaviour_(std::move(behaviour)), facts_(fake_facts()) {}
  std::string name() const override { return "Wide"; }
  const MachineFacts& facts() const override { return facts_; }
  bool deterministic() const override { return true; }
  int lanes() const override { return lanes_; }
  Result<Observation> run(const Scenario& scenario) override {
    if (++runs_ % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(500));
    return behaviour_(scenario, quiet_observation(scenario, facts_), 0);
  }
  int runs() const { return runs_; }

 private:
  int lanes_;
  const FakeMachine::Behaviour behaviour_;
  MachineFacts facts_;
  std::atomic<int> runs_{0};
};

/// Without chance: the same for a scenario whenever and wherever it is run.
Result<Observation> sometimes_wrong(const Scenario& scenario, Observation seen, uint64_t) {
  if (scenario.tree.size() == 5 && scenario.workers.size() == 2) {
    return fail(ErrorKind::Infrastructure, "run", "a tree of five", 0);
  }
  if (has_deep_pids_max(scenario)) warn(seen);
  if (scenario.tree.size() > 6) garble_readback(seen);
  return seen;
}

SearchOptions all_failures(const TemporaryFolder& results) {
  SearchOptions options = pids_options(results);
  options.only_invariant.clear();
  options.max_failures = 10;
  return options;
}

TEST(SearchSideBySide, GivesWhatOneAfterAnotherGives) {
  for (const uint64_t seed : {1, 2, 3}) {
    const TemporaryFolder results;
    SearchOptions options = all_failures(results);
    options.seed = seed;
    WideMachine one(1, sometimes_wrong);
    const auto expected = search(one, fake_constraints(), options);
    ASSERT_TRUE(expected) << to_string(expected.error());
    ASSERT_GE(expected->failures.size(), 2u);
    for (const int lanes : {2, 5}) {
      WideMachine wide(lanes, sometimes_wrong);
      const auto got = search(wide, fake_constraints(), options);
      ASSERT_TRUE(got) << to_string(got.error());
      EXPECT_EQ(got->failures, expected->failures);
      EXPECT_EQ(got->files, expected->files);
      EXPECT_EQ(got->scenarios, expected->scenarios);
      EXPECT_EQ(got->infrastructure_errors, expected->infrastructure_errors);
      EXPECT_EQ(got->scenarios_by_property, expected->scenarios_by_property);
      ASSERT_EQ(got->tallies.size(), expected->tallies.size());
      for (const auto& [name, tally] : expected->tallies) {
        EXPECT_EQ(got->tallies.at(name).held, tally.held) << name;
        EXPECT_EQ(got->tallies.at(name).violated, tally.violated) << name;
        EXPECT_EQ(got->tallies.at(name).worst_margin, tally.worst_margin) << name;
      }
    }
  }
}

TEST(SearchSideBySide, KeepsTheBudgetOfShrinkingRuns) {
  for (const int budget : {0, 1, 2, 3, 7, 20}) {
    const TemporaryFolder results;
    SearchOptions options = pids_options(results);
    options.seed = 2;
    options.shrink_runs = budget;
    WideMachine one(1, sometimes_wrong);
    WideMachine wide(4, sometimes_wrong);
    const auto expected = search(one, fake_constraints(), options);
    const auto got = search(wide, fake_constraints(), options);
    ASSERT_TRUE(expected && got);
    EXPECT_EQ(got->failures, expected->failures) << budget;
    ASSERT_EQ(got->failures.size(), 1u);
    EXPECT_LE(got->failures[0].shrink_runs, budget);
  }
}

TEST(SearchSideBySide, RunsNoMoreScenariosThanTheCount) {
  const TemporaryFolder results;
  WideMachine wide(4, healthy());
  SearchOptions options = pids_options(results);
  options.count = 10;
  const auto result = search(wide, fake_constraints(), options);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->scenarios, 10u);
  EXPECT_EQ(wide.runs(), 10);
}

TEST(SearchSideBySide, BeginsNothingOnceItIsToStopAndCountsWhatHadBegun) {
  const TemporaryFolder results;
  std::atomic<bool> stop{false};
  WideMachine wide(4, [&](const Scenario&, Observation seen, uint64_t) -> Result<Observation> {
    stop = true;
    return seen;
  });
  SearchOptions options = pids_options(results);
  options.should_stop = [&] { return stop.load(); };
  const auto result = search(wide, fake_constraints(), options);
  ASSERT_TRUE(result);
  EXPECT_GE(result->scenarios, 1u);
  EXPECT_LE(result->scenarios, 4u);
  EXPECT_EQ(static_cast<int>(result->scenarios), wide.runs());
}

TEST(SearchSideBySide, LeavesNothingInFlightBehind) {
  const TemporaryFolder results;
  WideMachine wide(3, healthy());
  ASSERT_TRUE(search(wide, fake_constraints(), pids_options(results)));
  for (const auto& entry : std::filesystem::directory_iterator(results.path())) {
    EXPECT_FALSE(entry.path().filename().string().starts_with("in-flight")) << entry.path();
  }
}

}  // namespace
}  // namespace treeline::testing

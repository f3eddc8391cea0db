#include <gtest/gtest.h>

#include "tests/search/fake_machine.h"

namespace treeline::testing {
namespace {

Scenario limited_root() {
  Scenario scenario;
  scenario.tree.nodes = {{"t", kNoParent, {{Knob::PidsMax, Amount{4}}}}};
  return scenario;
}

const Signature kHealth{"kernel.health", Controller::Core, "v1"};

/// Warns in each third run, cannot be judged in each third, and holds in the others.
FakeMachine::Behaviour in_turn() {
  return [](const Scenario&, Observation seen, uint64_t run) {
    if (run % 3 == 0) warn(seen);
    if (run % 3 == 1) seen.health.log_readable = false;
    return seen;
  };
}

TEST(Replay, RunsTheScenarioAsWrittenAndCountsWhatCameOut) {
  FakeMachine machine(in_turn(), false);
  const auto result = replay(machine, limited_root(), &kHealth, 10);
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->rate, (Rate{4, 10}));
  EXPECT_EQ(result->inconclusive, 3);
  EXPECT_EQ(result->held, 3);
  ASSERT_NE(result->last_violated.worst(), nullptr);
  EXPECT_EQ(result->last_violated.worst()->invariant, "kernel.health");
  ASSERT_EQ(machine.asked().size(), 10u);
  for (const Scenario& asked : machine.asked()) EXPECT_EQ(asked, limited_root());
}

TEST(Replay, TheLastObservationIsOfTheLastRun) {
  FakeMachine machine(in_turn(), false);
  const auto result = replay(machine, limited_root(), &kHealth, 3);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->last.status(), Status::Held);
  EXPECT_EQ(result->last_observation.health.taint_after, 0);
  EXPECT_TRUE(result->last_observation.health.log_readable);
}

TEST(Replay, AnotherSignatureDoesNotReproduceThisOne) {
  FakeMachine machine([](const Scenario&, Observation seen, uint64_t) {
    garble_readback(seen);
    return seen;
  });
  const auto result = replay(machine, limited_root(), &kHealth, 3);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->rate, (Rate{0, 3}));
}

TEST(Replay, WithoutSignatureAnyViolationCounts) {
  FakeMachine machine([](const Scenario&, Observation seen, uint64_t) {
    garble_readback(seen);
    return seen;
  });
  const auto result = replay(machine, limited_root(), nullptr, 3);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->rate, (Rate{3, 3}));
}

TEST(Replay, TheSameInvariantInAnotherModeIsAnotherSignature) {
  FakeMachine machine([](const Scenario&, Observation seen, uint64_t) {
    warn(seen);
    return seen;
  });
  const Signature on_v2{"kernel.health", Controller::Core, "v2"};
  const auto result = replay(machine, limited_root(), &on_v2, 2);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->rate, (Rate{0, 2}));
}

TEST(Replay, AMachineThatCannotRunItIsAnErrorAndNoVerdict) {
  FakeMachine machine([](const Scenario&, Observation, uint64_t) -> Result<Observation> {
    return fail(ErrorKind::Unavailable, "run", "memory.max", 0, "the memory controller is not mounted");
  });
  const auto result = replay(machine, limited_root(), &kHealth, 3);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::Unavailable);
}

TEST(Replay, CountsObservationsThatAreTheSame) {
  FakeMachine machine([](const Scenario&, Observation seen, uint64_t run) {
    seen.window_ns = run == 2 ? 1 : 0;
    return seen;
  });
  const Scenario scenario = draw_scenario(*find_property("pids"), fake_constraints(), 1, 0);
  const auto unrecorded = replay(machine, scenario, nullptr, 4);
  ASSERT_TRUE(unrecorded);
  EXPECT_EQ(unrecorded->identical, 3);
  Observation other = unrecorded->last_observation;
  other.window_ns = 5;
  const auto recorded = replay(machine, scenario, nullptr, 4, &other);
  ASSERT_TRUE(recorded);
  EXPECT_EQ(recorded->identical, 0);
}

}  // namespace
}  // namespace treeline::testing

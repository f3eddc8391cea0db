#include <gtest/gtest.h>

#include "generators/shrink.h"
#include "model/rules.h"
#include "model/threads.h"
#include "reach.h"

/// What thread_migration draws, and how it shrinks.
namespace treeline {
namespace {

bool is_thread_move(const Action& action) { return action.kind == Action::Kind::MigrateThread; }

/// Some thread moves, with what stands before it by threads.
bool any_thread_move(const Scenario& scenario, const std::function<bool(NodeId from, NodeId to)>& fits) {
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    if (!is_thread_move(action)) continue;
    const NodeId from = place_of(scenario, {action.worker, action.thread}, i, every_action);
    if (fits(from, action.node)) return true;
  }
  return false;
}

bool limits_above(const Tree& tree, NodeId node, Knob knob) {
  const std::vector<NodeId> lineage = tree.lineage(node);
  return std::any_of(lineage.begin(), lineage.end(),
                     [&](NodeId above) { return tree[above].limits.contains(knob); });
}

class ThreadMigration : public ::testing::TestWithParam<bool> {
 protected:
  static FakeMachine machine() { return GetParam() ? FakeMachine().v2() : FakeMachine(); }
  static Scenario drawn(uint64_t index) {
    return draw_scenario(*find_property("thread_migration"), machine().constraints(), 3, index);
  }
};

TEST_P(ThreadMigration, EachDrawMovesAThreadThatMay) {
  for (uint64_t i = 0; i < 100; ++i) {
    const Scenario scenario = drawn(i);
    EXPECT_TRUE(moves_threads(scenario)) << draw(scenario);
    for (const Fault& fault : validate(scenario)) ADD_FAILURE() << fault.json_path << ": " << fault.message;
    for (const Fault& fault : unmet(scenario, machine().facts())) {
      ADD_FAILURE() << fault.json_path << ": " << fault.message << '\n' << draw(scenario);
    }
  }
}

TEST_P(ThreadMigration, ThreadsComeUnderLimitsAndEscapeThemWithin40Draws) {
  for (const Knob knob : {Knob::CpuMax, Knob::PidsMax, Knob::CpusetCpus}) {
    for (const bool is_entering : {true, false}) {
      for (uint64_t seed = 1; seed <= 5; ++seed) {
        EXPECT_GT(draws_until("thread_migration", machine().constraints(), seed, 40,
                              [&](const Scenario& scenario) {
                                const Tree& tree = scenario.tree;
                                return any_thread_move(scenario, [&](NodeId from, NodeId to) {
                                  return limits_above(tree, to, knob) == is_entering &&
                                         limits_above(tree, from, knob) != is_entering;
                                });
                              }),
                  0)
            << knob_info(knob).name << (is_entering ? ", in" : ", out") << ", seed " << seed;
      }
    }
  }
}

/// Takes the first candidate that still fits, again and again.
Scenario shrunk(Scenario scenario, const MachineFacts& machine, const Predicate& fits) {
  for (bool is_smaller = true; is_smaller;) {
    is_smaller = false;
    for (rc::Seq<Scenario> all = shrinks(scenario, machine); auto candidate = all.next();) {
      if (!fits(*candidate)) continue;
      scenario = std::move(*candidate);
      is_smaller = true;
      break;
    }
  }
  return scenario;
}

TEST_P(ThreadMigration, AMoveShrinksToOneOfTwoThreadsInATreeOfTwo) {
  const auto moves = [](const Scenario& scenario) { return moves_threads(scenario); };
  for (uint64_t i = 0; i < 8; ++i) {
    const Scenario end = shrunk(drawn(i), machine().facts(), moves);
    EXPECT_EQ(end.tree.size(), 2) << draw(end);
    EXPECT_EQ(end.actions.size(), 1U);
    EXPECT_EQ(end.actions[0].thread, 1);
    ASSERT_EQ(end.workers.size(), 1U);
    EXPECT_EQ(threads_of(end.workers[0].workload), 2);
    EXPECT_EQ(end.tree.has_thread_root(), GetParam());
  }
}

TEST_P(ThreadMigration, WhereAProcessDoesAsWellNoGroupIsThreaded) {
  const auto moves = [](const Scenario& scenario) {
    return std::any_of(scenario.actions.begin(), scenario.actions.end(), moves_a_worker);
  };
  for (uint64_t i = 0; i < 8; ++i) {
    const Scenario end = shrunk(drawn(i), machine().facts(), moves);
    EXPECT_FALSE(moves_threads(end)) << draw(end);
    EXPECT_FALSE(end.tree.has_thread_root()) << draw(end);
  }
}

INSTANTIATE_TEST_SUITE_P(Machine, ThreadMigration, ::testing::Bool(),
                         [](const auto& is_v2) { return is_v2.param ? "v2" : "v1"; });

}  // namespace
}  // namespace treeline

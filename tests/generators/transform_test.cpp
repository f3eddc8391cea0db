#include "generators/transform.h"

#include <gtest/gtest.h>

#include "generators/property.h"
#include "model/rules.h"
#include "tests/generators/fake_machine.h"

namespace treeline {
namespace {

constexpr Transform kTransforms[] = {renamed, permuted, wrapped};

/// Some of each property; small enough that a wrapper fits the model's limits.
std::vector<Scenario> some_of_each() {
  std::vector<Scenario> scenarios;
  for (const Property& property : properties()) {
    const Constraints constraints = FakeMachine().constraints();
    if (why_untestable(property, constraints.machine)) continue;
    for (uint64_t i = 0; i < 20; ++i) scenarios.push_back(draw_scenario(property, constraints, 7, i));
  }
  return scenarios;
}

TEST(Transform, GivesValidScenariosThatTheMachineCanRun) {
  const MachineFacts machine = FakeMachine().facts();
  for (const Scenario& scenario : some_of_each()) {
    for (const Transform transform : kTransforms) {
      const Scenario other = transform(scenario).scenario;
      for (const Fault& fault : validate(other)) ADD_FAILURE() << fault.json_path << fault.message;
      EXPECT_TRUE(unmet(other, machine).empty()) << draw(scenario) << draw(other);
    }
  }
}

TEST(Transform, KeepsLimitsWorkersActionsAndProbesWithTheirNodes) {
  for (const Scenario& scenario : some_of_each()) {
    for (const Transform transform : kTransforms) {
      const Transformed made = transform(scenario);
      const auto& [other, now, tightened] = made;
      ASSERT_FALSE(tightened);
      const auto is_now = [&made](NodeId was) { return made.now[static_cast<size_t>(was)]; };
      ASSERT_EQ(now.size(), scenario.tree.nodes.size());
      for (NodeId id = 0; id < scenario.tree.size(); ++id) {
        EXPECT_EQ(other.tree[is_now(id)].limits, scenario.tree[id].limits);
        if (id == kRoot) continue;
        EXPECT_EQ(other.tree[is_now(id)].parent, is_now(scenario.tree[id].parent));
      }
      for (size_t i = 0; i < scenario.workers.size(); ++i) {
        EXPECT_EQ(other.workers[i].node, is_now(scenario.workers[i].node));
        EXPECT_EQ(other.workers[i].workload, scenario.workers[i].workload);
      }
      for (size_t i = 0; i < scenario.actions.size(); ++i) {
        EXPECT_EQ(other.actions[i].node, is_now(scenario.actions[i].node));
      }
      for (size_t i = 0; i < scenario.probes.size(); ++i) {
        EXPECT_EQ(other.probes[i].node, is_now(scenario.probes[i].node));
      }
    }
  }
}

TEST(Transform, EveryNameIsAnother) {
  for (const Scenario& scenario : some_of_each()) {
    const Tree tree = renamed(scenario).scenario.tree;
    for (NodeId id = 0; id < tree.size(); ++id) EXPECT_NE(tree[id].name, scenario.tree[id].name);
  }
}

TEST(Transform, PermutingTurnsSiblingsRoundAndTwiceBack) {
  for (const Scenario& drawn : some_of_each()) {
    const Scenario once = permuted(drawn).scenario;  // in the order of a walk
    const Scenario again = permuted(once).scenario;
    EXPECT_EQ(permuted(again).scenario, once);
    for (NodeId id = 0; id < once.tree.size(); ++id) {
      EXPECT_EQ(once.tree.children(id).size(),
                again.tree.children(permuted(once).now[static_cast<size_t>(id)]).size());
    }
    const auto first_name = [](const Scenario& of) { return of.tree[of.tree.children(kRoot).front()].name; };
    if (once.tree.children(kRoot).size() < 2) continue;
    EXPECT_NE(first_name(once), first_name(again));
  }
}

TEST(Transform, TheWrapperIsTheOnlyNewNodeAndHasNoLimits) {
  for (const Scenario& scenario : some_of_each()) {
    const Tree tree = wrapped(scenario).scenario.tree;
    EXPECT_EQ(tree.size(), scenario.tree.size() + 1);
    EXPECT_TRUE(tree[kRoot].limits.empty());
    EXPECT_EQ(tree.children(kRoot).size(), 1u);
    EXPECT_EQ(tree.max_depth(), scenario.tree.max_depth() + 1);
  }
}

TEST(Transform, TightensOneLimitToWhatTheMachineTakes) {
  const MachineFacts machine = FakeMachine().facts();
  int tightened_count = 0;
  for (const Scenario& scenario : some_of_each()) {
    const Transformed made = tightened(scenario);
    for (const Fault& fault : validate(made.scenario)) ADD_FAILURE() << fault.json_path << fault.message;
    EXPECT_TRUE(unmet(made.scenario, machine).empty()) << draw(scenario) << draw(made.scenario);
    EXPECT_EQ(made.tightened.has_value(), made.scenario != scenario);
    if (!made.tightened) continue;
    ++tightened_count;
    const auto [node, knob] = *made.tightened;
    Scenario back = made.scenario;
    back.tree[node].limits[knob] = scenario.tree[node].limits.at(knob);
    EXPECT_EQ(back, scenario) << "only that limit is another";
  }
  EXPECT_GT(tightened_count, 50);
}

TEST(Transform, TightensTheLimitThatBindsFirst) {
  Scenario scenario;
  scenario.tree.nodes = {
      {"t", kNoParent, {{Knob::PidsMax, Amount{9}}, {Knob::CpuMax, CpuBandwidth{1'000, 10'000}}}},
      {"a", kRoot, {{Knob::PidsMax, Amount{5}}}}};
  EXPECT_EQ(tightened(scenario).scenario.tree[1].limits.at(Knob::PidsMax), KnobValue(Amount{2}));
  scenario.tree[1].limits.clear();
  EXPECT_EQ(tightened(scenario).scenario.tree[0].limits.at(Knob::PidsMax), KnobValue(Amount{4}))
      << "half of 1 ms is no legal quota";
}

}  // namespace
}  // namespace treeline

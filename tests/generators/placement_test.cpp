#include "generators/placement.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "generators/property.h"
#include "generators/scenario_gen.h"
#include "generators/shrink_steps.h"
#include "tests/generators/fake_machine.h"

namespace treeline {
namespace {

/// t ─┬─ a ─── c (limited)
///    └─ b
Tree small_tree() {
  Tree tree{{{"t", kNoParent, {}}, {"a", 0, {}}, {"b", 0, {}}, {"c", 1, {}}}};
  tree[3].limits[Knob::PidsMax] = Amount{4};
  return tree;
}

std::vector<NodeId> placed(const char* strategy) {
  rc::Random random(1);
  return place(*strategy_from_text(strategy), small_tree(), random);
}

TEST(Placement, EachStrategyPicksItsNodes) {
  using Nodes = std::vector<NodeId>;
  EXPECT_EQ(placed("leaves"), (Nodes{2, 3}));
  EXPECT_EQ(placed("all"), (Nodes{0, 1, 2, 3}));
  EXPECT_EQ(placed("depth:1"), (Nodes{1, 2}));
  EXPECT_EQ(placed("depth:3"), Nodes{});
  EXPECT_EQ(placed("random:0"), Nodes{});
  EXPECT_EQ(placed("random:100"), (Nodes{0, 1, 2, 3}));
  EXPECT_EQ(placed("interior"), (Nodes{0, 1}));
  EXPECT_EQ(placed("limited"), Nodes{3});
  EXPECT_EQ(placed("unlimited"), (Nodes{0, 1, 2}));
  EXPECT_EQ(placed("deepest"), Nodes{3});
  EXPECT_EQ(placed("even_depth"), (Nodes{0, 3}));
  EXPECT_EQ(placed("only_child"), Nodes{3});
}

TEST(Placement, RandomPicksItsShareOfNodes) {
  const Strategy strategy = *strategy_from_text("random:30");
  rc::Random random(3);
  size_t picked = 0;
  for (int i = 0; i < 1'000; ++i) picked += place(strategy, small_tree(), random).size();
  EXPECT_NEAR(static_cast<double>(picked) / 4'000, 0.3, 0.04);
}

TEST(Placement, TextThatNamesNoStrategyIsRefused) {
  for (const char* text :
       {"", "leaf", "random", "random:", "random:101", "random:-1", "random:3x", "depth:33"}) {
    EXPECT_EQ(strategy_from_text(text), std::nullopt) << text;
  }
}

TEST(Placement, ForcedStrategyIsTheOnlyOne) {
  Constraints constraints = FakeMachine().constraints();
  constraints.placement = strategy_from_text("interior");
  int interior = 0;
  for (uint64_t index = 0; index < 60; ++index) {
    const Scenario scenario = draw_scenario(*find_property("pids"), constraints, 2, index);
    if (scenario.tree.size() == 1) continue;  // no interior node: the leaves
    ++interior;
    EXPECT_EQ(scenario.strategy, *constraints.placement);
    for (const Worker& worker : scenario.workers) EXPECT_FALSE(scenario.tree.is_leaf(worker.node));
  }
  EXPECT_GT(interior, 20);
}

TEST(TreeGen, TreesKeepTheirShapeAndNamesAreLegal) {
  rc::check("trees keep their shape", [] {
    TreeShape shape;
    shape.max_depth = *rc::gen::inRange(0, 6);
    shape.max_children = *rc::gen::inRange(1, 5);
    shape.min_depth = *rc::gen::inRange(0, shape.max_depth + 1);
    shape.min_nodes = shape.min_depth + 1;
    shape.max_nodes = shape.min_nodes + *rc::gen::inRange(0, 20);
    const Scenario scenario{*tree_gen(shape), {}, {}, {}, {}, {}, {}};
    RC_ASSERT(validate(scenario).empty());
    RC_ASSERT(scenario.tree.max_depth() >= shape.min_depth);
    RC_ASSERT(scenario.tree.max_depth() <= shape.max_depth);
    RC_ASSERT(scenario.tree.size() <= shape.max_nodes);
  });
}

TEST(ScenarioGen, CarriesTheHandWrittenShrinksAndAName) {
  const auto gen = scenario_gen(*find_property("memory"), FakeMachine().constraints());
  EXPECT_EQ(gen.name(), "memory");
  const auto drawn = gen(rc::Random(5), rc::kNominalSize);
  auto shrinks = drawn.shrinks();
  const auto first = shrinks.next();
  ASSERT_TRUE(first);
  EXPECT_LT(size_of(first->value()), size_of(drawn.value()));
}

TEST(Plainer, OffersRoundNumbersFirst) {
  EXPECT_EQ(plainer(7'341, 1'000, false), (std::vector<int64_t>{1'000, 7'000, 8'000, 7'300}));
  EXPECT_EQ(plainer(1, 1, false), std::vector<int64_t>{});
  EXPECT_EQ(plainer(-523, INT64_MIN, false).front(), -1);
  const std::vector<int64_t> bytes = plainer(5'300'000, 4096, true);
  EXPECT_EQ(bytes[0], 1 << 20);
  EXPECT_EQ(bytes[1], 4 << 20);
  EXPECT_EQ(bytes[2], 8 << 20);
}

TEST(Plainer, NeverLeavesTheRangeOrReturnsTheNumberItself) {
  rc::check("plainer numbers stay in range", [](bool is_bytes) {
    const auto least = *rc::gen::inRange<int64_t>(0, 10'000);
    const auto value = least + *rc::gen::inRange<int64_t>(0, int64_t{1} << 40);
    for (const int64_t number : plainer(value, least, is_bytes)) {
      RC_ASSERT(number >= least);
      RC_ASSERT(number != value);
    }
  });
}

}  // namespace
}  // namespace treeline

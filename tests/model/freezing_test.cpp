#include "model/freezing.h"

#include <gtest/gtest.h>

namespace treeline {
namespace {

/// "t/a/b" and "t/c"; "t/a" is frozen, then "t/a/b", then the first is thawed.
Scenario frozen_twice() {
  Scenario scenario;
  scenario.tree.nodes = {{"t", kNoParent, {}}, {"a", 0, {}}, {"b", 1, {}}, {"c", 0, {}}};
  scenario.actions = {
      {10'000, Action::Kind::Freeze, 1}, {20'000, Action::Kind::Freeze, 2}, {30'000, Action::Kind::Thaw, 1}};
  return scenario;
}

TEST(Freezing, ReachesAllGroupsBelow) {
  const Scenario scenario = frozen_twice();
  const std::set<NodeId> frozen = frozen_after(scenario, 1, every_action);
  EXPECT_EQ(frozen, std::set<NodeId>{1});
  EXPECT_TRUE(is_frozen(scenario.tree, frozen, 1));
  EXPECT_TRUE(is_frozen(scenario.tree, frozen, 2));
  EXPECT_FALSE(is_frozen(scenario.tree, frozen, 0));
  EXPECT_FALSE(is_frozen(scenario.tree, frozen, 3));
}

TEST(Freezing, OfAGroupOutlastsThatOfItsParent) {
  const Scenario scenario = frozen_twice();
  EXPECT_EQ(frozen_after(scenario, 3, every_action), std::set<NodeId>{2});
  EXPECT_EQ(frozen_after(scenario, 0, every_action), std::set<NodeId>{});
}

TEST(Freezing, ThatWasRefusedIsNone) {
  EXPECT_EQ(frozen_after(frozen_twice(), 3, [](size_t i) { return i == 1; }), std::set<NodeId>{2});
}

}  // namespace
}  // namespace treeline

#include "model/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace treeline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

//  t ─┬─ a ─┬─ c
//     │     └─ e ── f
//     └─ b ── d
Tree known_tree() {
  return {{{"t", kNoParent, {}},
           {"a", 0, {}},
           {"b", 0, {}},
           {"c", 1, {}},
           {"d", 2, {}},
           {"e", 1, {}},
           {"f", 5, {}}}};
}

TEST(Tree, KnowsDepths) {
  const Tree tree = known_tree();
  EXPECT_EQ(tree.depth(0), 0);
  EXPECT_EQ(tree.depth(2), 1);
  EXPECT_EQ(tree.depth(6), 3);
  EXPECT_EQ(tree.max_depth(), 3);
}

TEST(Tree, KnowsChildrenAndLeaves) {
  const Tree tree = known_tree();
  EXPECT_THAT(tree.children(0), ElementsAre(1, 2));
  EXPECT_THAT(tree.children(1), ElementsAre(3, 5));
  EXPECT_THAT(tree.children(6), IsEmpty());
  EXPECT_FALSE(tree.is_leaf(5));
  EXPECT_TRUE(tree.is_leaf(3));
}

TEST(Tree, LineageGoesFromTheNodeToTheRoot) {
  EXPECT_THAT(known_tree().lineage(6), ElementsAre(6, 5, 1, 0));
  EXPECT_THAT(known_tree().lineage(0), ElementsAre(0));
}

TEST(Tree, SubtreeHasParentsFirst) {
  EXPECT_THAT(known_tree().subtree(0), ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_THAT(known_tree().subtree(1), ElementsAre(1, 3, 5, 6));
  EXPECT_THAT(known_tree().subtree(4), ElementsAre(4));
}

TEST(Tree, SubtreeAndMembershipAgree) {
  const Tree tree = known_tree();
  for (NodeId top = 0; top < tree.size(); ++top) {
    const std::vector<NodeId> nodes = tree.subtree(top);
    for (NodeId id = 0; id < tree.size(); ++id) {
      const bool listed = std::find(nodes.begin(), nodes.end(), id) != nodes.end();
      EXPECT_EQ(tree.is_in_subtree(id, top), listed) << id << " below " << top;
    }
  }
}

TEST(Tree, PathsJoinTheNames) {
  EXPECT_EQ(known_tree().path(0), "t");
  EXPECT_EQ(known_tree().path(6), "t/a/e/f");
}

TEST(LegalName, IsPlain) {
  for (const char* name : {"a", "Z9", "_", "-", "a_b-c", "abcdefghijklmnopqrstuvwxyz012345"}) {
    EXPECT_TRUE(is_legal_name(name)) << name;
  }
  for (const char* name : {"", ".", "..", "a.b", "a/b", "/", "a b", "a\n", "ä", "~", "*", "a=b",
                           "abcdefghijklmnopqrstuvwxyz0123456"}) {
    EXPECT_FALSE(is_legal_name(name)) << name;
  }
  EXPECT_FALSE(is_legal_name(std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace treeline

#include <gtest/gtest.h>

#include <cerrno>

#include "model/rules.h"
#include "world.h"

namespace treeline {
namespace {

using world_test::World;

/// t ─ a ─ b, and what each was answered.
World chain(Knob knob, int64_t limit, std::vector<int> answers) {
  World world;
  world.become_v2();
  world.add(world.add(kRoot, "a"), "b");
  world.limit(kRoot, knob, Amount{limit});
  world.run_for_ms(10);
  for (size_t i = 0; i < answers.size(); ++i) world.seen.nodes[i].child_errno = answers[i];
  return world;
}

std::vector<int> expected(const World& world) {
  std::vector<int> answers;
  for (NodeId node = 0; node < world.scenario.tree.size(); ++node) {
    answers.push_back(expected_child_errno(world.scenario, node, world.seen.machine));
  }
  return answers;
}

TEST(ExpectedChildErrno, DepthCountsLevelsBelowTheLimit) {
  EXPECT_EQ(expected(chain(Knob::CgroupMaxDepth, 0, {})), (std::vector<int>{EAGAIN, EAGAIN, EAGAIN}));
  EXPECT_EQ(expected(chain(Knob::CgroupMaxDepth, 2, {})), (std::vector<int>{0, 0, EAGAIN}));
  EXPECT_EQ(expected(chain(Knob::CgroupMaxDepth, 3, {})), (std::vector<int>{0, 0, 0}));
}

TEST(ExpectedChildErrno, DescendantsCountAtEveryLevel) {
  EXPECT_EQ(expected(chain(Knob::CgroupMaxDescendants, 2, {})), (std::vector<int>{EAGAIN, EAGAIN, EAGAIN}));
  EXPECT_EQ(expected(chain(Knob::CgroupMaxDescendants, 3, {})), (std::vector<int>{0, 0, 0}));
}

TEST(ExpectedChildErrno, LeafProxiesAreDescendants) {
  World world = chain(Knob::CgroupMaxDescendants, 3, {});
  world.work(1, Idle{});
  EXPECT_EQ(expected(world), (std::vector<int>{EAGAIN, EAGAIN, EAGAIN}));
  world.scenario.workers[0].node = 2;  // a leaf holds its tasks itself
  EXPECT_EQ(expected(world), (std::vector<int>{0, 0, 0}));
}

TEST(CgroupHierarchy, RightAnswersHold) {
  const World world = chain(Knob::CgroupMaxDepth, 2, {0, 0, EAGAIN});
  EXPECT_EQ(world.status("cgroup.hierarchy"), Status::Held) << world.explain("cgroup.hierarchy");
}

TEST(CgroupHierarchy, AMissingRefusalAndAWrongOneAreViolations) {
  EXPECT_EQ(chain(Knob::CgroupMaxDepth, 2, {0, 0, 0}).status("cgroup.hierarchy", 2), Status::Violated);
  EXPECT_EQ(chain(Knob::CgroupMaxDepth, 2, {0, EAGAIN, EAGAIN}).status("cgroup.hierarchy", 1),
            Status::Violated);
  EXPECT_EQ(chain(Knob::CgroupMaxDepth, 2, {0, 0, ENOMEM}).status("cgroup.hierarchy", 2), Status::Violated);
}

TEST(CgroupHierarchy, WhatWasNotTriedIsNotJudged) {
  EXPECT_EQ(chain(Knob::CgroupMaxDepth, 2, {}).status("cgroup.hierarchy"), Status::NotApplicable);
}

}  // namespace
}  // namespace treeline

#include "oracle/cpu_weight.h"

#include <gtest/gtest.h>

#include "cpu_world.h"
#include "model/rules.h"

namespace treeline::cpu_test {
namespace {

double least(CpuWorld world, NodeId group, NodeId node, LoadLeft left = LoadLeft::Decayed,
             Others others = Others::Run) {
  world.run_for_ms(1'000);
  return least_weight({&world.scenario, 1}, world.seen, group, node, left, others);
}

/// What is left of it once 2^-8 of each task's load is still counted elsewhere.
constexpr double kNearly = 0.99;

TEST(CpuWeight, OnTheOnlyCpuAGroupHasItsWeight) {
  CpuWorld world(1);
  const NodeId a = world.add(kRoot, "a");
  world.hog(a, 4);
  EXPECT_DOUBLE_EQ(least(world, a, a, LoadLeft::All), 1'024);
}

TEST(CpuWeight, SoItHasNearlyWhereItsTasksAreConfinedToOneCpu) {
  CpuWorld world;
  world.pin(kRoot, {1});
  const NodeId a = world.add(kRoot, "a");
  world.hog(a, 4);
  EXPECT_LT(least(world, a, a), 1'024);
  EXPECT_GT(least(world, a, a), kNearly * 1'024);
}

TEST(CpuWeight, WhatItsTasksLeftElsewhereMayHalveItAtFirst) {
  CpuWorld world;
  world.pin(kRoot, {1});
  const NodeId a = world.add(kRoot, "a");
  world.hog(a);
  EXPECT_DOUBLE_EQ(least(world, a, a, LoadLeft::All), 512);
}

TEST(CpuWeight, OfThreadsThatMayBeAnywhereOneIsHere) {
  CpuWorld world;
  const NodeId a = world.add(kRoot, "a");
  world.hog(a, 4);
  EXPECT_NEAR(least(world, a, a), 256, 2);
}

/// a/b, with b idle, weighs 3: the 1024 that b had when it was made count for more.
TEST(CpuWeight, AnIdleChildLeavesItsParentNextToNothingAtFirst) {
  CpuWorld world;
  world.pin(kRoot, {1});
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(a, "b", {{Knob::CpuIdle, Amount{1}}});
  world.hog(b);
  EXPECT_LT(least(world, a, b, LoadLeft::All), 1'024 * 3.0 / 1'024);
  EXPECT_GT(least(world, a, b), 1'024 / 4.0);
}

/// One CPU each: the parent's weight is where its heavy child is.
TEST(CpuWeight, ALightChildHasLittleOfItsParentBesideAHeavyOneOnAnotherCpu) {
  CpuWorld world;
  const NodeId parent = world.add(kRoot, "parent");
  const NodeId light = world.add(parent, "light");
  const NodeId heavy = world.add(parent, "heavy");
  world.pin(light, {0});
  world.pin(heavy, {1});
  world.weigh(heavy, 10'000);
  world.hog(light);
  world.hog(heavy);
  EXPECT_LT(least(world, parent, light), 1'024 / 100.0);
  EXPECT_GT(least(world, parent, heavy), kNearly * 1'024 * 100 / 101);
}

TEST(CpuWeight, WhoMayBeThrottledOrFrozenOrSleepsIsNoLoadThatIsSurelyHere) {
  CpuWorld world;
  world.pin(kRoot, {1});
  const NodeId parent = world.add(kRoot, "parent");
  const NodeId a = world.add(parent, "a");
  const NodeId b = world.add(parent, "b");
  world.hog(a);
  world.hog(b);
  EXPECT_GT(least(world, parent, a), kNearly * 1'024);
  EXPECT_NEAR(least(world, parent, a, LoadLeft::Decayed, Others::MayStandStill), 512, 5);
  world.cap(b, 10'000, 100'000);
  EXPECT_NEAR(least(world, parent, a), 512, 5);
  world.scenario.tree[b].limits.erase(Knob::CpuMax);
  world.scenario.workers[1].workload = CpuHog{1, 20, 10'000};
  EXPECT_NEAR(least(world, parent, a), 512, 5);
}

TEST(CpuWeight, WhoDiedOrLacksThreadsIsNoLoadThatIsSurelyHere) {
  CpuWorld world;
  world.pin(kRoot, {1});
  const NodeId a = world.add(kRoot, "a");
  world.hog(a);
  world.hog(a, 15);
  world.run_for_ms(1'000);
  const auto least_now = [&] {
    return least_weight({&world.scenario, 1}, world.seen, a, a, LoadLeft::Decayed, Others::Run);
  };
  EXPECT_GT(least_now(), kNearly * 1'024);
  world.seen.workers[1].forks_refused = 3;
  EXPECT_NEAR(least_now(), 64, 1);
  world.seen.workers[1].forks_refused = 0;
  world.seen.workers[1].end = WorkerEnd::OomKilled;
  EXPECT_NEAR(least_now(), 64, 1);
}

TEST(CpuWeight, ALeafProxyIsAGroup) {
  CpuWorld world;
  world.seen.machine.controllers[Controller::Cpu] = CgroupVersion::V2;
  world.pin(kRoot, {1});
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(a, "b");
  world.hog(a);
  world.hog(b);
  world.run_for_ms(1'000);
  const auto least_now = [&](LoadLeft left) {
    return least_leaf_proxy_weight({&world.scenario, 1}, world.seen, a, left, Others::Run);
  };
  EXPECT_DOUBLE_EQ(least_now(LoadLeft::All), 512);
  EXPECT_GT(least_now(LoadLeft::Decayed), kNearly * 1'024);
  EXPECT_GT(least(world, a, a), kNearly * 1'024) << "all of it is here";
}

TEST(CpuWeight, WhoMovedAwayLeftHisLoad) {
  CpuWorld world;
  world.pin(kRoot, {1});
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(kRoot, "b");
  world.hog(a);
  const size_t mover = world.hog(a, 8);
  Scenario then = world.scenario;
  then.workers[mover].node = b;
  world.run_for_ms(1'000);
  const std::vector<Scenario> until{world.scenario, then};
  EXPECT_NEAR(least_weight(until, world.seen, a, a, LoadLeft::All, Others::Run), 1'024 / 11.0, 1);
  EXPECT_LT(least_weight(until, world.seen, a, a, LoadLeft::Decayed, Others::Run), least({world}, a, a));
}

/// In the tree's root, on the last of the CPUs.
CpuWorld pinned_hog(int cpus) {
  CpuWorld world(cpus);
  world.pin(kRoot, {cpus - 1});
  world.hog(kRoot);
  world.run_for_ms(1'000);
  return world;
}

double least_part(const CpuWorld& world, NodeId node) {
  return least_part_of_cpu({&world.scenario, 1}, world.seen, node, LoadLeft::All, Others::Run);
}

TEST(CpuWeight, AgainstTheOutsideTheOwnerHasItsGreatWeight) {
  CpuWorld world = pinned_hog(1);
  world.seen.running_tasks = 0;
  EXPECT_DOUBLE_EQ(least_part(world, kRoot), 1);
  world.seen.running_tasks = 1;
  EXPECT_DOUBLE_EQ(least_part(world, kRoot), 262'144 / (262'144 + 1'024.0));
  world.seen.outside_shares = 262'144;
  EXPECT_DOUBLE_EQ(least_part(world, kRoot), 262'144 / (2 * 262'144 + 1'024.0));
}

/// The owner has of its weight what its only child, the tree's root, weighs here: 51 of 51 + 1024.
TEST(CpuWeight, ALightRootLeavesItsOwnerLittleAtFirst) {
  CpuWorld world = pinned_hog(2);
  world.seen.running_tasks = 1;
  EXPECT_GT(least_part(world, kRoot), 0.98);
  world.weigh(kRoot, 10);
  constexpr double kOwner = 262'144 * 51.0 / (51 + 1'024);
  EXPECT_DOUBLE_EQ(least_part(world, kRoot), kOwner / (kOwner + 1'024));
}

TEST(CpuWeight, GroupsAboveTheOwnerCompeteToo) {
  CpuWorld world = pinned_hog(1);
  world.seen.running_tasks = 0;
  world.seen.groups_above = {{1'024, 1'024}, {2'048, 0}, {1'024, 3'072}};
  EXPECT_DOUBLE_EQ(least_part(world, kRoot), 0.5 * 0.25);
  world.seen.running_tasks = 1;
  EXPECT_LT(least_part(world, kRoot), 0.5 * 0.25);
}

TEST(CpuWeight, AGroupAboveMayHaveItsLoadElsewhere) {
  CpuWorld world = pinned_hog(2);
  world.seen.running_tasks = 0;
  world.seen.groups_above = {{1'024, 1'024}};
  EXPECT_LT(least_part(world, kRoot), 0.5);
  EXPECT_GT(least_part(world, kRoot), 0.1);
}

}  // namespace
}  // namespace treeline::cpu_test

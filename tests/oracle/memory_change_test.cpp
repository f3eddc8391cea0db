#include <gtest/gtest.h>

#include <cerrno>

#include "world.h"

/// memory.swap.max, memory.oom.group, memory.low and memory.min, and the limits of the hierarchy, where they
/// or memory.max are changed while work runs.
namespace treeline::world_test {
namespace {

/// `set` at `at_ms`, within 1 ms.
void change(World& world, int64_t at_ms, NodeId node, Knob knob, Amount set) {
  Action& action = world.scenario.actions[world.act(Action::Kind::SetLimit, node, at_ms)];
  action.knob = knob;
  action.value = set;
}

/// A hog of 16 MiB has touched all when memory.swap.max is set to 2 MiB, at 20 ms, and memory.max to 8 MiB,
/// at 40 ms. `swapped`: bytes in swap as read at 19, 22, 39, 42 and 100 ms.
World swapped_world(const std::vector<int64_t>& swapped) {
  World world;
  world.become_v2();
  world.seen.machine.swap_bytes = 64 * kMiB;
  world.hold(kRoot, 16 * kMiB);
  change(world, 20, kRoot, Knob::MemorySwapMax, {2 * kMiB});
  change(world, 40, kRoot, Knob::MemoryMax, {8 * kMiB});
  world.run_for_ms(100);
  const std::vector<int64_t> at_ms{19, 22, 39, 42, 100};
  world.seen.nodes[kRoot].series.clear();
  for (size_t i = 0; i < at_ms.size(); ++i) {
    world.seen.nodes[kRoot].series.push_back(
        {at_ms[i] * kMs, {{Counter::MemorySwapCurrent, swapped[i]}}, kMs / 2});
  }
  world.after(kRoot)[Counter::MemorySwapCurrent] = swapped.back();
  return world;
}

/// Of the last stretch; none before it can show anything.
Status swap_status(const std::vector<int64_t>& swapped) {
  return swapped_world(swapped).findings("memory.swap_max").back().status;
}

TEST(MemoryChange, SwapStaysBelowTheLimitThatWasSetBefore) {
  EXPECT_EQ(swap_status({0, 0, 0, 2 * kMiB, 2 * kMiB}), Status::Held)
      << swapped_world({0, 0, 0, 2 * kMiB, 2 * kMiB}).explain("memory.swap_max");
  EXPECT_EQ(swap_status({0, 0, 0, 2 * kMiB + kPage, 2 * kMiB}), Status::Violated);
  EXPECT_EQ(swap_status({0, 0, 0, 2 * kMiB, 2 * kMiB + kPage}), Status::Violated);
}

TEST(MemoryChange, SwapThatWasThereWhenItsLimitWasSetMayStay) {
  EXPECT_EQ(swap_status({3 * kMiB, 3 * kMiB, 3 * kMiB, 3 * kMiB, 3 * kMiB}), Status::Held)
      << swapped_world({3 * kMiB, 3 * kMiB, 3 * kMiB, 3 * kMiB, 3 * kMiB}).explain("memory.swap_max");
  EXPECT_EQ(swap_status({3 * kMiB, 3 * kMiB, 3 * kMiB, 4 * kMiB, 4 * kMiB}), Status::Violated)
      << "what comes by the write of memory.max was not there before";
}

TEST(MemoryChange, SwapShowsNothingOnceWhoWantedItIsDead) {
  World world = swapped_world({0, 0, 0, 0, 0});
  world.seen.workers[0].end = WorkerEnd::OomKilled;
  world.seen.workers[0].ended_ns = 30 * kMs;
  EXPECT_EQ(world.findings("memory.swap_max").back().status, Status::Inconclusive);
}

TEST(MemoryChange, SwapShowsNothingBeforeMemoryRunsShort) {
  World world = swapped_world({0, 0, 0, 0, 0});
  world.scenario.actions.pop_back();
  world.seen.actions.pop_back();
  EXPECT_EQ(world.status("memory.swap_max"), Status::Inconclusive);
}

/// Below t a hog and an idle worker; t becomes a group for the OOM killer at 20 ms, and memory.max is
/// lowered at 40 ms, for which the hog is killed at `killed_ms`.
World killed_world(int64_t killed_ms, bool all_killed) {
  World world;
  world.become_v2();
  world.hold(world.add(kRoot, "a"), 16 * kMiB);
  world.work(world.add(kRoot, "b"), Idle{});
  change(world, 20, kRoot, Knob::MemoryOomGroup, {1});
  change(world, 40, kRoot, Knob::MemoryMax, {8 * kMiB});
  world.run_for_ms(100);
  world.oom_kill(0, 16 * kMiB);
  world.seen.workers[0].ended_ns = killed_ms * kMs;
  if (all_killed) world.oom_kill(1, 0);
  if (all_killed) world.seen.workers[1].ended_ns = killed_ms * kMs;
  return world;
}

TEST(MemoryChange, AGroupThatWasMadeOneBeforeIsKilledAsAWhole) {
  EXPECT_EQ(killed_world(41, true).status("memory.oom_group"), Status::Held)
      << killed_world(41, true).explain("memory.oom_group");
  EXPECT_EQ(killed_world(41, false).status("memory.oom_group"), Status::Violated);
}

TEST(MemoryChange, WhoWasKilledBeforeTheFlagWasSetShowsNothing) {
  EXPECT_EQ(killed_world(20, false).status("memory.oom_group"), Status::Inconclusive);
}

TEST(MemoryChange, WhoWasKilledForALimitThatStoodBeforeTheFlagShowsNothing) {
  World world = killed_world(41, false);
  std::swap(world.scenario.actions[0], world.scenario.actions[1]);
  EXPECT_EQ(world.status("memory.oom_group"), Status::Inconclusive)
      << "it may have died before it was seen to";
}

TEST(MemoryChange, AGroupThatIsNoneInTheEndSaysNothing) {
  World world = killed_world(41, false);
  world.limit(kRoot, Knob::MemoryOomGroup, Amount{1});
  world.scenario.actions[0].value = Amount{0};
  EXPECT_EQ(world.status("memory.oom_group"), Status::NotApplicable);
}

TEST(MemoryChange, ALimitBelowTheFlagKillsThereOnlyThoughItCameLater) {
  World world = killed_world(41, false);
  world.scenario.actions[1].node = 1;
  EXPECT_EQ(world.status("memory.oom_group"), Status::Inconclusive);
}

/// t has a group that holds 4 MiB of page cache, which is protected at 20 ms, and a hog of 24 MiB; at 40 ms
/// memory.max of t becomes 12 MiB. `left`: of the 4 MiB.
World protected_world(Knob knob, int64_t left) {
  World world;
  world.become_v2();
  const NodeId spared = world.add(kRoot, "spared");
  const NodeId hog = world.add(kRoot, "hog");
  world.hold(spared, 4 * kMiB, MemoryKind::File);
  world.hold(hog, 24 * kMiB, MemoryKind::File);
  change(world, 20, spared, knob, {6 * kMiB});
  change(world, 40, kRoot, Knob::MemoryMax, {12 * kMiB});
  world.run_for_ms(100);
  world.after(spared)[Counter::MemoryCurrent] = left;
  world.after(hog)[Counter::MemoryCurrent] = 7 * kMiB;
  return world;
}

TEST(MemoryChange, WhatWasProtectedBeforeMemoryRanShortIsSpared) {
  for (const Knob knob : {Knob::MemoryMin, Knob::MemoryLow}) {
    EXPECT_EQ(protected_world(knob, 4 * kMiB).status("memory.protection", 1), Status::Held)
        << protected_world(knob, 4 * kMiB).explain("memory.protection");
    EXPECT_EQ(protected_world(knob, 4 * kMiB - kPage).status("memory.protection", 1), Status::Violated);
  }
}

TEST(MemoryChange, OfProtectionThatCameTooLateNothingIsSaid) {
  World world = protected_world(Knob::MemoryMin, kMiB);
  std::swap(world.scenario.actions[0], world.scenario.actions[1]);
  EXPECT_EQ(world.status("memory.protection"), Status::NotApplicable) << "memory.max was lowered before";
  world = protected_world(Knob::MemoryMin, kMiB);
  world.memory_max(kRoot, 16 * kMiB);
  EXPECT_EQ(world.status("memory.protection"), Status::NotApplicable) << "a limit pressed all the time";
}

TEST(MemoryChange, WhereAMemoryMaxIsRaisedNothingIsSaidOfProtection) {
  World world = protected_world(Knob::MemoryMin, kMiB);
  world.memory_max(kRoot, 64 * kMiB);
  EXPECT_EQ(world.status("memory.protection"), Status::Violated);
  world.scenario.actions[1].value = Amount{65 * kMiB};
  EXPECT_EQ(world.status("memory.protection"), Status::NotApplicable);
}

TEST(MemoryChange, WhoIsKilledByTheWriteOfMemoryMaxIsNotHeldAgainstProtection) {
  World world = protected_world(Knob::MemoryMin, 4 * kMiB);
  world.oom_kill(1, 24 * kMiB);
  for (const Finding& finding : world.findings("memory.protection")) {
    EXPECT_NE(finding.status, Status::Violated) << finding.sentence;
  }
}

TEST(HierarchyChange, OneMoreGroupIsRefusedByTheLimitsOfTheEnd) {
  for (const bool is_lowered : {true, false}) {
    World world;
    world.become_v2();
    world.limit(kRoot, Knob::CgroupMaxDepth, Amount{is_lowered ? 1 : 0});
    change(world, 5, kRoot, Knob::CgroupMaxDepth, {is_lowered ? 0 : 1});
    world.run_for_ms(10);
    world.seen.nodes[kRoot].child_errno = is_lowered ? EAGAIN : 0;
    EXPECT_EQ(world.status("cgroup.hierarchy"), Status::Held) << world.explain("cgroup.hierarchy");
    world.seen.nodes[kRoot].child_errno = is_lowered ? 0 : EAGAIN;
    EXPECT_EQ(world.status("cgroup.hierarchy"), Status::Violated);
  }
}

}  // namespace
}  // namespace treeline::world_test

#include "oracle/memory_protection_model.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>

namespace treeline {
namespace {

constexpr int64_t kPagesPerMiB = 256;
constexpr size_t kTarget = 0;

using Groups = std::vector<ProtectedGroup>;

/// tools/testing/selftests/cgroup/test_memcontrol.c, test_memcg_protection: the limit that is hit is that of
/// the parent of A, which has 50 MiB.
///
///   A    min 50 MiB
///   ├─ C   75 MiB, uses 50
///   ├─ D   25 MiB, uses 50
///   ├─ E    0,     uses 50
///   └─ F  500 MiB, uses 0
Groups selftest_groups() {
  return {{-1, 200 * kPagesPerMiB, 0},
          {0, 150 * kPagesPerMiB, 50 * kPagesPerMiB},
          {1, 50 * kPagesPerMiB, 75 * kPagesPerMiB},
          {1, 50 * kPagesPerMiB, 25 * kPagesPerMiB},
          {1, 50 * kPagesPerMiB, 0},
          {1, 0, 500 * kPagesPerMiB}};
}

TEST(EffectiveProtection, OvercommittedChildrenShareAsInTheKernelsSelftest) {
  for (const bool recursive : {false, true}) {
    const std::vector<int64_t> effective = effective_protection(selftest_groups(), kTarget, recursive);
    EXPECT_EQ(effective[1], 50 * kPagesPerMiB);
    EXPECT_EQ(effective[2], 50 * kPagesPerMiB * 50 / 75);  // 33 MiB
    EXPECT_EQ(effective[3], 25 * kPagesPerMiB * 50 / 75);  // 17 MiB
    EXPECT_EQ(effective[4], 0);
    EXPECT_EQ(effective[5], 0);
  }
}

/// tools/testing/selftests/cgroup/memcg_protection.m: what is above its protection is taken, in proportion to
/// that and SWAP_CLUSTER_MAX at least, from one after the other, until there is nothing above.
TEST(EffectiveProtection, ReclaimEndsWhereTheKernelsSelftestExpectsIt) {
  constexpr int64_t kClusterPages = 32;
  Groups groups = selftest_groups();
  for (bool is_taking = true; is_taking;) {
    is_taking = false;
    for (size_t i = 2; i < groups.size(); ++i) {
      const int64_t over = groups[i].usage - effective_protection(groups, kTarget, false)[i];
      if (over <= 0) continue;
      const int64_t taken = std::min(groups[i].usage, std::max(over / 10, kClusterPages));
      groups[i].usage -= taken;
      groups[1].usage -= taken;
      is_taking = true;
    }
  }
  const double mib = kPagesPerMiB;
  EXPECT_NEAR(static_cast<double>(groups[2].usage) / mib, 29, 1.5);
  EXPECT_NEAR(static_cast<double>(groups[3].usage) / mib, 21, 1.5);
  EXPECT_EQ(groups[4].usage, 0);
  EXPECT_NEAR(static_cast<double>(groups[1].usage) / mib, 50, 1.0);
}

TEST(EffectiveProtection, WhatTheTargetItselfAndOthersHaveDoesNotCount) {
  const Groups groups{{-1, 30, 30}, {0, 10, 10}, {0, 20, 20}, {2, 20, 20}};
  EXPECT_EQ(effective_protection(groups, 0, false), (std::vector<int64_t>{0, 10, 20, 20}));
  EXPECT_EQ(effective_protection(groups, 2, false), (std::vector<int64_t>{0, 0, 0, 20}));
}

TEST(EffectiveProtection, GoesDownAChainOnlyAsFarAsEachLevelHasIt) {
  const Groups held{{-1, 90, 0}, {0, 80, 50}, {1, 80, 70}, {2, 80, 60}};
  EXPECT_EQ(effective_protection(held, kTarget, false), (std::vector<int64_t>{0, 50, 50, 50}));
  const Groups broken{{-1, 90, 0}, {0, 80, 50}, {1, 80, 0}, {2, 80, 60}};
  EXPECT_EQ(effective_protection(broken, kTarget, false)[3], 0);
  // With memory_recursiveprot a level that claims nothing gets what its parent has.
  EXPECT_EQ(effective_protection(broken, kTarget, true), (std::vector<int64_t>{0, 50, 50, 50}));
}

TEST(EffectiveProtection, UnclaimedIsSharedByUnprotectedUsage) {
  const Groups groups{{-1, 100, 0}, {0, 100, 60}, {1, 40, 20}, {1, 60, 0}};
  EXPECT_EQ(effective_protection(groups, kTarget, false), (std::vector<int64_t>{0, 60, 20, 0}));
  EXPECT_EQ(effective_protection(groups, kTarget, true), (std::vector<int64_t>{0, 60, 30, 30}));
}

/// A tree of which each group has what is set to it, uses something itself, and holds its children's.
Groups draw_groups() {
  const auto drawn = *rc::gen::container<std::vector<std::tuple<int, int, int>>>(
      rc::gen::tuple(rc::gen::inRange(0, 1000), rc::gen::inRange(0, 4000), rc::gen::inRange(0, 4000)));
  Groups groups{{-1, 0, 0}};
  for (const auto& [parent, usage, protection] : drawn) {
    groups.push_back({parent % static_cast<int>(groups.size()), usage, protection});
  }
  for (size_t i = groups.size() - 1; i > 0; --i) {
    groups[static_cast<size_t>(groups[i].parent)].usage += groups[i].usage;
  }
  return groups;
}

int depth_of(const Groups& groups, size_t i) {
  int depth = 0;
  for (int up = groups[i].parent; up >= 0; up = groups[static_cast<size_t>(up)].parent) ++depth;
  return depth;
}

RC_GTEST_PROP(EffectiveProtectionLaw, ChildrenNeverHaveMoreThanTheirParentTogether, ()) {
  const Groups groups = draw_groups();
  for (const bool recursive : {false, true}) {
    const std::vector<int64_t> effective = effective_protection(groups, kTarget, recursive);
    std::vector<int64_t> sums(groups.size(), 0);
    for (size_t i = 1; i < groups.size(); ++i) sums[static_cast<size_t>(groups[i].parent)] += effective[i];
    for (size_t i = 1; i < groups.size(); ++i) RC_ASSERT(sums[i] <= effective[i]);
  }
}

RC_GTEST_PROP(EffectiveProtectionLaw, NobodyHasMoreThanIsSetOrBelowTheFirstLevelThanItUses, ()) {
  const Groups groups = draw_groups();
  const std::vector<int64_t> plain = effective_protection(groups, kTarget, false);
  const std::vector<int64_t> recursive = effective_protection(groups, kTarget, true);
  for (size_t i = 1; i < groups.size(); ++i) {
    RC_ASSERT(plain[i] <= groups[i].protection);
    RC_ASSERT(recursive[i] >= plain[i]);
    if (depth_of(groups, i) == 1) continue;
    RC_ASSERT(plain[i] <= groups[i].usage);
  }
}

RC_GTEST_PROP(EffectiveProtectionLaw, MoreForAGroupIsNeverLessForItOrMoreForASibling, ()) {
  Groups groups = draw_groups();
  RC_PRE(groups.size() > 1u);
  const size_t raised = *rc::gen::inRange<size_t>(1, groups.size());
  const std::vector<int64_t> before = effective_protection(groups, kTarget, false);
  groups[raised].protection += *rc::gen::inRange(1, 2000);
  const std::vector<int64_t> after = effective_protection(groups, kTarget, false);
  RC_ASSERT(after[raised] >= before[raised]);
  for (size_t i = 1; i < groups.size(); ++i) {
    if (i != raised && groups[i].parent == groups[raised].parent) RC_ASSERT(after[i] <= before[i]);
  }
}

RC_GTEST_PROP(EffectiveProtectionLaw, AnOnlyChildHasTheLeastOfItsLineage, ()) {
  const auto settings = *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 4000)));
  const int usage = *rc::gen::inRange(1, 4000);
  Groups groups{{-1, usage, 0}};
  for (const int setting : settings) groups.push_back({static_cast<int>(groups.size()) - 1, usage, setting});
  const std::vector<int64_t> effective = effective_protection(groups, kTarget, false);
  const int least = *std::min_element(settings.begin(), settings.end());
  RC_ASSERT(std::min<int64_t>(effective.back(), usage) == std::min(least, usage));
}

/// The law on which the judge rests: whatever the groups use by now, up to the most that they ever did.
RC_GTEST_PROP(GuaranteedProtectionLaw, IsAGroupsOwnWhateverTheOthersUse, ()) {
  const Groups most = draw_groups();
  Groups now = most;
  for (ProtectedGroup& group : now) group.usage = 0;
  for (size_t i = now.size() - 1; i > 0; --i) {
    // No less than its children use, no more than it ever did.
    now[i].usage += *rc::gen::inRange<int64_t>(0, most[i].usage - now[i].usage + 1);
    now[static_cast<size_t>(now[i].parent)].usage += now[i].usage;
  }
  const std::vector<int64_t> guaranteed = guaranteed_protection(most, kTarget);
  for (const bool recursive : {false, true}) {
    const std::vector<int64_t> effective = effective_protection(now, kTarget, recursive);
    for (size_t i = 1; i < now.size(); ++i) {
      RC_ASSERT(effective[i] >= std::min(now[i].usage, guaranteed[i]));
    }
  }
}

RC_GTEST_PROP(GuaranteedProtectionLaw, NeverExceedsWhatIsSet, ()) {
  const Groups groups = draw_groups();
  const std::vector<int64_t> guaranteed = guaranteed_protection(groups, kTarget);
  for (size_t i = 1; i < groups.size(); ++i) {
    RC_ASSERT(guaranteed[i] >= 0);
    RC_ASSERT(guaranteed[i] <= groups[i].protection);
  }
}

TEST(GuaranteedProtection, IsWhatSiblingsLeave) {
  // Of the selftest's 50 MiB, the 25 that D claims may be D's in full, and C's 50 leave D nothing.
  const std::vector<int64_t> guaranteed = guaranteed_protection(selftest_groups(), kTarget);
  EXPECT_EQ(guaranteed[1], 50 * kPagesPerMiB);
  EXPECT_EQ(guaranteed[2], 25 * kPagesPerMiB);
  EXPECT_EQ(guaranteed[3], 0);
}

}  // namespace
}  // namespace treeline

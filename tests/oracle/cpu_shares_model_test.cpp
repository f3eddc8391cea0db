#include "oracle/cpu_shares_model.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>

namespace treeline {
namespace {

using Entities = std::vector<CpuEntity>;

constexpr double kNone = CpuEntity::kNone;
constexpr double kRounding = 1e-9;
constexpr double kIdleWeight = 3;

/// Numbers with few digits, so that a shrunk case reads well.
double draw_rate() { return *rc::gen::inRange(0, 41) / 20.0; }
double draw_weight() { return *rc::gen::inRange(1, 3'000); }

/// Up to 12 entities; leaves want up to two CPUs, some groups and leaves have a cap.
Entities draw_entities() {
  Entities entities(1);
  const int count = *rc::gen::inRange(2, 13);
  for (int i = 1; i < count; ++i) {
    CpuEntity entity;
    entity.parent = *rc::gen::inRange(0, i);
    entity.weight = draw_weight();
    if (*rc::gen::inRange(0, 3) == 0) entity.cap = draw_rate();
    entities.push_back(entity);
  }
  for (size_t i = 0; i < entities.size(); ++i) {
    const bool is_leaf = std::none_of(entities.begin(), entities.end(), [&](const CpuEntity& entity) {
      return entity.parent == static_cast<int>(i);
    });
    if (is_leaf) entities[i].demand = draw_rate();
  }
  return entities;
}

size_t draw_index(const Entities& entities, size_t least) {
  return *rc::gen::inRange<size_t>(least, entities.size());
}

std::vector<size_t> siblings_of(const Entities& entities, size_t of) {
  std::vector<size_t> siblings;
  for (size_t i = 1; i < entities.size(); ++i) {
    if (i != of && entities[i].parent == entities[of].parent) siblings.push_back(i);
  }
  return siblings;
}

double sum_below(const Entities& entities, const std::vector<double>& rates, size_t parent) {
  double sum = entities[parent].demand > 0 ? rates[parent] : 0;
  for (size_t i = 1; i < entities.size(); ++i) {
    if (entities[i].parent == static_cast<int>(parent)) sum += rates[i];
  }
  return sum;
}

void expect_equal(const std::vector<double>& one, const std::vector<double>& other) {
  RC_ASSERT(one.size() == other.size());
  for (size_t i = 0; i < one.size(); ++i) RC_ASSERT(std::abs(one[i] - other[i]) < kRounding);
}

RC_GTEST_PROP(CpuSharesModel, ConservesWork, ()) {
  const Entities entities = draw_entities();
  const double capacity = draw_rate();
  const std::vector<double> rates = cpu_rates(entities, capacity);
  const std::vector<double> unbounded = cpu_rates(entities, 1'000);
  RC_ASSERT(std::abs(rates[0] - std::min(capacity, unbounded[0])) < kRounding);
  for (size_t i = 0; i < entities.size(); ++i) {
    RC_ASSERT(std::abs(sum_below(entities, rates, i) - rates[i]) < kRounding);
  }
}

RC_GTEST_PROP(CpuSharesModel, NeverGivesMoreThanCapOrDemand, ()) {
  const Entities entities = draw_entities();
  const std::vector<double> rates = cpu_rates(entities);
  for (size_t i = 0; i < entities.size(); ++i) {
    RC_ASSERT(rates[i] >= -kRounding);
    RC_ASSERT(rates[i] <= entities[i].cap + kRounding);
    if (entities[i].demand > 0) RC_ASSERT(rates[i] <= entities[i].demand + kRounding);
    if (i > 0) RC_ASSERT(rates[i] <= rates[static_cast<size_t>(entities[i].parent)] + kRounding);
  }
}

RC_GTEST_PROP(CpuSharesModel, MoreWeightNeverGivesLess, ()) {
  Entities entities = draw_entities();
  const size_t chosen = draw_index(entities, 1);
  const std::vector<double> before = cpu_rates(entities);
  entities[chosen].weight += draw_weight();
  const std::vector<double> after = cpu_rates(entities);
  RC_ASSERT(after[chosen] >= before[chosen] - kRounding);
  for (const size_t sibling : siblings_of(entities, chosen)) {
    RC_ASSERT(after[sibling] <= before[sibling] + kRounding);
  }
}

/// Of siblings: what the tighter cap leaves may flow up, so that their parent gets less, but never they.
RC_GTEST_PROP(CpuSharesModel, ATighterCapNeverRaisesOwnUseNorLowersASiblings, ()) {
  Entities entities = draw_entities();
  const size_t chosen = draw_index(entities, 1);
  const std::vector<double> before = cpu_rates(entities);
  entities[chosen].cap = std::min(entities[chosen].cap, draw_rate());
  const std::vector<double> after = cpu_rates(entities);
  RC_ASSERT(after[chosen] <= before[chosen] + kRounding);
  for (const size_t sibling : siblings_of(entities, chosen)) {
    RC_ASSERT(after[sibling] >= before[sibling] - kRounding);
  }
}

RC_GTEST_PROP(CpuSharesModel, AGroupAroundAnEntityChangesNothing, ()) {
  const Entities entities = draw_entities();
  const size_t chosen = draw_index(entities, 0);
  Entities wrapped = entities;
  CpuEntity wrapper;
  wrapper.parent = entities[chosen].parent;
  wrapper.weight = entities[chosen].weight;
  for (CpuEntity& entity : wrapped) entity.parent += entity.parent >= static_cast<int>(chosen) ? 1 : 0;
  wrapped.insert(wrapped.begin() + static_cast<std::ptrdiff_t>(chosen), wrapper);
  wrapped[chosen + 1].parent = static_cast<int>(chosen);
  wrapped[chosen + 1].weight = draw_weight();
  std::vector<double> rates = cpu_rates(wrapped);
  rates.erase(rates.begin() + static_cast<std::ptrdiff_t>(chosen));
  expect_equal(rates, cpu_rates(entities));
}

RC_GTEST_PROP(CpuSharesModel, TheOrderOfSiblingsChangesNothing, ()) {
  std::vector<double> weights;
  std::vector<double> wants;
  for (int i = *rc::gen::inRange(1, 8); i > 0; --i) {
    weights.push_back(draw_weight());
    wants.push_back(draw_rate());
  }
  const double capacity = draw_rate();
  const std::vector<double> rates = weighted_max_min(capacity, weights, wants);
  std::reverse(weights.begin(), weights.end());
  std::reverse(wants.begin(), wants.end());
  std::vector<double> reversed = weighted_max_min(capacity, weights, wants);
  std::reverse(reversed.begin(), reversed.end());
  expect_equal(reversed, rates);
}

RC_GTEST_PROP(CpuSharesModel, ScalingTheWeightsOfSiblingsChangesNothing, ()) {
  Entities entities = draw_entities();
  const size_t chosen = draw_index(entities, 1);
  const std::vector<double> before = cpu_rates(entities);
  const double factor = *rc::gen::inRange(2, 100);
  for (const size_t sibling : siblings_of(entities, chosen)) entities[sibling].weight *= factor;
  entities[chosen].weight *= factor;
  expect_equal(cpu_rates(entities), before);
}

/// Beside anyone who wants all of the CPU, an idle group gets its 3 shares' part of it, and no more.
RC_GTEST_PROP(CpuSharesModel, AnIdleSiblingGetsOnlyWhatIsLeft, ()) {
  const double weight = draw_weight();
  const double busy = draw_rate();
  const std::vector<double> weights{weight, kIdleWeight};
  const std::vector<double> wants{busy, kNone};
  const std::vector<double> rates = weighted_max_min(1, weights, wants);
  RC_ASSERT(rates[1] <= std::max(1 - busy, kIdleWeight / (weight + kIdleWeight)) + kRounding);
}

RC_GTEST_PROP(CpuSharesModel, OneCpuLiesInTheRangeOfSeveral, ()) {
  Entities entities = draw_entities();
  for (CpuEntity& entity : entities) entity.cpus = IdSet{{0}};
  const std::vector<double> rates = cpu_rates(entities);
  const std::vector<CpuRange> ranges = cpu_rate_ranges(entities);
  for (size_t i = 0; i < entities.size(); ++i) {
    RC_ASSERT(rates[i] <= ranges[i].most + kRounding);
    RC_ASSERT(rates[i] >= ranges[i].least - kRounding);
  }
}

/// Documentation/admin-guide/cgroup-v2.rst, "Weights": each active child gets the fraction that its weight is
/// of the sum over all active ones, and only those that can make use of the resource take part.
TEST(CpuSharesModel, OnlyActiveChildrenTakePart) {
  const std::vector<double> weights{100, 200, 700};
  EXPECT_EQ(weighted_max_min(1, weights, std::vector{kNone, kNone, kNone}), (std::vector{0.1, 0.2, 0.7}));
  const std::vector<double> rates = weighted_max_min(1, weights, std::vector{kNone, kNone, 0.0});
  EXPECT_DOUBLE_EQ(rates[0], 1 / 3.0);
  EXPECT_DOUBLE_EQ(rates[1], 2 / 3.0);
}

/// Documentation/scheduler/sched-design-CFS.rst: multimedia has 2048 shares, browser 1024, and so twice the
/// CPU.
TEST(CpuSharesModel, MultimediaGetsTwiceTheBrowsersTime) {
  const Entities entities{{-1, 1024, kNone, 0, {}}, {0, 2048, kNone, 1, {}}, {0, 1024, kNone, 1, {}}};
  const std::vector<double> rates = cpu_rates(entities);
  EXPECT_DOUBLE_EQ(rates[1], 2 * rates[2]);
}

/// Documentation/scheduler/sched-bwc.rst, "Examples" 1 to 3: quota and period in ms, and how many CPUs they
/// are worth.
TEST(CpuSharesModel, QuotasAreWorthTheCpusThatTheDocumentationSays) {
  struct Example {
    double quota_ms, period_ms, cpus;
  };
  for (const Example example : {Example{250, 250, 1}, Example{1'000, 500, 2}, Example{10, 50, 0.2}}) {
    const Entities entities{{-1, 1024, example.quota_ms / example.period_ms, 4, {}}};
    EXPECT_DOUBLE_EQ(cpu_rates(entities, 4)[0], example.cpus);
  }
}

/// The same page, "Hierarchical Considerations": a child is throttled by its own quota, or when its parent's
/// is used up, whatever it has left itself.
TEST(CpuSharesModel, AChildIsThrottledByItsOwnQuotaOrItsParents) {
  const Entities own{{-1, 1024, 0.5, 0, {}}, {0, 1024, 0.2, 1, {}}};
  EXPECT_DOUBLE_EQ(cpu_rates(own)[1], 0.2);
  const Entities parents{{-1, 1024, 0.5, 0, {}}, {0, 1024, 0.4, 1, {}}, {0, 1024, 0.4, 1, {}}};
  EXPECT_DOUBLE_EQ(cpu_rates(parents)[1], 0.25);
  EXPECT_DOUBLE_EQ(cpu_rates(parents)[2], 0.25);
}

///   a     weight 100, cap 0.1
///   b     weight 100
///   ├─ c  weight 100, wants 0.1
///   └─ d  weight 300
///   e     weight 300
TEST(CpuSharesModel, WhatIsLeftFlowsToSiblingsAtEachLevel) {
  const Entities entities{{-1, 1024, kNone, 0, {}}, {0, 100, 0.1, 1, {}},   {0, 100, kNone, 0, {}},
                          {2, 100, kNone, 0.1, {}}, {2, 300, kNone, 1, {}}, {0, 300, kNone, 1, {}}};
  const std::vector<double> rates = cpu_rates(entities);
  EXPECT_DOUBLE_EQ(rates[1], 0.1);
  EXPECT_DOUBLE_EQ(rates[2], 0.9 / 4);
  EXPECT_DOUBLE_EQ(rates[3], 0.9 / 16);
  EXPECT_DOUBLE_EQ(rates[4], 0.9 * 3 / 16);
  EXPECT_DOUBLE_EQ(rates[5], 0.9 * 3 / 4);
}

TEST(CpuSharesModel, OnSeveralCpusOnlyAGroupAloneOnItsOwnIsSureOfSome) {
  const IdSet both{{0, 1}};
  const Entities entities{{-1, 1024, kNone, 0, both},
                          {0, 1024, kNone, 2, IdSet{{0}}},
                          {0, 1024, 0.5, 2, IdSet{{1}}},
                          {0, 1024, kNone, 3, IdSet{{1}}}};
  const std::vector<CpuRange> ranges = cpu_rate_ranges(entities);
  EXPECT_DOUBLE_EQ(ranges[1].least, 1);
  EXPECT_DOUBLE_EQ(ranges[1].most, 1);
  EXPECT_DOUBLE_EQ(ranges[2].least, 0);
  EXPECT_DOUBLE_EQ(ranges[2].most, 0.5);
  EXPECT_DOUBLE_EQ(ranges[3].most, 1);
  EXPECT_DOUBLE_EQ(ranges[0].most, 2);
}

}  // namespace
}  // namespace treeline

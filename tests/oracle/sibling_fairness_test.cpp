#include "oracle/sibling_fairness.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <numeric>

#include "cpu_world.h"

namespace treeline::cpu_test {
namespace {

/// Two hogs on CPU 0, of weights 100 and 300.
CpuWorld two_siblings(double a_ms, double b_ms) {
  CpuWorld world;
  world.pin(kRoot, {0});
  world.weigh(world.add(kRoot, "a"), 100);
  world.weigh(world.add(kRoot, "b"), 300);
  world.ran_ms(world.hog(1), a_ms);
  world.ran_ms(world.hog(2), b_ms);
  world.run_for_ms(2'000);
  return world;
}

std::vector<SiblingFairness> fairness_of(const CpuWorld& world) {
  return sibling_fairness(world.scenario, world.seen);
}

TEST(SiblingFairness, SharesByWeightAreEven) {
  const auto seen = fairness_of(two_siblings(500, 1'500));
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_NEAR(seen[0].jain, 1, 1e-6);
  EXPECT_NEAR(seen[0].worst_lag_ns, 0, 0.1 * kMs);
  EXPECT_EQ(seen[0].shares.size(), 2u);
}

TEST(SiblingFairness, OfOneThatGotTooMuchTheLagIsItsExcess) {
  const auto seen = fairness_of(two_siblings(1'000, 1'000));
  ASSERT_EQ(seen.size(), 1u);
  const auto part = static_cast<double>(seen[0].to_ns - seen[0].from_ns) / 2e9;
  EXPECT_NEAR(std::fabs(seen[0].worst_lag_ns), 500.0 * kMs * part, 1.0 * kMs);
  EXPECT_NEAR(seen[0].jain, (1 + 3.0) * (1 + 3) / (2 * (1 + 9)), 1e-3);
  EXPECT_EQ(seen[0].worst_at_ns, seen[0].to_ns);
}

TEST(SiblingFairness, WhatIsLimitedOrSleepsDoesNotCompete) {
  CpuWorld capped = two_siblings(500, 1'500);
  capped.cap(1, 10'000, 100'000);
  EXPECT_TRUE(fairness_of(capped).empty());
  CpuWorld sleepy = two_siblings(500, 1'500);
  std::get<CpuHog>(sleepy.scenario.workers[0].workload).duty_percent = 50;
  EXPECT_TRUE(fairness_of(sleepy).empty());
  CpuWorld frozen = two_siblings(500, 1'500);
  frozen.freeze(1, 100);
  frozen.seen.actions.emplace_back();
  EXPECT_TRUE(fairness_of(frozen).empty());
}

TEST(SiblingFairness, OfFewerThreadsThanCpusNothingIsSaid) {
  CpuWorld world;
  world.add(kRoot, "a");
  world.add(kRoot, "b");
  world.ran_ms(world.hog(1), 2'000);
  world.ran_ms(world.hog(2), 2'000);
  world.run_for_ms(2'000);
  EXPECT_TRUE(fairness_of(world).empty());
}

std::vector<SiblingShare> drawn_shares() {
  const auto one = rc::gen::pair(rc::gen::inRange(1, 10'000), rc::gen::inRange(0, 1'000'000));
  const auto drawn = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::pair<int, int>>>(one));
  std::vector<SiblingShare> shares;
  for (const auto& [weight, service] : drawn) {
    shares.push_back({kRoot, static_cast<double>(weight), static_cast<double>(service)});
  }
  return shares;
}

RC_GTEST_PROP(JainIndex, LiesBetweenOneNthAndOne, ()) {
  const auto shares = drawn_shares();
  const double jain = jain_index(shares);
  RC_ASSERT(jain >= 1 / static_cast<double>(shares.size()) - 1e-9);
  RC_ASSERT(jain <= 1 + 1e-9);
}

RC_GTEST_PROP(JainIndex, IsOneIffSharesAreByWeight, ()) {
  auto shares = drawn_shares();
  const auto factor = *rc::gen::inRange(1, 1'000);
  for (SiblingShare& share : shares) share.service_ns = share.weight * factor;
  RC_ASSERT(std::fabs(jain_index(shares) - 1) < 1e-9);
  RC_PRE(shares.size() > 1);
  shares.front().service_ns *= 2;
  RC_ASSERT(jain_index(shares) < 1);
}

RC_GTEST_PROP(JainIndex, IsOneNthIfOneGotAll, ()) {
  auto shares = drawn_shares();
  for (SiblingShare& share : shares) share.service_ns = 0;
  shares.back().service_ns = 5;
  RC_ASSERT(std::fabs(jain_index(shares) * static_cast<double>(shares.size()) - 1) < 1e-9);
}

RC_GTEST_PROP(Lags, SumToZero, ()) {
  const std::vector<double> lags = lags_ns(drawn_shares());
  RC_ASSERT(std::fabs(std::accumulate(lags.begin(), lags.end(), 0.0)) < 1e-3);
}

}  // namespace
}  // namespace treeline::cpu_test

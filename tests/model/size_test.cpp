#include <gtest/gtest.h>

#include "rich_values.h"

namespace treeline {
namespace {

using model_test::plain_scenario;
using model_test::rich_scenario;

Scenario with_limit(Knob knob, const KnobValue& value) {
  Scenario scenario = plain_scenario();
  scenario.tree[0].limits[knob] = value;
  return scenario;
}
Scenario with_worker(const Workload& workload) {
  Scenario scenario = plain_scenario();
  scenario.workers = {{kRoot, workload}};
  return scenario;
}

TEST(SizeOf, CountsWhatTheScenarioHas) {
  const Size size = size_of(rich_scenario());
  EXPECT_EQ(size.nodes, 5);
  EXPECT_EQ(size.actions, 21) << "actions and probes";
  EXPECT_EQ(size.workers, 7);
  EXPECT_EQ(size.limits, 21 + 4 + 1 + 1);
  EXPECT_GT(size.detail, 0);
}

TEST(SizeOf, IsTheSameForEqualScenarios) { EXPECT_EQ(size_of(rich_scenario()), size_of(rich_scenario())); }

TEST(SizeOf, NodesWeighMoreThanActionsMoreThanWorkersMoreThanLimitsMoreThanDetail) {
  EXPECT_LT((Size{1, 9, 9, 9, 9}), (Size{2, 0, 0, 0, 0}));
  EXPECT_LT((Size{1, 1, 9, 9, 9}), (Size{1, 2, 0, 0, 0}));
  EXPECT_LT((Size{1, 1, 1, 9, 9}), (Size{1, 1, 2, 0, 0}));
  EXPECT_LT((Size{1, 1, 1, 1, 9}), (Size{1, 1, 1, 2, 0}));
  EXPECT_LT((Size{1, 1, 1, 1, 1}), (Size{1, 1, 1, 1, 2}));
}

TEST(SizeOf, DroppingAnythingIsSmaller) {
  const Size whole = size_of(rich_scenario());
  Scenario fewer = rich_scenario();
  fewer.tree.nodes.pop_back();
  fewer.workers.pop_back();
  fewer.probes.pop_back();
  EXPECT_LT(size_of(fewer), whole);
  fewer = rich_scenario();
  fewer.actions.pop_back();
  EXPECT_LT(size_of(fewer), whole);
  fewer = rich_scenario();
  fewer.workers.pop_back();
  EXPECT_LT(size_of(fewer), whole);
  fewer = rich_scenario();
  fewer.tree[1].limits.erase(Knob::IoWeight);
  EXPECT_LT(size_of(fewer), whole);
}

TEST(SizeOf, PlainNumbersAreSmallerThanOddOnes) {
  const auto memory = [](int64_t bytes) { return size_of(with_limit(Knob::MemoryMax, Amount{bytes})); };
  EXPECT_LT(memory(4 << 20), memory((4 << 20) - 1));
  EXPECT_LT(memory(1'000'000), memory(1'234'567));
  EXPECT_LT(memory(20), memory(17));
  const auto quota = [](int64_t quota_us, int64_t period_us) {
    return size_of(with_limit(Knob::CpuMax, CpuBandwidth{quota_us, period_us}));
  };
  EXPECT_LT(quota(10'000, 100'000), quota(10'001, 100'000));
  EXPECT_LT(quota(10'000, 100'000), quota(10'000, 99'999));
}

TEST(SizeOf, FewerIdsAreSmaller) {
  EXPECT_LT(size_of(with_limit(Knob::CpusetCpus, IdSet{{0}})),
            size_of(with_limit(Knob::CpusetCpus, IdSet{{0, 1}})));
  EXPECT_LT(size_of(with_limit(Knob::CpusetCpus, IdSet{{0}})),
            size_of(with_limit(Knob::CpusetCpus, IdSet{{7}})));
}

TEST(SizeOf, FewerRatesAreSmaller) {
  EXPECT_LT(size_of(with_limit(Knob::IoMax, IoRates{1, {}, {}, {}})),
            size_of(with_limit(Knob::IoMax, IoRates{1, {}, 1, {}})));
}

TEST(SizeOf, SimplerWorkloadsAreSmaller) {
  const auto size = [](const Workload& workload) { return size_of(with_worker(workload)); };
  EXPECT_LT(size(CpuHog{1, 100, 10'000}), size(CpuHog{2, 100, 10'000}));
  EXPECT_LT(size(CpuHog{1, 100, 10'000}), size(CpuHog{1, 50, 10'000}));
  EXPECT_LT(size(ForkStorm{7}), size(ForkStorm{8}));
  EXPECT_LT(size(MemoryHog{}),
            size(MemoryHog{MemoryKind::Shared, 1 << 20, 64 << 10, TouchOrder::Forward, true}));
  EXPECT_LT(size(Idle{}), size(CpuHog{}));
  EXPECT_LT(size(CpuHog{}), size(Mixed{}));
}

TEST(SizeOf, AShorterWindowIsSmaller) {
  Scenario scenario = plain_scenario();
  scenario.window.length_us = 100'000;
  EXPECT_LT(size_of(scenario), size_of(plain_scenario()));
}

TEST(SizeOf, PlainNamesAreSmaller) {
  Scenario scenario = plain_scenario();
  scenario.tree[0].name = "a";
  EXPECT_LT(size_of(scenario), size_of(plain_scenario()));
  scenario.tree[0].name = "long-name";
  EXPECT_GT(size_of(scenario), size_of(plain_scenario()));
}

TEST(SizeOf, BearsTheExtremesOfProbes) {
  Scenario scenario = plain_scenario();
  for (const int64_t number : {INT64_MIN, INT64_MAX, int64_t{0}, int64_t{-1}}) {
    scenario.probes = {{kRoot, Knob::PidsMax, Amount{number}}};
    EXPECT_EQ(size_of(scenario).actions, 1);
    EXPECT_GE(size_of(scenario).detail, size_of(plain_scenario()).detail);
  }
}

}  // namespace
}  // namespace treeline

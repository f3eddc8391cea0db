#include "compare/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/rules.h"
#include "tests/search/fake_machine.h"

namespace treeline::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

CompareOptions pids_comparison() {
  CompareOptions options;
  options.properties = {find_property("pids")};
  options.count = 30;
  options.shrink_runs = 100'000;
  options.shrink_time = std::chrono::hours(1);  // no test depends on how fast the machine is
  return options;
}

/// Tasks at most seen in the root: as many as `tasks` says of the scenario.
FakeMachine::Behaviour peak(std::function<int64_t(const Scenario&)> tasks) {
  return [tasks](const Scenario& scenario, Observation seen, uint64_t) {
    seen.nodes[0].after[Counter::PidsPeak] = tasks(scenario);
    return seen;
  };
}

/// What the perturbations do to a figure: 0 to 15.
int64_t noise(const Scenario& scenario) {
  return static_cast<int64_t>(scenario.tree[kRoot].name.size()) % 16;
}

Figures figures(FigureValue value) { return {{{"f", kRoot, -1}, std::move(value)}}; }

TEST(Differences, AreBeyondTheWiderRange) {
  const std::vector<Figures> a{figures(10.0), figures(12.0)};
  EXPECT_THAT(differences(a, {figures(12.0), figures(13.0)}), IsEmpty()) << "they touch";
  EXPECT_THAT(differences(a, {figures(13.0), figures(13.5)}), IsEmpty()) << "less than the noise apart";
  EXPECT_THAT(differences(a, {figures(15.0), figures(18.5)}), IsEmpty())
      << "the other one's noise counts too";
  const auto found = differences(a, {figures(15.0), figures(16.0)});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NEAR(found[0].size, 4.5 / 15.5, 1e-9);
  EXPECT_EQ(differences({figures(0.0)}, {figures(-1.0)}).size(), 1u);
}

TEST(Differences, OfTextsNeedThatNoneIsShared) {
  EXPECT_EQ(differences({figures("EINVAL"), figures("EBUSY")}, {figures("taken")}).size(), 1u);
  EXPECT_THAT(differences({figures("EINVAL"), figures("taken")}, {figures("taken")}), IsEmpty());
}

TEST(Differences, DoNotCountWhatARunLacks) {
  EXPECT_THAT(differences({figures(1.0), {}}, {figures(2.0)}), IsEmpty());
  EXPECT_THAT(differences({figures(1.0)}, {{}}), IsEmpty());
}

/// What is left of usage that is `before` in two runs, and `after` once the limit is tightened.
size_t rises_from(double before, double after, Knob knob, const std::string& name, NodeId node = kRoot) {
  MachineFacts machine;
  machine.cpus = {0};
  machine.cfs_slice_us = 5'000;
  machine.hz = 250;
  machine.page_size = 4'096;
  Scenario scenario;
  scenario.tree.nodes = {{"t", kNoParent, {{Knob::CpuMax, CpuBandwidth{11'000, 20'000}}}}, {"a", kRoot, {}}};
  scenario.window.length_us = 200'000;
  const std::vector<Figures> a{{{{name, node}, before}}, {{{name, node}, before}}};
  const std::vector<Figures> b{{{{name, node}, after}}, {{{name, node}, after}}};
  return rises(differences(a, b), {kRoot, knob}, scenario, machine).size();
}

TEST(Rises, AreOfTheTightenedLimitAndBeyondItsBounds) {
  EXPECT_EQ(rises_from(4, 5, Knob::PidsMax, "pids_peak"), 1u);
  EXPECT_EQ(rises_from(5, 4, Knob::PidsMax, "pids_peak"), 0u) << "it fell";
  EXPECT_EQ(rises_from(4, 5, Knob::PidsMax, "pids_peak", 1), 0u) << "another group may use more";
  EXPECT_EQ(rises_from(4, 5, Knob::PidsMax, "memory_peak_bytes"), 0u) << "another resource";
  EXPECT_EQ(rises_from(1e6, 1e6 + 262'144, Knob::MemoryMax, "memory_peak_bytes"), 0u);
  EXPECT_EQ(rises_from(1e6, 1e6 + 262'145, Knob::MemoryMax, "memory_peak_bytes"), 1u);
  // 11 + 5 + 4 ms of 200 ms.
  EXPECT_EQ(rises_from(0.3, 0.399, Knob::CpuMax, "cpu_usage_ns"), 0u);
  EXPECT_EQ(rises_from(0.3, 0.401, Knob::CpuMax, "cpu_usage_ns"), 1u);
}

TEST(Perturbed, IsValidRunnableAndNeverTheSameTwice) {
  for (uint64_t index = 0; index < 100; ++index) {
    const Property& property = properties()[index % properties().size()];
    if (why_untestable(property, fake_facts())) continue;
    const Scenario drawn = draw_scenario(property, fake_constraints(), 1, index);
    std::vector<Scenario> all;
    for (int k = 0; k < 2 * kConfirmed; ++k) {
      const Scenario other = perturbed(drawn, k, fake_facts());
      EXPECT_THAT(validate(other), IsEmpty());
      EXPECT_TRUE(unmet(other, fake_facts()).empty() || !unmet(drawn, fake_facts()).empty());
      EXPECT_THAT(all, ::testing::Not(::testing::Contains(other)));
      all.push_back(other);
    }
  }
}

TEST(Compare, FindsNothingBetweenEqualKernels) {
  FakeMachine a(peak(noise));
  FakeMachine b(peak(noise));
  const auto result = compare(a, b, pids_comparison());
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->scenarios, 30u);
  EXPECT_EQ(result->differing, 0u);
  EXPECT_THAT(result->figures, IsEmpty());
}

TEST(Compare, FindsNothingWithinTheNoise) {
  FakeMachine a(peak(noise));
  FakeMachine b(peak([](const Scenario& scenario) { return noise(scenario) + 5; }));
  const auto result = compare(a, b, pids_comparison());
  ASSERT_TRUE(result);
  EXPECT_EQ(result->differing, 0u);
}

TEST(Compare, FindsADifferenceThatNoInvariantSeesAndShrinksIt) {
  FakeMachine a(peak([](const Scenario&) { return 0; }));
  FakeMachine b(peak([](const Scenario& scenario) { return has_deep_pids_max(scenario) ? 1 : 0; }));
  const auto result = compare(a, b, pids_comparison());
  ASSERT_TRUE(result);
  ASSERT_THAT(by_frequency(*result), ElementsAre("pids_peak"));
  const FigureDifferences& found = result->figures.at("pids_peak");
  EXPECT_EQ(found.scenarios, result->differing);
  EXPECT_LT(found.scenarios, result->scenarios);
  EXPECT_TRUE(found.shrunk);
  EXPECT_TRUE(found.minimum_proven);
  EXPECT_EQ(shape_of(found.scenario), kDeepPidsMaxMinimum) << draw(found.scenario);
  EXPECT_EQ(describe(found.largest.a), "0");
  EXPECT_EQ(describe(found.largest.b), "1");
  EXPECT_EQ(compare_one(a, b, found.scenario)->differing, 1u);
}

TEST(Compare, NamesReadBackAndVerdict) {
  FakeMachine a(healthy());
  FakeMachine b([](const Scenario&, Observation seen, uint64_t) {
    garble_readback(seen);
    return seen;
  });
  CompareOptions options = pids_comparison();
  options.shrink_figures = 0;
  const auto result = compare(a, b, options);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->figures.contains("read pids.max"));
  EXPECT_EQ(describe(result->figures.at("verdict knob.readback").largest.b), "\"violated\"");
}

TEST(Compare, CountsWhatCouldNotBeRun) {
  FakeMachine a(healthy());
  FakeMachine b([](const Scenario&, const Observation&, uint64_t) -> Result<Observation> {
    return fail(ErrorKind::Infrastructure, "run", "", 0, "lost");
  });
  const auto result = compare(a, b, pids_comparison());
  ASSERT_TRUE(result);
  EXPECT_EQ(result->scenarios, 0u);
  EXPECT_EQ(result->troubles.size(), 30u);
}

TEST(Compare, RefusesAMachineThatDoesNotRepeatItself) {
  FakeMachine a(healthy());
  FakeMachine b(healthy(), false);
  const auto result = compare(a, b, pids_comparison());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::InvalidInput);
}

TEST(CommonFacts, AreWhatBothHave) {
  MachineFacts a = fake_facts();
  MachineFacts b = fake_facts();
  a.cpus = {0, 1, 2};
  b.cpus = {1, 2, 3};
  b.knobs.erase(Knob::PidsMax);
  b.controllers.erase(Controller::Io);
  b.memory_bytes = 1;
  const auto both = common_facts(a, b);
  ASSERT_TRUE(both);
  EXPECT_THAT(both->cpus, ElementsAre(1, 2));
  EXPECT_FALSE(both->has(Knob::PidsMax));
  EXPECT_FALSE(both->controllers.contains(Controller::Io));
  EXPECT_EQ(both->memory_bytes, 1);
  b.mode = "v2";
  EXPECT_EQ(common_facts(a, b).error().kind, ErrorKind::InvalidInput);
}

}  // namespace
}  // namespace treeline::testing

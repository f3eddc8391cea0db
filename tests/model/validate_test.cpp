#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rich_values.h"

namespace treeline {
namespace {

using model_test::plain_scenario;
using model_test::rich_scenario;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> paths(const std::vector<Fault>& faults) {
  std::vector<std::string> result;
  for (const Fault& fault : faults) {
    EXPECT_FALSE(fault.message.empty()) << fault.json_path;
    result.push_back(fault.json_path);
  }
  return result;
}

std::vector<std::string> paths(const Scenario& scenario) { return paths(validate(scenario)); }

TEST(Validate, AcceptsTheRichAndThePlainScenario) {
  EXPECT_THAT(paths(rich_scenario()), IsEmpty());
  EXPECT_THAT(paths(plain_scenario()), IsEmpty());
}

TEST(Validate, ADefaultScenarioHasNoTree) { EXPECT_THAT(paths(Scenario{}), ElementsAre("/tree")); }

TEST(Validate, ReportsEveryFault) {
  Scenario scenario = rich_scenario();
  scenario.workers[0].node = 5;
  scenario.actions[1].node = -1;
  scenario.probes[4].node = 5;
  scenario.window.sample_every_us = 0;
  EXPECT_THAT(paths(scenario),
              ElementsAre("/workers/0/node", "/window/sample_every_us", "/actions/1/node", "/probes/4/node"));
}

TEST(Validate, NamesMayRepeatUnderDifferentParents) {
  Scenario scenario = plain_scenario();
  scenario.tree.nodes = {{"t", kNoParent, {}}, {"t", 0, {}}, {"b", 0, {}}, {"t", 2, {}}};
  EXPECT_THAT(paths(scenario), IsEmpty());
  scenario.tree.nodes[2].name = "t";
  EXPECT_THAT(paths(scenario), ElementsAre("/tree/2/name"));
}

TEST(Validate, AProbeMustHaveItsKnobsType) {
  const std::vector<KnobValue> values{Amount{1}, CpuBandwidth{}, IdSet{}, IoRates{}};
  for (const KnobInfo& info : knob_table()) {
    int accepted = 0;
    for (const KnobValue& value : values) {
      Scenario scenario = plain_scenario();
      scenario.probes = {{kRoot, info.knob, value}};
      accepted += validate(scenario).empty() ? 1 : 0;
    }
    EXPECT_EQ(accepted, 1) << info.name;
  }
}

TEST(Validate, ALimitOfAnotherTypeIsRefused) {
  Scenario scenario = plain_scenario();
  scenario.tree[0].limits = {{Knob::CpuMax, Amount{1}}, {Knob::PidsMax, IdSet{{0}}}};
  EXPECT_THAT(paths(scenario), ElementsAre("/tree/0/limits/cpu.max", "/tree/0/limits/pids.max"));
}

TEST(Validate, ActionsAtBothEndsOfTheWindowAreLegal) {
  Scenario scenario = plain_scenario();
  scenario.actions = {{0, Action::Kind::Freeze, 0}, {scenario.window.length_us, Action::Kind::Thaw, 0}};
  EXPECT_THAT(paths(scenario), IsEmpty());
}

/// Two nodes and a worker in the first, which is to go to `first` and then to `second`.
std::vector<Fault> faults_of_migrations(NodeId first, NodeId second, int worker = 0) {
  Scenario scenario = plain_scenario();
  scenario.tree.nodes = {{"t", kNoParent, {}}, {"a", kRoot, {}}};
  scenario.workers = {{kRoot, Idle{}}};
  scenario.window.until_settled = false;
  for (const NodeId node : {first, second}) {
    scenario.actions.push_back({10'000, Action::Kind::Migrate, node});
    scenario.actions.back().worker = worker;
  }
  return validate(scenario);
}

TEST(Validate, AWorkerMayGoAndComeBack) { EXPECT_TRUE(faults_of_migrations(1, kRoot).empty()); }

TEST(Validate, AWorkerCannotGoWhereItIs) {
  EXPECT_THAT(paths(faults_of_migrations(kRoot, 1)), ElementsAre("/actions/0/node"));
  EXPECT_THAT(paths(faults_of_migrations(1, 1)), ElementsAre("/actions/1/node"));
}

TEST(Validate, OnlyAWorkerThatThereIsCanGo) {
  EXPECT_THAT(paths(faults_of_migrations(1, kRoot, 1)),
              ElementsAre("/actions/0/worker", "/actions/1/worker"));
  EXPECT_THAT(paths(faults_of_migrations(1, kRoot, -1)),
              ElementsAre("/actions/0/worker", "/actions/1/worker"));
}

/// CPU 1 goes or comes, twice.
std::vector<Fault> faults_of_hotplug(Action::Kind first, Action::Kind second) {
  Scenario scenario = plain_scenario();
  scenario.window.until_settled = false;
  for (const Action::Kind kind : {first, second}) {
    scenario.actions.push_back({10'000, kind});
    scenario.actions.back().cpu = 1;
  }
  return validate(scenario);
}

TEST(Validate, ACpuGoesOnlyIfItIsThereAndComesOnlyIfItIsNot) {
  EXPECT_TRUE(faults_of_hotplug(Action::Kind::CpuOffline, Action::Kind::CpuOnline).empty());
  EXPECT_THAT(paths(faults_of_hotplug(Action::Kind::CpuOffline, Action::Kind::CpuOffline)),
              ElementsAre("/actions/1/cpu"));
  EXPECT_THAT(paths(faults_of_hotplug(Action::Kind::CpuOnline, Action::Kind::CpuOffline)),
              ElementsAre("/actions/0/cpu"));
}

/// "t/a/b", and these done one after another.
std::vector<Fault> faults_of_groups(const std::vector<std::pair<Action::Kind, NodeId>>& actions) {
  Scenario scenario = plain_scenario();
  scenario.tree.nodes = {{"t", kNoParent, {}}, {"a", kRoot, {}}, {"b", 1, {}}};
  scenario.window.until_settled = false;
  for (const auto& [kind, node] : actions) scenario.actions.push_back({10'000, kind, node});
  return validate(scenario);
}

TEST(Validate, AGroupComesOnceAndGoesOnce) {
  constexpr auto kCreate = Action::Kind::Create;
  constexpr auto kRemove = Action::Kind::Remove;
  EXPECT_TRUE(faults_of_groups({{kCreate, 1}, {kRemove, 1}}).empty());
  EXPECT_TRUE(faults_of_groups({{kRemove, 2}, {kRemove, 1}}).empty());
  EXPECT_TRUE(faults_of_groups({{kCreate, 1}, {kCreate, 2}}).empty()) << "the child comes later";
  EXPECT_THAT(paths(faults_of_groups({{kRemove, 1}, {kRemove, 1}})), ElementsAre("/actions/1/node"));
  EXPECT_THAT(paths(faults_of_groups({{kRemove, 1}, {kRemove, 2}})), ElementsAre("/actions/1/node"));
  EXPECT_THAT(paths(faults_of_groups({{kRemove, 1}, {kCreate, 1}})), ElementsAre("/actions/0/node"));
  EXPECT_THAT(paths(faults_of_groups({{kCreate, 2}, {kCreate, 1}})), ElementsAre("/actions/0/node"));
  EXPECT_THAT(paths(faults_of_groups({{kRemove, kRoot}})), ElementsAre("/actions/0/node"));
}

TEST(Validate, NothingIsDoneToAGroupThatIsNotThere) {
  constexpr auto kFreeze = Action::Kind::Freeze;
  EXPECT_THAT(paths(faults_of_groups({{kFreeze, 2}, {Action::Kind::Create, 1}})),
              ElementsAre("/actions/0/node"));
  EXPECT_THAT(paths(faults_of_groups({{Action::Kind::Remove, 1}, {kFreeze, 2}})),
              ElementsAre("/actions/1/node"));
  EXPECT_TRUE(faults_of_groups({{Action::Kind::Create, 1}, {kFreeze, 2}}).empty());
}

TEST(ScenarioAfter, HasNeitherLimitsNorWorkWhereNoGroupIs) {
  Scenario scenario = plain_scenario();
  scenario.tree.nodes = {{"t", kNoParent, {}}, {"a", kRoot, {{Knob::PidsMax, Amount{9}}}}, {"b", 1, {}}};
  scenario.workers = {{2, CpuHog{}}, {kRoot, CpuHog{}}};
  scenario.actions = {{10'000, Action::Kind::Create, 1}, {20'000, Action::Kind::Remove, 2}};
  EXPECT_EQ(absent_at_first(scenario), (std::set<NodeId>{1, 2}));
  EXPECT_EQ(absent_after(scenario, 1, every_action), std::set<NodeId>{});
  EXPECT_EQ(absent_after(scenario, 2, every_action), std::set<NodeId>{2});
  EXPECT_EQ(absent_after(scenario, 2, [](size_t) { return false; }), (std::set<NodeId>{1, 2}));
  const Scenario first = scenario_after(scenario, 0, every_action);
  EXPECT_TRUE(first.tree[1].limits.empty());
  EXPECT_EQ(first.workers[0].workload, Workload(Idle{}));
  EXPECT_EQ(first.workers[1].workload, Workload(CpuHog{}));
  EXPECT_EQ(scenario_after(scenario, 1, every_action).workers[0].workload, Workload(CpuHog{}));
  EXPECT_FALSE(scenario_after(scenario, 2, every_action).tree[1].limits.empty());
  EXPECT_EQ(scenario_after(scenario, 2, every_action).workers[0].workload, Workload(Idle{}));
}

TEST(Validate, ActionsAtOneInstantAreLegal) {
  Scenario scenario = plain_scenario();
  scenario.actions = {{7, Action::Kind::Freeze, 0}, {7, Action::Kind::Thaw, 0}};
  EXPECT_THAT(paths(scenario), IsEmpty());
}

TEST(Validate, OnlyWorkersThatSettleMayEndTheWindow) {
  Scenario scenario = plain_scenario();
  scenario.window.until_settled = true;
  scenario.workers = {{0, MemoryHog{}}, {0, ForkStorm{}}, {0, Idle{}}};
  EXPECT_THAT(paths(scenario), IsEmpty());
  for (const Workload& endless : {Workload(CpuHog{}), Workload(IoHog{}), Workload(Mixed{})}) {
    Scenario with_endless = scenario;
    with_endless.workers.push_back({0, endless});
    EXPECT_THAT(paths(with_endless), ElementsAre("/window/until_settled")) << workload_kind(endless);
  }
}

TEST(Validate, ExtremesThatAreStillLegal) {
  Scenario scenario = plain_scenario();
  scenario.window = {kMaxWindowUs, false, 1'000};
  scenario.workers = {
      {0, CpuHog{64, 1, 1'000'000}},
      {0, MemoryHog{MemoryKind::File, int64_t{1} << 30, int64_t{1} << 30, TouchOrder::Forward, true}},
      {0, MemoryHog{MemoryKind::File, 4096, 4096, TouchOrder::Forward, true}},
      {0, IoHog{true, IoDirection::Read, 1 << 20, 64 << 20}},
      {0, IoHog{true, IoDirection::Read, 512, 512}},
      {0, ForkStorm{256}},
      {0, Mixed{100, int64_t{1} << 30, 0}}};
  EXPECT_THAT(paths(scenario), IsEmpty());
}

}  // namespace
}  // namespace treeline

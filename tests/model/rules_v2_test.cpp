#include <gtest/gtest.h>

#include <cerrno>

#include "model/rules.h"

namespace treeline {
namespace {

MachineFacts v2_machine() {
  MachineFacts facts;
  facts.mode = "v2";
  facts.cpus = {0, 1};
  facts.mems = {0};
  facts.device = "254:0";
  facts.memory_bytes = int64_t{1} << 30;
  for (const KnobInfo& info : knob_table()) {
    facts.knobs.insert(info.knob);
    facts.controllers[info.controller] = CgroupVersion::V2;
  }
  return facts;
}

/// t ─ a, with limits on both.
int answer(Knob knob, const KnobValue& value, Limits own = {}, Limits above = {}) {
  Tree tree{{{"t", kNoParent, std::move(above)}, {"a", kRoot, std::move(own)}}};
  return expected_errno(tree, 1, knob, value, v2_machine());
}
int answer(Knob knob, int64_t number, Limits own = {}) {
  return answer(knob, Amount{number}, std::move(own));
}

TEST(RulesV2, WeightsHaveARange) {
  EXPECT_EQ(answer(Knob::CpuWeight, 1), 0);
  EXPECT_EQ(answer(Knob::CpuWeight, 10'000), 0);
  EXPECT_EQ(answer(Knob::CpuWeight, 0), ERANGE);
  EXPECT_EQ(answer(Knob::CpuWeight, 10'001), ERANGE);
  EXPECT_EQ(answer(Knob::CpuWeight, -1), EINVAL) << "no unsigned number";
  EXPECT_EQ(answer(Knob::CpuWeightNice, -20), 0);
  EXPECT_EQ(answer(Knob::CpuWeightNice, 20), ERANGE);
  EXPECT_EQ(answer(Knob::CpuWeightNice, -21), ERANGE);
  EXPECT_EQ(answer(Knob::CpuWeight, 100, {{Knob::CpuIdle, Amount{1}}}), EINVAL);
  EXPECT_EQ(answer(Knob::CpuWeightNice, 0, {{Knob::CpuIdle, Amount{1}}}), EINVAL);
}

TEST(RulesV2, AChildMayHaveMoreQuotaThanItsParent) {
  const Limits above{{Knob::CpuMax, CpuBandwidth{10'000, 100'000}}};
  EXPECT_EQ(answer(Knob::CpuMax, CpuBandwidth{50'000, 100'000}, {}, above), 0);
  EXPECT_EQ(answer(Knob::CpuMax, CpuBandwidth{999, 100'000}), EINVAL);
}

TEST(RulesV2, BytesMustNotBeNegativeAndDoNotDependOnEachOther) {
  for (const Knob knob : {Knob::MemoryMax, Knob::MemoryHigh, Knob::MemoryLow, Knob::MemoryMin,
                          Knob::MemorySwapMax, Knob::HugetlbMax}) {
    EXPECT_EQ(answer(knob, 1 << 20), 0) << knob_info(knob).name;
    EXPECT_EQ(answer(knob, -1), EINVAL) << knob_info(knob).name;
    EXPECT_EQ(answer(knob, Amount{}), 0) << knob_info(knob).name;
  }
  const Limits own{{Knob::MemoryMax, Amount{1 << 20}}, {Knob::MemorySwapMax, Amount{0}}};
  EXPECT_EQ(answer(Knob::MemoryMax, 1 << 24, own), 0);
}

TEST(RulesV2, CountsAndFlags) {
  EXPECT_EQ(answer(Knob::CgroupMaxDepth, 0), 0);
  EXPECT_EQ(answer(Knob::CgroupMaxDescendants, -1), ERANGE);
  EXPECT_EQ(answer(Knob::CgroupMaxDescendants, int64_t{1} << 31), ERANGE);
  EXPECT_EQ(answer(Knob::MemoryOomGroup, 2), EINVAL);
  EXPECT_EQ(answer(Knob::Freeze, 2), ERANGE);
  EXPECT_EQ(answer(Knob::PidsMax, 4'194'305), EINVAL);
  EXPECT_EQ(answer(Knob::IoWeight, 1'001), 0);
  EXPECT_EQ(answer(Knob::IoWeight, 10'001), EINVAL);
  EXPECT_EQ(answer(Knob::CpusetPartition, 1), 0) << "it reads as invalid, but is taken";
}

TEST(RulesV2, RatesBelowTwoAreRefused) {
  EXPECT_EQ(answer(Knob::IoMax, IoRates{2, {}, {}, {}}), 0);
  EXPECT_EQ(answer(Knob::IoMax, IoRates{1, {}, {}, {}}), EINVAL);
  EXPECT_EQ(answer(Knob::IoMax, IoRates{0, {}, {}, {}}), ERANGE);
  EXPECT_EQ(answer(Knob::IoMax, IoRates{{}, {}, -4, {}}), EINVAL);
}

TEST(RulesV2, ACpusetNeedNotBeASubset) {
  const Limits above{{Knob::CpusetCpus, IdSet{{0}}}};
  EXPECT_EQ(answer(Knob::CpusetCpus, IdSet{{1}}, {}, above), 0);
  EXPECT_EQ(answer(Knob::CpusetCpus, IdSet{{0, 1}}, {}, above), 0);
  // What has nothing in common with the parent's falls back to it.
  const Tree tree{{{"t", kNoParent, above}, {"a", kRoot, {{Knob::CpusetCpus, IdSet{{1}}}}}}};
  EXPECT_EQ(effective_cpus(tree, 1, v2_machine()), (IdSet{{0}}));
}

TEST(RulesV2, SwapNeedsNoMemoryLimitAndKillsNeedTheCore) {
  Scenario scenario;
  scenario.tree.nodes = {{"t", kNoParent, {{Knob::MemorySwapMax, Amount{0}}}}};
  scenario.actions = {{1'000, Action::Kind::Kill, kRoot}};
  EXPECT_TRUE(unmet(scenario, v2_machine()).empty());
  MachineFacts v1 = v2_machine();
  v1.controllers.erase(Controller::Core);
  EXPECT_FALSE(unmet(scenario, v1).empty());
}

/// A root with a child, and one action.
Scenario moving(const Action& action) {
  Scenario scenario;
  scenario.tree.nodes = {{"t", kNoParent, {}}, {"a", kRoot, {}}};
  scenario.actions = {action};
  return scenario;
}

MachineFacts v1_cpusets(MachineFacts machine) {
  machine.controllers[Controller::Cpuset] = CgroupVersion::V1;
  return machine;
}

TEST(Unmet, OnV1ACpusetChangesOnlyAboveGroupsThatHaveTheirOwn) {
  Scenario scenario = moving({1'000, Action::Kind::SetLimit, kRoot, Knob::CpusetCpus, IdSet{{0}}});
  EXPECT_TRUE(unmet(scenario, v2_machine()).empty());
  EXPECT_FALSE(unmet(scenario, v1_cpusets(v2_machine())).empty());
  scenario.tree[1].limits[Knob::CpusetCpus] = IdSet{{0}};
  EXPECT_TRUE(unmet(scenario, v1_cpusets(v2_machine())).empty());
  scenario.tree[1].limits[Knob::CpusetCpus] = IdSet{{1}};
  EXPECT_FALSE(unmet(scenario, v1_cpusets(v2_machine())).empty()) << "EBUSY";
  EXPECT_TRUE(unmet(scenario, v2_machine()).empty());
}

TEST(Unmet, OnlyACpuThatTheMachineLetsGoGoes) {
  Action action{1'000, Action::Kind::CpuOffline};
  action.cpu = 1;
  Scenario scenario = moving(action);
  MachineFacts machine = v2_machine();
  EXPECT_FALSE(unmet(scenario, machine).empty());
  machine.hotplug_cpus = {1};
  EXPECT_TRUE(unmet(scenario, machine).empty());
  scenario.tree[1].limits[Knob::CpusetCpus] = IdSet{{1}};
  EXPECT_TRUE(unmet(scenario, machine).empty());
  EXPECT_FALSE(unmet(scenario, v1_cpusets(machine)).empty()) << "v1's sets lose it for good";
}

TEST(MachineAfter, HasTheCpusThatAreOnline) {
  MachineFacts machine = v2_machine();
  machine.cpus = {0, 1, 2};
  Scenario scenario = moving({1'000, Action::Kind::CpuOffline});
  scenario.actions[0].cpu = 2;
  scenario.actions.push_back({2'000, Action::Kind::CpuOnline});
  scenario.actions[1].cpu = 2;
  EXPECT_EQ(machine_after(scenario, machine, 0, every_action).cpus, (std::vector{0, 1, 2}));
  EXPECT_EQ(machine_after(scenario, machine, 1, every_action).cpus, (std::vector{0, 1}));
  EXPECT_EQ(machine_after(scenario, machine, 2, every_action).cpus, (std::vector{0, 1, 2}));
  EXPECT_EQ(machine_always(scenario, machine).cpus, (std::vector{0, 1}));
}

TEST(Groups, LeafProxiesAreForWorkersOfInteriorNodesOnV2) {
  Scenario scenario;
  scenario.tree.nodes = {{"t", kNoParent, {}}, {"a", kRoot, {}}};
  scenario.workers = {{kRoot, Idle{}}, {1, Idle{}}};
  const MachineFacts v2 = v2_machine();
  EXPECT_TRUE(has_leaf_proxy(scenario, kRoot, v2, Controller::Cpu));
  EXPECT_FALSE(has_leaf_proxy(scenario, 1, v2, Controller::Cpu));
  EXPECT_EQ(groups_in(scenario, kRoot, v2, Controller::Cpu), 3);
  MachineFacts hybrid = v2;
  hybrid.controllers[Controller::Cpu] = CgroupVersion::V1;
  EXPECT_FALSE(has_leaf_proxy(scenario, kRoot, hybrid, Controller::Cpu));
  EXPECT_EQ(groups_in(scenario, kRoot, hybrid, Controller::Cpu), 2);
}

TEST(Shares, FollowWeightNiceAndIdle) {
  EXPECT_EQ(shares_of({}), 1'024);
  EXPECT_EQ(shares_of({{Knob::CpuWeight, Amount{10'000}}}), 102'400);
  EXPECT_EQ(shares_of({{Knob::CpuWeightNice, Amount{0}}}), 1'024);
  EXPECT_EQ(shares_of({{Knob::CpuWeightNice, Amount{-20}}}), 88'761);
  EXPECT_EQ(shares_of({{Knob::CpuWeightNice, Amount{19}}}), 15);
  EXPECT_EQ(shares_of({{Knob::CpuWeight, Amount{500}}, {Knob::CpuIdle, Amount{1}}}), 3);
}

}  // namespace
}  // namespace treeline

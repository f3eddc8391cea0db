#include "model/controllers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/json.h"
#include "model/rules.h"

namespace treeline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kOff = Action::Kind::DisableController;
constexpr auto kOn = Action::Kind::EnableController;

bool none(size_t /*action*/) { return false; }

/// "t/a/b" and "t/c", each with a cpu.weight and a pids.max.
Scenario limited(const std::vector<std::pair<Action::Kind, NodeId>>& actions,
                 Controller controller = Controller::Pids) {
  Scenario scenario;
  const Limits limits{{Knob::CpuWeight, Amount{50}}, {Knob::PidsMax, Amount{9}}};
  scenario.tree.nodes = {
      {"t", kNoParent, limits}, {"a", kRoot, limits}, {"b", 1, limits}, {"c", kRoot, limits}};
  for (const auto& [kind, node] : actions) {
    scenario.actions.push_back({10'000, kind, node});
    scenario.actions.back().controller = controller;
  }
  return scenario;
}

std::set<NodeId> lacking(const Scenario& scenario) {
  return lacking_after(scenario, Controller::Pids, scenario.actions.size(), every_action);
}

std::vector<std::string> refused(const Scenario& scenario) {
  std::vector<std::string> paths;
  for (const Fault& fault : validate(scenario)) paths.push_back(fault.json_path);
  return paths;
}

MachineFacts one_cpu_v2() {
  MachineFacts machine;
  machine.cpus = {0};
  machine.memory_bytes = int64_t{1} << 30;
  for (const KnobInfo& info : knob_table()) {
    machine.controllers[info.controller] = CgroupVersion::V2;
    machine.knobs.insert(info.knob);
  }
  return machine;
}

TEST(Controllers, AreLackedByAllGroupsBelow) {
  EXPECT_EQ(lacking(limited({{kOff, kRoot}})), (std::set<NodeId>{1, 2, 3}));
  EXPECT_EQ(lacking(limited({{kOff, 1}})), (std::set<NodeId>{2}));
  EXPECT_THAT(lacking(limited({{kOff, 1}, {kOff, kRoot}, {kOn, kRoot}})), IsEmpty())
      << "on reaches all groups below, whichever action took it from them";
  EXPECT_THAT(lacking_after(limited({{kOff, kRoot}}), Controller::Pids, 1, none), IsEmpty());
  EXPECT_THAT(lacking_after(limited({{kOff, kRoot}}), Controller::Cpu, 1, every_action), IsEmpty());
}

TEST(Controllers, TakeTheirLimitsAlongAndBringNoneBack) {
  const Scenario scenario = limited({{kOff, 1}, {kOn, 1}});
  for (const size_t actions : {1, 2}) {
    const Tree tree = scenario_after(scenario, actions, every_action).tree;
    EXPECT_EQ(tree[2].limits, (Limits{{Knob::CpuWeight, Amount{50}}}));
    for (const NodeId other : {0, 1, 3}) EXPECT_EQ(tree[other].limits, scenario.tree[other].limits);
  }
  EXPECT_EQ(scenario_after(scenario, 2, none).tree, scenario.tree) << "the kernel refused it";
}

TEST(Controllers, GoOnlyWhereTheyAreAndComeOnlyWhereTheyAreNot) {
  EXPECT_THAT(refused(limited({{kOff, kRoot}, {kOn, kRoot}, {kOff, kRoot}})), IsEmpty());
  EXPECT_THAT(refused(limited({{kOff, 1}, {kOff, kRoot}})), IsEmpty()) << "some groups have it still";
  EXPECT_THAT(refused(limited({{kOff, kRoot}, {kOff, kRoot}})), ElementsAre("/actions/1/node"));
  EXPECT_THAT(refused(limited({{kOn, kRoot}})), ElementsAre("/actions/0/node"));
  EXPECT_THAT(refused(limited({{kOff, kRoot}, {kOn, 1}})), ElementsAre("/actions/1/node")) << "ENOENT";
  EXPECT_THAT(refused(limited({{kOff, kRoot}, {kOff, 1}})), ElementsAre("/actions/1/node"));
  EXPECT_THAT(refused(limited({{kOff, 2}})), ElementsAre("/actions/0/node")) << "a leaf";
  EXPECT_THAT(refused(limited({{kOff, 1}}, Controller::Freezer)), ElementsAre("/actions/0/controller"));
  EXPECT_THAT(refused(limited({{kOff, 1}, {Action::Kind::Remove, 3}})), ElementsAre("/actions/0"));
}

TEST(Controllers, ThatAreOffTakeNoLimit) {
  Scenario scenario = limited({{kOff, 1}, {Action::Kind::SetLimit, 2}, {kOn, 1}});
  scenario.actions[1].knob = Knob::PidsMax;
  EXPECT_THAT(refused(scenario), ElementsAre("/actions/1/node"));
  scenario.actions[1].node = 1;
  EXPECT_THAT(refused(scenario), IsEmpty()) << "the group itself has it";
  scenario.actions[1].node = 2;
  std::swap(scenario.actions[1], scenario.actions[2]);
  EXPECT_THAT(refused(scenario), IsEmpty());
}

TEST(Controllers, AreSwitchedOnlyInV2) {
  const Scenario scenario = limited({{kOff, kRoot}});
  EXPECT_THAT(unmet(scenario, one_cpu_v2()), IsEmpty());
  MachineFacts hybrid = one_cpu_v2();
  hybrid.controllers[Controller::Pids] = CgroupVersion::V1;
  EXPECT_FALSE(unmet(scenario, hybrid).empty());
  EXPECT_TRUE(can_switch(hybrid, Controller::Cpu));
  EXPECT_FALSE(can_switch(hybrid, Controller::Pids));
}

TEST(Controllers, LeaveNoFileAndBringFreshOnes) {
  const MachineFacts machine = one_cpu_v2();
  const Scenario pids = limited({{kOff, kRoot}, {kOn, 1}});
  EXPECT_EQ(expected_below(pids, pids.actions[0], machine),
            "t/a/pids.max=none, t/a/b/pids.max=none, t/c/pids.max=none");
  EXPECT_EQ(expected_below(pids, pids.actions[1], machine), "t/a/b/pids.max=max");
  const Scenario cpu = limited({{kOn, 1}}, Controller::Cpu);
  EXPECT_EQ(expected_below(cpu, cpu.actions[0], machine),
            "t/a/b/cpu.max=max 100000, t/a/b/cpu.max.burst=0, t/a/b/cpu.weight=100, "
            "t/a/b/cpu.weight.nice=0, t/a/b/cpu.idle=0");
}

TEST(Controllers, ThatWereOffOnceAreKnownForEachGroup) {
  const Scenario scenario = limited({{kOff, 1}, {kOn, 1}});
  EXPECT_EQ(ever_lacking(scenario, Controller::Pids, every_action), (std::set<NodeId>{2}));
  EXPECT_THAT(ever_lacking(scenario, Controller::Pids, none), IsEmpty());
  EXPECT_THAT(ever_lacking(scenario, Controller::Memory, every_action), IsEmpty());
  EXPECT_TRUE(switches(scenario, Controller::Pids));
  EXPECT_FALSE(switches(scenario, Controller::Memory));
}

TEST(Limits, AGroupThatBecomesIdleHasNoWeightAndThenTheDefaultOne) {
  Scenario scenario = limited({{Action::Kind::SetLimit, 1}, {Action::Kind::SetLimit, 1}});
  for (const size_t i : {0, 1}) {
    scenario.actions[i].knob = Knob::CpuIdle;
    scenario.actions[i].value = Amount{i == 0 ? 1 : 0};
  }
  const auto shares = [&](size_t actions) {
    return shares_of(scenario_after(scenario, actions, every_action).tree[1].limits);
  };
  EXPECT_EQ(shares(0), shares_from_weight(50));
  EXPECT_LT(shares(1), shares_from_weight(1));
  EXPECT_EQ(shares(2), shares_from_weight(100));
  scenario.actions.erase(scenario.actions.begin());
  EXPECT_EQ(shares(1), shares_from_weight(50)) << "it was not idle before";
}

TEST(Controllers, OfCpusetsStayWherePartitionsAre) {
  Scenario scenario = limited({{kOff, kRoot}}, Controller::Cpuset);
  MachineFacts machine = one_cpu_v2();
  EXPECT_THAT(unmet(scenario, machine), IsEmpty());
  scenario.tree[kRoot].limits[Knob::CpusetPartition] = Amount{1};
  EXPECT_FALSE(unmet(scenario, machine).empty());
}

TEST(Controllers, HaveFreshLimitsForEachOfTheirKnobs) {
  for (const Controller controller : switchable_controllers()) {
    const Limits fresh = fresh_limits(controller);
    for (const KnobInfo& info : knob_table()) {
      const bool is_kept = info.knob == Knob::MemoryOomGroup;  // where memory is hidden only
      EXPECT_EQ(fresh.contains(info.knob), info.controller == controller && !is_kept) << info.name;
    }
    for (const auto& [knob, value] : fresh) {
      const bool is_none = value == KnobValue(IdSet{});
      EXPECT_TRUE(is_none || !why_illegal(knob, value)) << knob_info(knob).name;
    }
  }
}

TEST(Controllers, SurviveJson) {
  const Scenario scenario = limited({{kOff, kRoot}, {kOn, kRoot}});
  const std::string text = to_json(scenario);
  EXPECT_NE(text.find(R"("controller_off")"), std::string::npos) << text;
  const Result<Scenario> read = scenario_from_json(text);
  ASSERT_TRUE(read) << to_string(read.error());
  EXPECT_EQ(*read, scenario);
  std::string other = text;
  other.replace(other.find(R"("controller":"pids")"), 19, R"("controller":"pidz")");
  const Result<Scenario> unknown = scenario_from_json(other);
  ASSERT_FALSE(unknown);
  EXPECT_NE(to_string(unknown.error()).find("/actions/0/controller"), std::string::npos);
}

}  // namespace
}  // namespace treeline

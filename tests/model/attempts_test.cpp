#include "model/attempts.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "model/rules.h"

namespace treeline {
namespace {

using Kind = Action::Kind;

MachineFacts machine_of(CgroupVersion version) {
  MachineFacts machine;
  machine.cpus = {0, 1};
  machine.mems = {0};
  machine.memory_bytes = int64_t{1} << 30;
  for (const Controller controller : {Controller::Cpu, Controller::Memory, Controller::Pids,
                                      Controller::Cpuset, Controller::Freezer, Controller::Io}) {
    machine.controllers[controller] = version;
  }
  if (version == CgroupVersion::V2) machine.controllers[Controller::Core] = version;
  for (const KnobInfo& info : knob_table()) machine.knobs.insert(info.knob);
  return machine;
}

/// "t", "t/a", "t/a/b", with a hog in the last.
Scenario chain() {
  Scenario scenario;
  scenario.tree.nodes = {{"t", kNoParent, {}}, {"a", 0, {}}, {"b", 1, {}}};
  scenario.workers = {{2, CpuHog{}}};
  return scenario;
}

Action attempt(Kind kind, NodeId node, Controller controller = Controller::Cpu) {
  Action action{20'000, kind, node};
  action.controller = controller;
  return action;
}

int due(Scenario scenario, const Action& action, CgroupVersion version = CgroupVersion::V2) {
  scenario.actions.push_back(action);
  return due_errno(scenario, scenario.actions.size() - 1, machine_of(version), every_action);
}

int due_of_limit(const Scenario& scenario, NodeId node, Knob knob, const KnobValue& value,
                 CgroupVersion version) {
  return due(scenario, {20'000, Kind::TryLimit, node, knob, value}, version);
}

TEST(Attempts, OfALimitAreAnsweredByTheRules) {
  for (const CgroupVersion version : {CgroupVersion::V1, CgroupVersion::V2}) {
    EXPECT_EQ(due_of_limit(chain(), 1, Knob::CpuMax, CpuBandwidth{999, 100'000}, version), EINVAL);
    EXPECT_EQ(due_of_limit(chain(), 1, Knob::PidsMax, Amount{-1}, version), EINVAL);
    EXPECT_EQ(due_of_limit(chain(), 1, Knob::PidsMax, Amount{4}, version), 0);
  }
}

TEST(Attempts, AreAnsweredAsTheActionsBeforeThemLeftIt) {
  Scenario scenario = chain();
  const KnobValue tenth = CpuBandwidth{10'000, 100'000};
  const KnobValue half = CpuBandwidth{50'000, 100'000};
  EXPECT_EQ(due_of_limit(scenario, 1, Knob::CpuMax, half, CgroupVersion::V1), 0);
  scenario.actions.push_back({10'000, Kind::SetLimit, 0, Knob::CpuMax, tenth});
  EXPECT_EQ(due_of_limit(scenario, 1, Knob::CpuMax, half, CgroupVersion::V1), EINVAL) << "above its parent's";
  EXPECT_EQ(due_of_limit(scenario, 1, Knob::CpuMax, half, CgroupVersion::V2), 0);
  scenario.actions.push_back({20'000, Kind::TryLimit, 1, Knob::CpuMax, half});
  const auto none = [](size_t) { return false; };
  EXPECT_EQ(due_errno(scenario, 1, machine_of(CgroupVersion::V1), none), 0) << "the first was refused";
}

TEST(Attempts, OfAQuotaOnV1ChangeNoPeriodOnTheWay) {
  // cpu.cfs_period_us would be taken before cpu.cfs_quota_us is refused.
  EXPECT_EQ(due_of_limit(chain(), 1, Knob::CpuMax, CpuBandwidth{999, 50'000}, CgroupVersion::V1), 0);
  EXPECT_EQ(due_of_limit(chain(), 1, Knob::CpuMax, CpuBandwidth{999, 999}, CgroupVersion::V1), EINVAL);
  EXPECT_EQ(due_of_limit(chain(), 1, Knob::CpuMax, CpuBandwidth{999, 50'000}, CgroupVersion::V2), EINVAL);
}

TEST(Attempts, CannotEmptyACpusetInUse) {
  Scenario scenario = chain();
  EXPECT_EQ(due_of_limit(scenario, 2, Knob::CpusetCpus, IdSet{}, CgroupVersion::V1), ENOSPC);
  EXPECT_EQ(due_of_limit(scenario, 1, Knob::CpusetCpus, IdSet{}, CgroupVersion::V1), EBUSY) << "its child's";
  EXPECT_EQ(due_of_limit(scenario, 2, Knob::CpusetCpus, IdSet{}, CgroupVersion::V2), 0) << "it is empty";
  scenario.tree[1].limits[Knob::CpusetCpus] = IdSet{{0}};
  EXPECT_EQ(due_of_limit(scenario, 1, Knob::CpusetCpus, IdSet{}, CgroupVersion::V2), ENOSPC);
  scenario.workers.clear();
  EXPECT_EQ(due_of_limit(scenario, 1, Knob::CpusetCpus, IdSet{}, CgroupVersion::V2), 0);
}

TEST(Attempts, ToEnterAGroupThatGivesMemoryAreBusy) {
  EXPECT_EQ(due(chain(), attempt(Kind::TryMigrate, 0)), EBUSY);
  EXPECT_EQ(due(chain(), attempt(Kind::TryMigrate, 1)), EBUSY);
  EXPECT_EQ(due(chain(), attempt(Kind::TryMigrate, 2)), 0);
  EXPECT_EQ(due(chain(), attempt(Kind::TryMigrate, 0), CgroupVersion::V1), 0);
  Scenario killed = chain();
  killed.actions.push_back({10'000, Kind::Kill, 1});
  EXPECT_EQ(due(killed, attempt(Kind::TryMigrate, 0)), ESRCH);
}

TEST(Attempts, ToRemoveAGroupThatIsHeldAreBusy) {
  for (const CgroupVersion version : {CgroupVersion::V1, CgroupVersion::V2}) {
    for (const NodeId node : {0, 1, 2})
      EXPECT_EQ(due(chain(), attempt(Kind::TryRemove, node), version), EBUSY);
    Scenario empty = chain();
    empty.workers.clear();
    EXPECT_EQ(due(empty, attempt(Kind::TryRemove, 1), version), EBUSY);
    EXPECT_EQ(due(empty, attempt(Kind::TryRemove, 2), version), 0);
  }
  Scenario moved = chain();
  moved.actions.push_back({10'000, Kind::Migrate, 1});
  EXPECT_EQ(due(moved, attempt(Kind::TryRemove, 2)), 0);
  Scenario removed = chain();
  removed.actions.push_back({10'000, Kind::Remove, 2});
  EXPECT_EQ(due(removed, attempt(Kind::TryRemove, 2)), ENOENT);
  EXPECT_EQ(due(removed, attempt(Kind::TryRemove, 1)), 0);
}

TEST(Attempts, RestOnWhoIsAlive) {
  Scenario scenario = chain();
  scenario.actions.push_back(attempt(Kind::TryRemove, 2));
  const MachineFacts machine = machine_of(CgroupVersion::V2);
  EXPECT_EQ(due_errno(scenario, 0, machine, every_action), EBUSY);
  EXPECT_EQ(due_errno(scenario, 0, machine, every_action, [](size_t) { return false; }), 0);
}

TEST(Attempts, ToMakeOneMoreGroupAreRefusedByTheHierarchysLimits) {
  Scenario scenario = chain();
  EXPECT_EQ(due(scenario, attempt(Kind::TryCreate, 1)), 0);
  scenario.tree[0].limits[Knob::CgroupMaxDepth] = Amount{1};
  EXPECT_EQ(due(scenario, attempt(Kind::TryCreate, 0)), 0);
  EXPECT_EQ(due(scenario, attempt(Kind::TryCreate, 1)), EAGAIN);
}

TEST(Attempts, ToTakeAControllerFromWhoGivesItOnAreBusy) {
  EXPECT_EQ(due(chain(), attempt(Kind::TryControllerOff, 0)), EBUSY);
  EXPECT_EQ(due(chain(), attempt(Kind::TryControllerOff, 0, Controller::Memory)), EBUSY);
  EXPECT_EQ(due(chain(), attempt(Kind::TryControllerOff, 1)), 0) << "its child has no children";
  EXPECT_EQ(due(chain(), attempt(Kind::TryControllerOff, 2)), 0);
  Scenario switched = chain();
  switched.actions.push_back(attempt(Kind::DisableController, 1));
  EXPECT_EQ(due(switched, attempt(Kind::TryControllerOff, 0)), 0) << "the child has given it up";
  EXPECT_EQ(due(switched, attempt(Kind::TryControllerOff, 0, Controller::Pids)), EBUSY);
}

TEST(Attempts, ToGiveAControllerThatIsNotThereOrToAGroupWithTasksAreRefused) {
  Scenario switched = chain();
  switched.actions.push_back(attempt(Kind::DisableController, 0));
  EXPECT_EQ(due(switched, attempt(Kind::TryControllerOn, 1)), ENOENT);
  EXPECT_EQ(due(switched, attempt(Kind::TryControllerOn, 0)), 0) << "it has it itself";
  EXPECT_EQ(due(chain(), attempt(Kind::TryControllerOn, 2, Controller::Memory)), EBUSY);
  EXPECT_EQ(due(chain(), attempt(Kind::TryControllerOn, 2, Controller::Cpu)), 0) << "it is threaded";
  EXPECT_EQ(due(chain(), attempt(Kind::TryControllerOn, 1, Controller::Memory)), 0) << "it does already";
}

TEST(Attempts, OnGroupsThatCameOrWentFollowThem) {
  Scenario scenario = chain();
  scenario.actions.push_back({10'000, Kind::Create, 2});
  EXPECT_EQ(due(scenario, attempt(Kind::TryControllerOff, 0)), EBUSY);
  scenario.actions.front() = {10'000, Kind::Remove, 2};
  EXPECT_EQ(due(scenario, attempt(Kind::TryControllerOff, 0)), EBUSY) << "it stays enabled for nobody";
  Scenario absent = chain();
  absent.actions = {attempt(Kind::TryControllerOff, 0), {30'000, Kind::Create, 2}};
  EXPECT_EQ(due_errno(absent, 0, machine_of(CgroupVersion::V2), every_action), 0) << "not yet";
}

TEST(Attempts, AreNotMetWhereTheyWouldBeTaken) {
  const auto why = [](const Action& action, CgroupVersion version) {
    Scenario scenario = chain();
    scenario.actions.push_back(action);
    const std::optional<Fault> fault = unmet_attempt(scenario, 0, machine_of(version));
    EXPECT_EQ(fault.has_value(), !unmet(scenario, machine_of(version)).empty());
    return fault ? fault->message : "";
  };
  EXPECT_EQ(why(attempt(Kind::TryRemove, 2), CgroupVersion::V2), "");
  EXPECT_NE(why(attempt(Kind::TryMigrate, 2), CgroupVersion::V2), "");
  EXPECT_EQ(why(attempt(Kind::TryMigrate, 1), CgroupVersion::V2), "");
  for (const Kind kind : {Kind::TryMigrate, Kind::TryCreate, Kind::TryControllerOff, Kind::TryControllerOn}) {
    EXPECT_NE(why(attempt(kind, 1), CgroupVersion::V1), "") << static_cast<int>(kind);
  }
  EXPECT_NE(why({20'000, Kind::TryLimit, 1, Knob::IoMax, IoRates{-1, {}, {}, {}}}, CgroupVersion::V1), "")
      << "four files";
}

TEST(Attempts, ChangeNothing) {
  Scenario scenario = chain();
  const Scenario before = scenario;
  scenario.actions = {{20'000, Kind::TryLimit, 0, Knob::CpuMax, CpuBandwidth{1, 1}},
                      attempt(Kind::TryMigrate, 0),
                      attempt(Kind::TryRemove, 1),
                      attempt(Kind::TryCreate, 1),
                      attempt(Kind::TryControllerOff, 0),
                      attempt(Kind::TryControllerOn, 0)};
  EXPECT_TRUE(validate(scenario).empty());
  EXPECT_EQ(scenario_after(scenario, scenario.actions.size(), every_action), before);
  EXPECT_FALSE(migrates(scenario) || moves_groups(scenario) || moves_cpus(scenario));
}

TEST(Attempts, MustNameWhatIsThere) {
  const auto path = [](Action action) {
    Scenario scenario = chain();
    scenario.actions.push_back(std::move(action));
    const std::vector<Fault> faults = validate(scenario);
    return faults.size() == 1 ? faults[0].json_path : std::to_string(faults.size());
  };
  Action nobody = attempt(Kind::TryMigrate, 0);
  nobody.worker = 1;
  EXPECT_EQ(path(nobody), "/actions/0/worker");
  EXPECT_EQ(path({20'000, Kind::TryLimit, 0, Knob::CpuMax, Amount{1}}), "/actions/0/value");
  EXPECT_EQ(path(attempt(Kind::TryControllerOff, 0, Controller::Io)), "/actions/0/controller");
  EXPECT_EQ(path(attempt(Kind::TryRemove, 3)), "/actions/0/node");
}

TEST(Attempts, ReadLikeTheirNames) {
  const Tree tree = chain().tree;
  EXPECT_EQ(describe({20'000, Kind::TryLimit, 1, Knob::PidsMax, Amount{-1}}, tree),
            "try_limit t/a pids.max=-1");
  EXPECT_EQ(describe(attempt(Kind::TryMigrate, 1), tree), "try_migrate worker 0 to t/a");
  EXPECT_EQ(describe(attempt(Kind::TryRemove, 2), tree), "try_remove t/a/b");
  EXPECT_EQ(describe(attempt(Kind::TryControllerOn, 1, Controller::Memory), tree),
            "try_controller_on t/a memory");
}

}  // namespace
}  // namespace treeline

#include "model/planted_fault.h"

#include <gtest/gtest.h>

#include <set>

namespace treeline {
namespace {

using F = PlantedFault;

Tree chain(int nodes) {
  Tree tree;
  for (int i = 0; i < nodes; ++i)
    tree.nodes.push_back({std::string(1, static_cast<char>('a' + i)), i - 1, {}});
  return tree;
}

Scenario chain_with_worker(int nodes, Workload workload) {
  Scenario scenario;
  scenario.tree = chain(nodes);
  scenario.workers.push_back({nodes - 1, std::move(workload)});
  return scenario;
}

/// Worker 0 goes to the root.
Scenario with_migration(Scenario scenario) {
  scenario.actions.push_back({20'000, Action::Kind::Migrate, kRoot});
  return scenario;
}

/// A child loses the controller.
Scenario with_controller_off(Controller controller, std::vector<Worker> workers) {
  Scenario scenario;
  scenario.tree = chain(2);
  scenario.workers = std::move(workers);
  scenario.actions.push_back({20'000, Action::Kind::DisableController, kRoot});
  scenario.actions.back().controller = controller;
  return scenario;
}

/// At the root; of a limit, a quota below 1 ms.
Scenario with_attempt(Tree tree, std::vector<Worker> workers, Action::Kind kind) {
  Scenario scenario;
  scenario.tree = std::move(tree);
  scenario.workers = std::move(workers);
  scenario.actions.push_back({20'000, kind, kRoot, Knob::CpuMax, CpuBandwidth{999, 10'000}});
  return scenario;
}

Scenario with(Scenario scenario, NodeId node, Knob knob, KnobValue value) {
  scenario.tree[node].limits[knob] = std::move(value);
  return scenario;
}

/// The least scenario that one can write down by hand in which the defect shows.
Scenario least_scenario(F fault) {
  const Workload hog = CpuHog{2, 100, 10'000};
  const Workload memory = MemoryHog{};
  const Workload file = MemoryHog{MemoryKind::File, 4 << 20, 64 << 10, TouchOrder::Forward, true};
  const KnobValue half = CpuBandwidth{5'000, 10'000};
  const KnobValue mebibyte = Amount{1 << 20};
  switch (fault) {
    case F::CpuMaxDeepUnset:
      return with(chain_with_worker(3, hog), 2, Knob::CpuMax, half);
    case F::CpuQuotaHigh:
    case F::CpuQuotaLow:
    case F::CpuThrottledEarly:
    case F::CpuUsageUnderReported:
    case F::CpuPressureMissing:
      return with(chain_with_worker(1, hog), 0, Knob::CpuMax, half);
    case F::CpuWeightsSwapped: {
      Scenario scenario = chain_with_worker(2, hog);
      scenario.tree.nodes.push_back({"c", kRoot, {{Knob::CpuWeight, Amount{300}}}});
      scenario.tree[1].limits[Knob::CpuWeight] = Amount{100};
      scenario.tree[0].limits[Knob::CpusetCpus] = IdSet{{0}};
      scenario.workers.push_back({2, hog});
      return scenario;
    }
    case F::CpuUsageHalved:
      return chain_with_worker(1, hog);
    case F::CpuUsageLeaks:
    case F::CpuPressureOfParent:
      return chain_with_worker(2, hog);
    case F::CpusetGrandchildUnset:
      return with(chain_with_worker(3, hog), 2, Knob::CpusetCpus, IdSet{{0}});
    case F::MemoryAncestorUnset:
      return with(chain_with_worker(2, memory), 0, Knob::MemoryMax, mebibyte);
    case F::MemoryOomSpurious:
      return with(chain_with_worker(1, memory), 0, Knob::MemoryMax, mebibyte);
    case F::MemoryOomMisattributed:
      return with(chain_with_worker(2, memory), 1, Knob::MemoryMax, mebibyte);
    case F::MemoryUsageLeaks:
      return chain_with_worker(2, memory);
    case F::MemoryUnderReported:
    case F::MemoryChargeStays:
      return chain_with_worker(1, memory);
    case F::PidsOffByOne:
    case F::PidsRefusedEarly:
    case F::PidsMaxSmallUnset:
      return with(chain_with_worker(1, ForkStorm{}), 0, Knob::PidsMax, Amount{4});
    case F::PidsMaxLongNameUnset: {
      Scenario scenario = with(chain_with_worker(1, ForkStorm{}), 0, Knob::PidsMax, Amount{4});
      scenario.tree[kRoot].name = std::string(17, 'a');
      return scenario;
    }
    case F::PidsUsageLeaks:
    case F::AttachedToParent:
      return chain_with_worker(2, Idle{});
    case F::IoLimitUnset:
    case F::IoPressureMissing:
      return with(chain_with_worker(1, IoHog{}), 0, Knob::IoMax, IoRates{1 << 20, {}, {}, {}});
    case F::IoPressureOfParent: {
      Scenario scenario = with(chain_with_worker(1, IoHog{}), 0, Knob::IoMax, IoRates{1 << 20, {}, {}, {}});
      scenario.tree.nodes.push_back({"b", kRoot, {}});
      return scenario;
    }
    case F::FreezerGrandchildMissed: {
      Scenario scenario = chain_with_worker(3, hog);
      scenario.actions.push_back({20'000, Action::Kind::Freeze, kRoot});
      return scenario;
    }
    case F::FreezerThawMissed: {
      Scenario scenario = chain_with_worker(1, hog);
      scenario.actions.push_back({20'000, Action::Kind::Freeze, kRoot});
      scenario.actions.push_back({40'000, Action::Kind::Thaw, kRoot});
      return scenario;
    }
    case F::ReadbackWrong: {
      Scenario scenario;
      scenario.tree = chain(1);
      return with(std::move(scenario), 0, Knob::CpuWeight, Amount{300});
    }
    case F::RefusalMissing: {
      Scenario scenario;
      scenario.tree = chain(1);
      scenario.probes.push_back({kRoot, Knob::CpuMax, CpuBandwidth{999, 10'000}});
      return scenario;
    }
    case F::MemoryHighUnset:
    case F::MemoryHighKills:
    case F::MemoryPressureMissing:
      return with(chain_with_worker(1, memory), 0, Knob::MemoryHigh, mebibyte);
    case F::MemoryPressureOfParent: {
      Scenario scenario = with(chain_with_worker(1, memory), 0, Knob::MemoryHigh, mebibyte);
      scenario.tree.nodes.push_back({"b", kRoot, {}});
      return scenario;
    }
    case F::OomGroupUnset: {
      Scenario scenario = with(chain_with_worker(1, memory), 0, Knob::MemoryMax, mebibyte);
      scenario.workers.push_back({kRoot, Idle{}});
      return with(std::move(scenario), 0, Knob::MemoryOomGroup, Amount{1});
    }
    case F::SwapMaxUnset:
    case F::SwapMaxZero:
      return with(with(chain_with_worker(1, memory), 0, Knob::MemoryMax, mebibyte), 0, Knob::MemorySwapMax,
                  Amount{0});
    case F::HierarchyUnlimited: {
      Scenario scenario;
      scenario.tree = chain(1);
      return with(std::move(scenario), 0, Knob::CgroupMaxDepth, Amount{0});
    }
    case F::KillMissed: {
      Scenario scenario = chain_with_worker(1, Idle{});
      scenario.actions.push_back({20'000, Action::Kind::Kill, kRoot});
      return scenario;
    }
    case F::PartitionShared: {
      Scenario scenario = chain_with_worker(1, hog);
      scenario.tree.nodes.push_back({"b", kRoot, {{Knob::CpusetCpus, IdSet{{2}}}}});
      scenario = with(std::move(scenario), 1, Knob::CpusetPartition, Amount{1});
      scenario = with(std::move(scenario), 0, Knob::CpusetCpus, IdSet{{1, 2}});
      return with(std::move(scenario), 0, Knob::CpusetPartition, Amount{1});
    }
    case F::PartitionNeverInvalid: {
      Scenario scenario;
      scenario.tree = chain(1);
      return with(std::move(scenario), 0, Knob::CpusetPartition, Amount{1});
    }
    case F::CpuMaxChangeMissed: {
      Scenario scenario = chain_with_worker(1, hog);
      scenario.actions.push_back({20'000, Action::Kind::SetLimit, kRoot, Knob::CpuMax, half});
      return scenario;
    }
    case F::MemoryMaxChangeMissed: {
      Scenario scenario = chain_with_worker(1, MemoryHog{});
      scenario.actions.push_back({20'000, Action::Kind::SetLimit, kRoot, Knob::MemoryMax, mebibyte});
      return scenario;
    }
    case F::MemoryHighChangeMissed: {
      Scenario scenario = chain_with_worker(1, MemoryHog{});
      scenario.actions.push_back({20'000, Action::Kind::SetLimit, kRoot, Knob::MemoryHigh, mebibyte});
      return scenario;
    }
    case F::IoMaxChangeMissed: {
      Scenario scenario = chain_with_worker(1, IoHog{});
      scenario.actions.push_back(
          {20'000, Action::Kind::SetLimit, kRoot, Knob::IoMax, IoRates{1 << 20, {}, {}, {}}});
      return scenario;
    }
    case F::SwapMaxChangeMissed: {
      Scenario scenario = chain_with_worker(1, MemoryHog{});
      scenario.actions.push_back({20'000, Action::Kind::SetLimit, kRoot, Knob::MemorySwapMax, mebibyte});
      return with(std::move(scenario), 0, Knob::MemoryMax, mebibyte);
    }
    case F::ProtectionChangeMissed: {
      Scenario scenario = chain_with_worker(2, MemoryHog{});
      scenario.workers.push_back({kRoot, MemoryHog{}});
      scenario.actions.push_back({20'000, Action::Kind::SetLimit, 1, Knob::MemoryLow, mebibyte});
      scenario.actions.push_back({30'000, Action::Kind::SetLimit, kRoot, Knob::MemoryMax, mebibyte});
      return scenario;
    }
    case F::OomGroupChangeMissed: {
      Scenario scenario = chain_with_worker(1, MemoryHog{});
      scenario.workers.push_back({kRoot, Idle{}});
      scenario.actions.push_back({20'000, Action::Kind::SetLimit, kRoot, Knob::MemoryOomGroup, Amount{1}});
      scenario.actions.push_back({30'000, Action::Kind::SetLimit, kRoot, Knob::MemoryMax, mebibyte});
      return scenario;
    }
    case F::HierarchyChangeMissed: {
      Scenario scenario;
      scenario.tree = chain(1);
      scenario.actions.push_back({20'000, Action::Kind::SetLimit, kRoot, Knob::CgroupMaxDepth, Amount{0}});
      scenario.actions.push_back({30'000, Action::Kind::TryCreate, kRoot});
      return scenario;
    }
    case F::CpuIdleChangeMissed: {
      Scenario scenario = with(chain_with_worker(2, hog), 0, Knob::CpusetCpus, IdSet{{0}});
      scenario.workers.push_back({kRoot, hog});
      scenario.actions.push_back({20'000, Action::Kind::SetLimit, 1, Knob::CpuIdle, Amount{1}});
      return scenario;
    }
    case F::PidsMaxChangeMissed: {
      Scenario scenario = chain_with_worker(1, ForkStorm{});
      scenario.actions.push_back({20'000, Action::Kind::SetLimit, kRoot, Knob::PidsMax, Amount{4}});
      return scenario;
    }
    case F::CpuWeightChangeMissed: {
      Scenario scenario = with(chain_with_worker(2, hog), 0, Knob::CpusetCpus, IdSet{{0}});
      scenario.workers.push_back({kRoot, hog});
      scenario.actions.push_back({20'000, Action::Kind::SetLimit, 1, Knob::CpuWeight, Amount{300}});
      return scenario;
    }
    case F::RemovalRefused:
    case F::RemovedGroupsStay: {
      Scenario scenario;
      scenario.tree = chain(2);
      scenario.actions.push_back({20'000, Action::Kind::Remove, 1});
      return scenario;
    }
    case F::CpuUsageLostOnRemoval: {
      Scenario scenario = chain_with_worker(2, hog);
      scenario.actions.push_back({20'000, Action::Kind::Remove, 1});
      return scenario;
    }
    case F::ControllerOffMissed:
      return with_controller_off(Controller::Cpu, {});
    case F::ControllerLimitComesBack: {
      Scenario scenario = with_controller_off(Controller::Cpu, {});
      scenario.actions.push_back({40'000, Action::Kind::EnableController, kRoot});
      return with(std::move(scenario), 1, Knob::CpuMax, half);
    }
    case F::MemoryMaxLostOnControllerOff:
      return with(with_controller_off(Controller::Memory, {{1, MemoryHog{}}}), 0, Knob::MemoryMax, mebibyte);
    case F::IoMaxLostOnControllerOff:
      return with(with_controller_off(Controller::Io, {{1, IoHog{}}}), 0, Knob::IoMax,
                  IoRates{1 << 20, {}, {}, {}});
    case F::CpuMaxLostOnControllerOff:
      return with(with_controller_off(Controller::Cpu, {{1, hog}}), 0, Knob::CpuMax, half);
    case F::PidsChargeLostOnControllerOff:
      return with_controller_off(Controller::Pids, {{1, Idle{}}});
    case F::FreezerMoveInMissed: {
      Scenario scenario = chain_with_worker(2, hog);
      scenario.workers[0].node = kRoot;
      scenario.actions = {{20'000, Action::Kind::Freeze, 1}, {30'000, Action::Kind::Migrate, 1}};
      return scenario;
    }
    case F::FreezerMoveOutMissed: {
      Scenario scenario = chain_with_worker(2, hog);
      scenario.actions = {{20'000, Action::Kind::Freeze, 1}, {30'000, Action::Kind::Migrate, kRoot}};
      return scenario;
    }
    case F::AttemptTaken:
    case F::RefusedLimitShows:
      return with_attempt(chain(1), {}, Action::Kind::TryLimit);
    case F::RefusalErrnoWrong:
      return with_attempt(chain(1), {{kRoot, Idle{}}}, Action::Kind::TryRemove);
    case F::CpuMaxLostOnRefusal:
      return with(with_attempt(chain(1), {{kRoot, hog}}, Action::Kind::TryLimit), 0, Knob::CpuMax, half);
    case F::InternalProcessLetIn:
      return with_attempt(chain(2), {{1, Idle{}}}, Action::Kind::TryMigrate);
    case F::ControllerPulledAway:
      return with_attempt(chain(3), {}, Action::Kind::TryControllerOff);
    case F::CpusetChangeMissed: {
      Scenario scenario = chain_with_worker(1, hog);
      scenario.actions.push_back({20'000, Action::Kind::SetLimit, 0, Knob::CpusetCpus, IdSet{{0}}});
      return scenario;
    }
    case F::CpuMaxLostOnHotplug: {
      Scenario scenario = with(chain_with_worker(1, hog), 0, Knob::CpuMax, half);
      scenario.actions.push_back({20'000, Action::Kind::CpuOffline});
      scenario.actions.back().cpu = 1;
      return scenario;
    }
    case F::ChangeReadbackWrong: {
      Scenario scenario;
      scenario.tree = chain(1);
      scenario.actions.push_back({20'000, Action::Kind::SetLimit, kRoot, Knob::PidsMax, Amount{4}});
      return scenario;
    }
    case F::MigrationMissed:
      return with_migration(chain_with_worker(2, hog));
    case F::ThreadMoveMissed:
    case F::ThreadTakesProcess:
    case F::ThreadListedTwice:
    case F::PidsChargeStaysOnThreadMove: {
      Scenario scenario = with_migration(chain_with_worker(2, CpuHog{2}));
      scenario.actions[0].kind = Action::Kind::MigrateThread;
      scenario.actions[0].thread = 1;
      return scenario;
    }
    case F::CpuMaxLostOnMigration:
      return with(with_migration(chain_with_worker(2, hog)), 0, Knob::CpuMax, half);
    case F::MemoryChargeMoves:
      return with_migration(chain_with_worker(2, MemoryHog{}));
    case F::MigrationRefused:
    case F::PidsChargeStaysOnMigration:
      return with_migration(chain_with_worker(2, Idle{}));
    case F::CpuMaxClearMissed: {
      Scenario scenario = with(chain_with_worker(1, hog), 0, Knob::CpusetCpus, IdSet{{0}});
      scenario = with(std::move(scenario), 0, Knob::CpuMax, half);
      scenario.actions.push_back(
          {20'000, Action::Kind::SetLimit, kRoot, Knob::CpuMax, CpuBandwidth{std::nullopt, 10'000}});
      return scenario;
    }
    case F::CpuMaxRaiseMissed: {
      Scenario scenario = with(chain_with_worker(1, hog), 0, Knob::CpuMax, CpuBandwidth{2'000, 10'000});
      scenario.actions.push_back(
          {200'000, Action::Kind::SetLimit, kRoot, Knob::CpuMax, CpuBandwidth{5'000, 10'000}});
      return scenario;
    }
    case F::CpuHogStranded:
    case F::CpuIdles:
      return with(chain_with_worker(1, hog), 0, Knob::CpusetCpus, IdSet{{0}});
    case F::KernelWarns: {
      Scenario scenario;
      scenario.tree = chain(1);
      return with(std::move(scenario), 0, Knob::CpuMax, half);
    }
    case F::MemoryProtectionUnset:
    case F::MemoryProtectionHalved:
    case F::MemoryLowUncounted:
      return with(with(chain_with_worker(2, file), 0, Knob::MemoryMax, mebibyte), 1, Knob::MemoryLow,
                  mebibyte);
    case F::MemoryLowOvercounted: {
      Scenario scenario = with(chain_with_worker(2, memory), 0, Knob::MemoryMax, mebibyte);
      scenario.workers.push_back({0, file});
      return with(std::move(scenario), 1, Knob::MemoryLow, mebibyte);
    }
    case F::MemoryUnprotectedSpared: {
      Scenario scenario = with(chain_with_worker(2, file), 0, Knob::MemoryMax, mebibyte);
      scenario.tree.nodes.push_back({"c", kRoot, {{Knob::MemoryLow, mebibyte}}});
      return scenario;
    }
    case F::MemoryProtectionDeepUnset: {
      Scenario scenario = with(chain_with_worker(3, file), 0, Knob::MemoryMax, mebibyte);
      scenario = with(std::move(scenario), 1, Knob::MemoryLow, mebibyte);
      return with(std::move(scenario), 2, Knob::MemoryLow, mebibyte);
    }
  }
  return {};
}

TEST(PlantedFault, TableIsInEnumOrder) {
  size_t i = 0;
  for (const PlantedFaultInfo& info : planted_fault_table()) EXPECT_EQ(static_cast<size_t>(info.fault), i++);
  EXPECT_EQ(i, static_cast<size_t>(F::FreezerMoveOutMissed) + 1);
}

TEST(PlantedFault, NamesAreUniqueAndFindTheirRow) {
  std::set<std::string_view> names;
  for (const PlantedFaultInfo& info : planted_fault_table()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name;
    EXPECT_EQ(planted_fault_from_name(info.name), info.fault);
    EXPECT_EQ(&planted_fault_info(info.fault), &info);
    EXPECT_EQ(info.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz-"), std::string_view::npos)
        << info.name;
    EXPECT_FALSE(info.summary.empty()) << info.name;
  }
}

TEST(PlantedFault, UnknownNamesFindNothing) {
  for (const char* name : {"", "cpu-max-deep", "CpuMaxDeepUnset", "cpu_quota_high", "cpu-quota-high "}) {
    EXPECT_EQ(planted_fault_from_name(name), std::nullopt) << name;
  }
}

TEST(PlantedFault, EachNamesAKnownPropertyAndInvariant) {
  const std::set<std::string_view> properties{"cpu_bandwidth",
                                              "cpu_entitlement",
                                              "cpu_no_throttle",
                                              "cpu_fairness",
                                              "cpuset",
                                              "memory",
                                              "pids",
                                              "io",
                                              "freezer",
                                              "rules",
                                              "mixed",
                                              "memory_high",
                                              "oom_group",
                                              "swap",
                                              "hierarchy",
                                              "kill",
                                              "partition",
                                              "cpu_bandwidth_change",
                                              "memory_change",
                                              "memory_high_change",
                                              "memory_protection_change",
                                              "oom_group_change",
                                              "swap_change",
                                              "io_change",
                                              "pids_change",
                                              "cpu_fairness_change",
                                              "cpu_migration",
                                              "cpuset_change",
                                              "groups",
                                              "controllers",
                                              "refusals",
                                              "cpu_hotplug",
                                              "memory_migration",
                                              "pids_migration",
                                              "thread_migration",
                                              "memory_protection",
                                              "cpu_contention"};
  const std::set<std::string_view> invariants{"cpu.bandwidth",
                                              "cpu.bandwidth_witness",
                                              "cpu.entitlement",
                                              "cpu.no_throttle",
                                              "cpu.fairness",
                                              "cpu.conservation",
                                              "cpu.rusage",
                                              "cpuset.confinement",
                                              "memory.max",
                                              "memory.oom",
                                              "memory.oom_attribution",
                                              "memory.conservation",
                                              "memory.rss",
                                              "memory.drained",
                                              "pids.max",
                                              "pids.fork",
                                              "pids.conservation",
                                              "io.max",
                                              "freezer.stops",
                                              "freezer.resumes",
                                              "knob.readback",
                                              "knob.refusal",
                                              "kernel.health",
                                              "memory.high",
                                              "memory.oom_group",
                                              "memory.swap_max",
                                              "cgroup.hierarchy",
                                              "cgroup.kill",
                                              "memory.oom_swap",
                                              "cpu.pressure",
                                              "cpu.migration",
                                              "memory.migration",
                                              "cgroup.migration",
                                              "memory.protection",
                                              "cgroup.removal",
                                              "memory.pressure",
                                              "io.pressure",
                                              "cpu.stall",
                                              "cpu.work_conservation",
                                              "cgroup.controllers",
                                              "cgroup.refusal"};
  for (const PlantedFaultInfo& info : planted_fault_table()) {
    EXPECT_TRUE(properties.contains(info.property)) << info.name << ": " << info.property;
    EXPECT_TRUE(invariants.contains(info.invariant)) << info.name << ": " << info.invariant;
  }
}

TEST(PlantedFault, EveryFaultThatTheSuiteMustFindIsThere) {
  // The list of the project's definition; each must be caught by the invariant of its kind.
  const std::pair<const char*, const char*> required[] = {
      {"cpu-max-deep-unset", "cpu.bandwidth"},
      {"cpu-quota-high", "cpu.bandwidth"},
      {"memory-ancestor-unset", "memory.max"},
      {"pids-off-by-one", "pids.max"},
      {"attached-to-parent", "pids.conservation"},
      {"cpu-weights-swapped", "cpu.fairness"},
      {"cpuset-grandchild-unset", "cpuset.confinement"},
      {"freezer-grandchild-missed", "freezer.stops"},
      {"memory-oom-misattributed", "memory.oom_attribution"},
      {"cpu-usage-under-reported", "cpu.bandwidth_witness"}};
  for (const auto& [name, invariant] : required) {
    const auto fault = planted_fault_from_name(name);
    ASSERT_TRUE(fault) << name;
    EXPECT_EQ(planted_fault_info(*fault).invariant, invariant) << name;
  }
}

TEST(PlantedFault, MinimumIsTheSizeOfTheLeastScenarioThatShowsIt) {
  for (const PlantedFaultInfo& info : planted_fault_table()) {
    const Scenario least = least_scenario(info.fault);
    for (const Fault& fault : validate(least)) ADD_FAILURE() << info.name << fault.json_path << fault.message;
    Size size = size_of(least);
    size.detail = 0;  // no part of the claim
    EXPECT_EQ(size.nodes, info.minimum.nodes) << info.name;
    EXPECT_EQ(size.actions, info.minimum.actions) << info.name;
    EXPECT_EQ(size.workers, info.minimum.workers) << info.name;
    EXPECT_EQ(size.limits, info.minimum.limits) << info.name;
    EXPECT_EQ(info.minimum.detail, 0) << info.name;
  }
}

}  // namespace
}  // namespace treeline

#include "generators/property.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "generators/attempts_gen.h"
#include "generators/gens.h"
#include "generators/scenario_gen.h"
#include "generators/shrink.h"
#include "model/controllers.h"
#include "model/hash.h"
#include "model/threads.h"

namespace treeline {

namespace {

constexpr std::array<Knob, 1> kCpuMax{Knob::CpuMax};
constexpr std::array<Knob, 1> kCpuWeight{Knob::CpuWeight};
constexpr std::array<Knob, 1> kCpusetCpus{Knob::CpusetCpus};
constexpr std::array<Knob, 1> kMemoryMax{Knob::MemoryMax};
constexpr std::array<Knob, 1> kPidsMax{Knob::PidsMax};
constexpr std::array<Knob, 1> kIoMax{Knob::IoMax};
constexpr std::array<Knob, 1> kFreeze{Knob::Freeze};

constexpr std::array<Knob, 2> kPartition{Knob::CpusetCpus, Knob::CpusetPartition};
constexpr std::array<Knob, 1> kMemoryHigh{Knob::MemoryHigh};
constexpr std::array<Knob, 2> kOomGroup{Knob::MemoryMax, Knob::MemoryOomGroup};
constexpr std::array<Knob, 2> kSwap{Knob::MemoryMax, Knob::MemorySwapMax};
constexpr std::array<Knob, 3> kProtection{Knob::MemoryMax, Knob::MemoryLow, Knob::MemoryMin};
constexpr std::array<Knob, 2> kHierarchy{Knob::CgroupMaxDepth, Knob::CgroupMaxDescendants};

constexpr std::array<std::string_view, 2> kBandwidthAims{"cpu.bandwidth", "cpu.bandwidth_witness"};
constexpr std::array<std::string_view, 1> kEntitlementAims{"cpu.entitlement"};
constexpr std::array<std::string_view, 1> kNoThrottleAims{"cpu.no_throttle"};
constexpr std::array<std::string_view, 1> kFairnessAims{"cpu.fairness"};
constexpr std::array<std::string_view, 2> kContentionAims{"cpu.stall", "cpu.work_conservation"};
constexpr std::array<std::string_view, 1> kCpusetAims{"cpuset.confinement"};
constexpr std::array<std::string_view, 3> kMemoryAims{"memory.max", "memory.oom", "memory.rss"};
constexpr std::array<std::string_view, 2> kPidsAims{"pids.max", "pids.fork"};
constexpr std::array<std::string_view, 1> kIoAims{"io.max"};
constexpr std::array<std::string_view, 2> kFreezerAims{"freezer.stops", "freezer.resumes"};
constexpr std::array<std::string_view, 2> kRulesAims{"knob.readback", "knob.refusal"};
constexpr std::array<std::string_view, 1> kMemoryHighAims{"memory.high"};
constexpr std::array<std::string_view, 1> kOomGroupAims{"memory.oom_group"};
constexpr std::array<std::string_view, 2> kSwapAims{"memory.swap_max", "memory.oom_swap"};
constexpr std::array<std::string_view, 1> kSwapChangeAims{"memory.swap_max"};
constexpr std::array<std::string_view, 1> kProtectionAims{"memory.protection"};
constexpr std::array<std::string_view, 1> kHierarchyAims{"cgroup.hierarchy"};
constexpr std::array<std::string_view, 1> kPartitionAims{"cpuset.confinement"};
constexpr std::array<std::string_view, 1> kKillAims{"cgroup.kill"};
constexpr std::array<std::string_view, 3> kMemoryChangeAims{"memory.max", "memory.oom", "knob.readback"};
constexpr std::array<std::string_view, 2> kPidsChangeAims{"pids.max", "knob.readback"};
constexpr std::array<std::string_view, 2> kCpuMigrationAims{"cpu.migration", "cpu.bandwidth"};
constexpr std::array<std::string_view, 1> kMemoryMigrationAims{"memory.migration"};
constexpr std::array<std::string_view, 2> kPidsMigrationAims{"pids.max", "pids.conservation"};
constexpr std::array<std::string_view, 3> kThreadMigrationAims{"cpu.migration", "pids.conservation",
                                                               "cgroup.migration"};
constexpr std::array<std::string_view, 2> kHotplugAims{"cpu.bandwidth", "cpuset.confinement"};
constexpr std::array<std::string_view, 1> kGroupsAims{"cgroup.removal"};
constexpr std::array<std::string_view, 6> kControllersAims{
    "cgroup.controllers", "cpu.bandwidth", "pids.max", "memory.max", "io.max", "cpuset.confinement"};
constexpr std::array<std::string_view, 1> kRefusalsAims{"cgroup.refusal"};
constexpr std::array<std::string_view, 2> kMixedAims{"knob.readback", "cpu.rusage"};

struct Entry {
  Property property;
  rc::Gen<Scenario> (*gen)(const Constraints&);
};

constexpr size_t kCount = 37;

const std::array<Entry, kCount>& entries() {
  static const std::array<Entry, kCount> kEntries{{
      {{"cpu_bandwidth", "No subtree uses more CPU time than its cpu.max allows", kCpuMax, kBandwidthAims},
       cpu_bandwidth_gen},
      {{"cpu_entitlement", "A group gets the quota that it wants", kCpuMax, kEntitlementAims},
       cpu_entitlement_gen},
      {{"cpu_no_throttle", "A group that wants less than its quota is never throttled", kCpuMax,
        kNoThrottleAims},
       cpu_no_throttle_gen},
      {{"cpu_fairness", "Siblings that compete for one CPU share it by cpu.weight", kCpuWeight,
        kFairnessAims},
       cpu_fairness_gen},
      {{"cpuset", "No task runs outside its cpuset", kCpusetCpus, kCpusetAims}, cpuset_gen},
      {{"memory", "Memory stays below memory.max, and an OOM kill comes only where it must", kMemoryMax,
        kMemoryAims},
       memory_gen},
      {{"pids", "Tasks stay within pids.max, and fork fails only where a group is full", kPidsMax, kPidsAims},
       pids_gen},
      {{"io", "I/O stays below the rates of io.max", kIoMax, kIoAims}, io_gen},
      {{"freezer", "A frozen subtree stands still, and goes on when thawed", kFreeze, kFreezerAims},
       freezer_gen},
      {{"rules", "Every knob reads back as written, and what the rules forbid is refused", {}, kRulesAims},
       rules_gen},
      {{"mixed", "Everything at once", {}, kMixedAims}, mixed_gen},
      {{"memory_high", "memory.high slows down what exceeds it, and kills nobody", kMemoryHigh,
        kMemoryHighAims},
       memory_high_gen},
      {{"oom_group", "An OOM kill takes all of a group with memory.oom.group", kOomGroup, kOomGroupAims},
       oom_group_gen},
      {{"swap", "Swap stays below memory.swap.max", kSwap, kSwapAims}, swap_gen},
      {{"hierarchy", "A group is refused iff cgroup.max.depth or cgroup.max.descendants is reached",
        kHierarchy, kHierarchyAims},
       hierarchy_gen},
      {{"partition", "A cpuset partition has its CPUs to itself, or reads as invalid", kPartition,
        kPartitionAims},
       partition_gen},
      {{"kill", "cgroup.kill leaves no task of its subtree, and takes no other", {}, kKillAims}, kill_gen},
      {{"cpu_bandwidth_change", "A cpu.max that is changed while work runs binds from then on", kCpuMax,
        kBandwidthAims},
       cpu_bandwidth_change_gen},
      {{"cpu_fairness_change", "Siblings share by the weights, and with the tasks, that they have by then",
        kCpuWeight, kFairnessAims},
       cpu_fairness_change_gen},
      {{"memory_change", "A memory.max that is changed while work runs binds from then on", kMemoryMax,
        kMemoryChangeAims},
       memory_change_gen},
      {{"memory_high_change", "A memory.high that is changed while work runs slows down from then on",
        kMemoryHigh, kMemoryHighAims},
       memory_high_change_gen},
      {{"memory_protection_change",
        "What is protected while work runs is spared when memory runs short from then on", kProtection,
        kProtectionAims},
       memory_protection_change_gen},
      {{"oom_group_change", "A memory.oom.group that is set while work runs counts from then on", kOomGroup,
        kOomGroupAims},
       oom_group_change_gen},
      {{"swap_change", "A memory.swap.max that is changed while work runs binds from then on", kSwap,
        kSwapChangeAims},
       swap_change_gen},
      {{"io_change", "An io.max that is changed while work runs binds from then on", kIoMax, kIoAims},
       io_change_gen},
      {{"pids_change", "A pids.max that is changed while work runs binds from then on", kPidsMax,
        kPidsChangeAims},
       pids_change_gen},
      {{"cpu_migration", "Who migrates is held to the cpu.max and cpuset.cpus of where it is by then",
        kCpuMax, kCpuMigrationAims},
       cpu_migration_gen},
      {{"memory_migration", "Memory stays charged where it was when its task migrates", kMemoryMax,
        kMemoryMigrationAims},
       memory_migration_gen},
      {{"pids_migration", "A task that migrates takes its charge along, whatever pids.max is there", kPidsMax,
        kPidsMigrationAims},
       pids_migration_gen},
      {{"thread_migration",
        "A thread that leaves its process is held to, and charged to, where it is by then", kCpuMax,
        kThreadMigrationAims},
       thread_migration_gen},
      {{"memory_protection", "Reclaim spares what memory.min and memory.low protect", kProtection,
        kProtectionAims},
       memory_protection_gen},
      {{"cpuset_change", "A cpuset that is changed while work runs holds from then on", kCpusetCpus,
        kCpusetAims},
       cpuset_change_gen},
      {{"cpu_hotplug", "Limits hold while CPUs go offline and come back", kCpuMax, kHotplugAims},
       cpu_hotplug_gen},
      {{"groups", "Groups that come and go while work runs leave nothing behind", {}, kGroupsAims},
       groups_gen},
      {{"cpu_contention", "Where tasks compete for a CPU, nobody starves and it never idles", kCpuWeight,
        kContentionAims},
       cpu_contention_gen},
      {{"controllers",
        "Limits go with their controller, those above bind on, and it comes back without any",
        {},
        kControllersAims},
       controllers_gen},
      {{"refusals",
        "What the rules forbid while work runs is refused, and changes nothing",
        {},
        kRefusalsAims},
       refusals_gen},
  }};
  return kEntries;
}

/// Trees grow over a cycle of indices, and are of full size in its last third. The cycle's length is prime,
/// so that a property that gets only each tenth index still sees every size.
int size_of_index(uint64_t index) {
  constexpr uint64_t kCycle = 37;
  constexpr uint64_t kGrowth = 24;
  constexpr uint64_t kLeast = 4;
  const uint64_t grown = std::min(index % kCycle, kGrowth);
  return static_cast<int>(kLeast + grown * (rc::kNominalSize - kLeast) / kGrowth);
}

std::string why_missing(Knob knob, const MachineFacts& machine) {
  const KnobInfo& info = knob_info(knob);
  if (knob == Knob::IoMax && machine.device.empty()) {
    return "the scratch folder is not on a block device, for which io.max could be set";
  }
  if (!machine.controllers.contains(info.controller)) {
    return fmt::format("the {} controller is not mounted, or no group can be made in it",
                       controller_name(info.controller));
  }
  return fmt::format("this kernel offers no {} in a child group", info.name);
}

}  // namespace

std::span<const Property> properties() {
  static const std::array<Property, kCount> kProperties = [] {
    std::array<Property, kCount> list;
    std::transform(entries().begin(), entries().end(), list.begin(),
                   [](const Entry& entry) { return entry.property; });
    return list;
  }();
  return kProperties;
}

const Property* find_property(std::string_view name) {
  const auto all = properties();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Property& property) { return property.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::optional<std::string> why_untestable(const Property& property, const MachineFacts& machine) {
  for (const Knob knob : property.needs) {
    if (!machine.has(knob)) return why_missing(knob, machine);
  }
  if (machine.knobs.empty()) return "no controller is usable here, so there is nothing to set";
  const auto version = machine.knob_context(Controller::Memory).version;
  const bool needs_swap = property.name == "swap" || property.name == "swap_change";
  if (needs_swap && (machine.swap_bytes == 0 || version == CgroupVersion::V1)) {
    return machine.swap_bytes == 0 ? "this machine has no swap" : "v1 limits the sum of memory and swap only";
  }
  if (property.name == "kill" && !machine.controllers.contains(Controller::Core)) {
    return "cgroup.kill needs cgroup v2";
  }
  const auto known = switchable_controllers();
  if (property.name == "controllers" && std::none_of(known.begin(), known.end(), [&](Controller controller) {
        return switching_shows(machine, controller);
      })) {
    return "only cgroup v2 switches controllers while work runs, and has none of them here";
  }
  const bool has_one_cpu = machine.cpus.size() < 2;
  if ((property.name == "cpuset" || property.name == "cpuset_change") && has_one_cpu) {
    return "with one CPU there is nowhere to be but in the cpuset";
  }
  if (property.name == "cpu_hotplug" && machine.hotplug_cpus.empty()) {
    return "no CPU may be taken offline: only the lab's, and not its first";
  }
  if (property.name == "partition" && machine.cpus.size() < 3) {
    return "two partitions need a CPU each, and one stays for the rest of the machine";
  }
  const bool needs_one_cpu = property.aims.front() == "cpu.fairness" || property.name == "cpu_contention";
  if (needs_one_cpu && !has_one_cpu && !machine.has(Knob::CpusetCpus)) {
    return "without a cpuset the siblings cannot be made to compete for one CPU";
  }
  return std::nullopt;
}

namespace {

/// A quarter of the scenarios in which something happens. Its draws are apart from those of `plain`.
Scenario with_company_of_attempts(Scenario plain, rc::Random random, const Constraints& constraints) {
  constexpr int kPercent = 25;
  constexpr int kMost = 3;
  const bool has_attempts = std::any_of(plain.actions.begin(), plain.actions.end(), is_attempt);
  const bool moves_apart = plain.tree.has_thread_root() || moves_threads(plain);
  if (plain.actions.empty() || has_attempts || moves_apart) return plain;
  const rc::Random apart(rc::Random::Key{random.next(), hash_of("attempts"), 0, 0});
  const auto gen =
      rc::gen::exec([&] { return *chance(kPercent) ? *with_attempts(plain, kMost, constraints) : plain; });
  return gen(apart, rc::kNominalSize).value();
}

}  // namespace

rc::Gen<Scenario> scenario_gen(const Property& property, const Constraints& constraints) {
  const auto entry = std::find_if(entries().begin(), entries().end(),
                                  [&](const Entry& known) { return known.property.name == property.name; });
  const rc::Gen<Scenario> plain = entry->gen(constraints);
  return rc::Gen<Scenario>([plain, constraints](const rc::Random& random, int size) {
           Scenario drawn = with_company_of_attempts(plain(random, size).value(), random, constraints);
           return shrinkable(std::move(drawn), constraints.machine);
         })
      .as(std::string(property.name));
}

Scenario draw_scenario(const Property& property, const Constraints& constraints, uint64_t seed,
                       uint64_t index) {
  const rc::Random random(rc::Random::Key{seed, index, hash_of(property.name), 0});
  return scenario_gen(property, constraints)(random, size_of_index(index)).value();
}

}  // namespace treeline

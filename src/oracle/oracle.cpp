#include "oracle/oracle.h"

#include <array>

#include "model/controllers.h"
#include "oracle/cgroup_controllers.h"
#include "oracle/cgroup_hierarchy.h"
#include "oracle/cgroup_kill.h"
#include "oracle/cgroup_refusal.h"
#include "oracle/cgroup_removal.h"
#include "oracle/cpu_bandwidth.h"
#include "oracle/cpu_conservation.h"
#include "oracle/cpu_entitlement.h"
#include "oracle/cpu_fairness.h"
#include "oracle/cpu_pressure.h"
#include "oracle/cpu_stall.h"
#include "oracle/cpu_work_conservation.h"
#include "oracle/cpuset_confinement.h"
#include "oracle/freezer.h"
#include "oracle/io_max.h"
#include "oracle/kernel_health.h"
#include "oracle/knobs.h"
#include "oracle/memory_accounts.h"
#include "oracle/memory_high.h"
#include "oracle/memory_limits.h"
#include "oracle/memory_oom_group.h"
#include "oracle/memory_protection.h"
#include "oracle/memory_swap.h"
#include "oracle/migration.h"
#include "oracle/pids.h"
#include "oracle/stall_pressure.h"
#include "oracle/thread_view.h"

namespace treeline {

namespace {

using C = Controller;
constexpr uint8_t kWorkers = Invariant::kWorkers;
constexpr uint8_t kCpus = Invariant::kCpus;
constexpr uint8_t kGroups = Invariant::kGroups;
constexpr uint8_t kControllers = Invariant::kControllers;
constexpr uint8_t kThreads = Invariant::kThreads;
constexpr uint8_t kAll = kWorkers | kCpus | kGroups | kControllers | kThreads;

constexpr std::array<Invariant, 41> kInvariants{{
    // Before those that a task in a wrong group breaks, too: a failure goes by the first name.
    {"cpu.migration", C::Cpu, "CPU time is charged to the group that the task is in", judge_cpu_migration,
     kWorkers | kThreads},
    {"cpu.bandwidth", C::Cpu, "A subtree uses no more CPU time than its quota", judge_cpu_bandwidth, kAll},
    {"cpu.bandwidth_witness", C::Cpu, "The same by the workers' own clocks", judge_cpu_bandwidth_witness,
     kAll},
    {"cpu.entitlement", C::Cpu, "A subtree that always wants its quota gets it", judge_cpu_entitlement},
    {"cpu.no_throttle", C::Cpu, "A subtree below its quota is never throttled", judge_cpu_no_throttle},
    {"cpu.fairness", C::Cpu, "Siblings on one CPU share it by weight", judge_cpu_fairness,
     kWorkers | kThreads},
    {"cpu.stall", C::Cpu, "No runnable task waits longer than weights and quotas allow", judge_cpu_stall},
    {"cpu.work_conservation", C::Cpu, "No CPU idles while a task waits for it", judge_cpu_work_conservation},
    {"cpu.conservation", C::Cpu, "A group's CPU time is its tasks' and its children's",
     judge_cpu_conservation, kWorkers | kCpus | kControllers | kThreads},
    {"cpu.rusage", C::Cpu, "A group's CPU time agrees with rusage", judge_cpu_rusage,
     kWorkers | kCpus | kControllers | kThreads},
    {"cpu.pressure", C::Cpu, "A group's CPU pressure is the time that its tasks waited", judge_cpu_pressure},
    {"cpuset.confinement", C::Cpuset, "No task runs outside its cpuset", judge_cpuset_confinement,
     kWorkers | kCpus | kControllers | kThreads},
    {"memory.max", C::Memory, "A subtree's memory never exceeds its limit", judge_memory_max,
     kCpus | kControllers},
    {"memory.oom", C::Memory, "An OOM kill happens iff the demand exceeds the limit", judge_memory_oom,
     kCpus},
    {"memory.oom_attribution", C::Memory, "OOM kills are counted at the victim's group",
     judge_memory_oom_attribution, kCpus},
    {"memory.high", C::Memory, "memory.high throttles and never kills", judge_memory_high},
    {"memory.oom_group", C::Memory, "memory.oom.group kills all or none", judge_memory_oom_group, kCpus},
    {"memory.swap_max", C::Memory, "A subtree's swap never exceeds its limit", judge_memory_swap_max},
    {"memory.oom_swap", C::Memory, "An OOM kill happens iff memory and swap are exceeded",
     judge_memory_oom_swap},
    {"memory.protection", C::Memory, "Reclaim spares what memory.min and memory.low protect",
     judge_memory_protection},
    {"memory.conservation", C::Memory, "A group's memory is its tasks' and its children's",
     judge_memory_conservation, kCpus},
    {"memory.rss", C::Memory, "A group's memory agrees with what its workers hold", judge_memory_rss, kCpus},
    {"memory.drained", C::Memory, "Memory is uncharged after exit", judge_memory_drained, kCpus | kGroups},
    {"memory.pressure", C::Memory, "A group's memory pressure is the time that its tasks stalled",
     judge_memory_pressure},
    {"pids.max", C::Pids, "A subtree never has more tasks than its limit", judge_pids_max, kAll},
    {"pids.fork", C::Pids, "A fork is refused iff a group above is full", judge_pids_fork, kCpus},
    {"pids.conservation", C::Pids, "A group's tasks are its own and its children's", judge_pids_conservation,
     kWorkers | kCpus | kControllers | kThreads},
    {"io.max", C::Io, "A subtree moves no more than its rate", judge_io_max, kCpus | kControllers},
    {"io.pressure", C::Io, "A group's I/O pressure is the time that its tasks waited for I/O",
     judge_io_pressure},
    {"freezer.stops", C::Freezer, "Nothing moves while frozen", judge_freezer_stops, kWorkers},
    {"freezer.resumes", C::Freezer, "Everything moves after the thaw", judge_freezer_resumes, kWorkers},
    {"memory.migration", C::Memory, "Memory stays charged where it was, whoever moves",
     judge_memory_migration, kWorkers},
    {"cgroup.migration", C::Core, "A task may always move to another group of the tree",
     judge_cgroup_migration, kAll},
    {"cgroup.removal", C::Core, "A group is removed whole, and what it used stays counted above",
     judge_cgroup_removal, kAll},
    {"cgroup.controllers", C::Core, "A controller goes with its limits, and comes back without any",
     judge_cgroup_controllers, kAll},
    {"cgroup.kill", C::Core, "cgroup.kill leaves nothing and takes nobody else", judge_cgroup_kill, kCpus},
    {"cgroup.hierarchy", C::Core, "A group is refused iff a hierarchy limit above is reached",
     judge_cgroup_hierarchy, kCpus},
    {"cgroup.refusal", C::Core, "What the rules forbid while work runs is refused, and changes nothing",
     judge_cgroup_refusal, kAll, true},
    {"knob.readback", C::Core, "Every limit reads back as written", judge_knob_readback, kAll},
    {"knob.refusal", C::Core, "Illegal writes are refused, legal ones are not", judge_knob_refusal, kAll},
    {"kernel.health", C::Core, "The kernel neither warns nor gets tainted", judge_kernel_health, kAll},
}};

uint8_t moves_of(const Scenario& scenario) {
  return static_cast<uint8_t>((migrates(scenario) ? kWorkers : 0) | (moves_cpus(scenario) ? kCpus : 0) |
                              (moves_groups(scenario) ? kGroups : 0) |
                              (switches_controllers(scenario) ? kControllers : 0) |
                              (moves_threads(scenario) ? kWorkers | kThreads : 0));
}

std::vector<Finding> judge_by_all(const Scenario& scenario, const Observation& observation, uint8_t moving) {
  std::vector<Finding> all;
  const std::optional<Run> plain = without_attempts(scenario, observation);
  for (const Invariant& invariant : kInvariants) {
    if ((moving & ~invariant.follows) != 0) continue;
    std::vector<Finding> findings = plain && !invariant.sees_attempts
                                        ? invariant.judge(plain->scenario, plain->observation)
                                        : invariant.judge(scenario, observation);
    all.insert(all.end(), findings.begin(), findings.end());
  }
  return all;
}

bool fits(const Scenario& scenario, const Observation& observation) {
  return observation.nodes.size() == scenario.tree.nodes.size() &&
         observation.workers.size() == scenario.workers.size() &&
         observation.actions.size() == scenario.actions.size() &&
         observation.probes.size() == scenario.probes.size();
}

}  // namespace

std::span<const Invariant> invariants() { return kInvariants; }

Result<Verdict> judge(const Scenario& scenario, const Observation& observation) {
  if (observation.kernel_died()) return Verdict{judge_kernel_health(scenario, observation)};
  if (!fits(scenario, observation)) {
    return fail(ErrorKind::Infrastructure, "judge", "the observation", 0, "it is of another scenario");
  }
  const uint8_t moving = moves_of(scenario);
  if (!moves_threads(scenario)) return Verdict{judge_by_all(scenario, observation, moving)};
  const ThreadRun run = seen_by_threads(scenario, observation);
  return Verdict{judge_by_all(run.scenario, run.observation, moving)};
}

}  // namespace treeline

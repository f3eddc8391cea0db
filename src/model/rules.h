#pragma once

#include <optional>
#include <vector>

#include "model/machine_facts.h"
#include "model/scenario.h"

/// The reference model: what a tree's limits mean together, and which writes the kernel must refuse.
/// Pure; written from the kernel's documentation and source, which each function names; never from what the
/// kernel under test answers.
namespace treeline {

/// The least memory.max over the lineage; nullopt: unlimited.
std::optional<int64_t> effective_memory_max(const Tree& tree, NodeId node, int64_t page_size);
/// The node of the lineage that holds that least limit (the nearest one of equals).
std::optional<NodeId> binding_memory_node(const Tree& tree, NodeId node, int64_t page_size);
/// The least pids.max over the lineage; nullopt: unlimited.
std::optional<int64_t> effective_pids_max(const Tree& tree, NodeId node);
/// CPUs that a task of `node` may run on: its own cpuset.cpus, else (v1: as the executor sets it up; v2: by
/// rule) its parent's; the root's default is the machine's CPUs.
IdSet effective_cpus(const Tree& tree, NodeId node, const MachineFacts& machine);
IdSet effective_mems(const Tree& tree, NodeId node, const MachineFacts& machine);

/// The errno with which the kernel must answer a write of `value` to `knob` of `node`, in a tree whose limits
/// are all set; 0: it must take it.
///  - kernel/sched/core.c: tg_set_cfs_bandwidth (EINVAL: quota or period out of range, burst > quota, …),
///    tg_cfs_schedulable_down (v1: EINVAL if a child's quota/period exceeds its parent's; v2: no such rule)
///  - kernel/cgroup/cpuset.c, cpuset-v1.c: validate_change (v1: EACCES unless a subset of the parent,
///    EBUSY unless a superset of each child; EINVAL out of range; ENOSPC if emptied while in use)
///  - mm/memcontrol.c, memcontrol-v1.c: memory.limit above memory.memsw.limit: EINVAL
///  - kernel/cgroup/pids.c: pids_max_write (EINVAL outside 0 … PIDS_MAX)
///  - block/blk-throttle.c: tg_set_conf (EINVAL), blk-cgroup.c: blkg_conf_open_bdev (ENODEV)
int expected_errno(const Tree& tree, NodeId node, Knob knob, const KnobValue& value,
                   const MachineFacts& machine);

/// Why this machine cannot run the scenario as written: a knob or controller that it lacks, a limit that its
/// rules refuse in this tree, too few CPUs. Empty: it can. Generators draw only scenarios for which it is
/// empty.
std::vector<Fault> unmet(const Scenario& scenario, const MachineFacts& machine);

}  // namespace treeline

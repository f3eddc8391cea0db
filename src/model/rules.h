#pragma once

#include <functional>
#include <optional>
#include <set>
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
/// The machine with the CPUs that are online when the first `actions` of the scenario are over: those that
/// `taken` says were done.
MachineFacts machine_after(const Scenario& scenario, const MachineFacts& machine, size_t actions,
                           const std::function<bool(size_t)>& taken);
/// The machine with the CPUs that no action takes offline.
MachineFacts machine_always(const Scenario& scenario, const MachineFacts& machine);
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
/// Of v2 see model/rules_v2.cpp.
int expected_errno(const Tree& tree, NodeId node, Knob knob, const KnobValue& value,
                   const MachineFacts& machine);

/// Nodes in which workers start, or to which they go.
std::set<NodeId> occupied_nodes(const Scenario& scenario);
/// v2, "no internal process constraint" (kernel/cgroup/cgroup.c, cgroup_migrate_vet_dst): tasks of a node
/// that has children sit in a limitless leaf child of it, the leaf proxy, which is no node of the tree. On v1
/// they sit in the node itself, and so do those of a threaded domain (cgroup_can_be_thread_root,
/// cgroup_is_threaded).
bool has_leaf_proxy(const Scenario& scenario, NodeId node, const MachineFacts& machine,
                    Controller controller);
/// The subtree's groups in the controller's hierarchy, leaf proxies among them.
int groups_in(const Scenario& scenario, NodeId top, const MachineFacts& machine, Controller controller);

/// Some node carries, or is given, cgroup.max.depth or cgroup.max.descendants.
bool limits_the_hierarchy(const Scenario& scenario);
/// What mkdir of one more group below the node must be answered: EAGAIN or 0. kernel/cgroup/cgroup.c,
/// cgroup_check_hierarchy_limits: each group from the parent up refuses if it has max_descendants live
/// descendants already, or if the parent is max_depth levels below it.
int expected_child_errno(const Scenario& scenario, NodeId node, const MachineFacts& machine);

/// Why this machine cannot run the scenario as written: a knob or controller that it lacks, a limit that its
/// rules refuse in this tree, too few CPUs. Empty: it can. Generators draw only scenarios for which it is
/// empty.
std::vector<Fault> unmet(const Scenario& scenario, const MachineFacts& machine);

}  // namespace treeline

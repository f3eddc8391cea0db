#pragma once

#include <string>
#include <vector>

#include "model/machine_facts.h"
#include "model/scenario.h"

/// cpuset.cpus.partition on v2: the part of the reference model (model/rules.h) that says which nodes become
/// partition roots and what is left to the others. Source: Documentation/admin-guide/cgroup-v2.rst,
/// "cpuset.cpus.partition", local partitions (of remote ones, which need cpuset.cpus.exclusive, none is
/// made); kernel/cgroup/cpuset.c, update_prstate and update_parent_effective_cpumask.
namespace treeline {

/// Some node asks for a partition. The executor then makes the run's own group one, since a node can only be
/// a partition root below another.
bool has_partitions(const Tree& tree);

/// CPUs of the run's own group: the machine's; where there are partitions, all but the first, which the rest
/// of the machine keeps (tasks_nocpu_error: a populated group cannot give its last CPU away).
IdSet run_cpus(const Tree& tree, const MachineFacts& machine);

/// "1) The parent cgroup is a valid partition root. 2) cpuset.cpus.exclusive.effective is not empty", and no
/// sibling names one of its CPUs. Condition 3 is always met: when the limits are set there is no task yet.
bool is_valid_partition(const Tree& tree, NodeId node, const MachineFacts& machine);

/// CPUs that a valid partition takes from its parent, its own partitions' included; of kNoParent, the run's.
IdSet exclusive_cpus(const Tree& tree, NodeId partition, const MachineFacts& machine);

/// effective_cpus() where has_partitions(): a partition keeps what its own partitions do not take, and a
/// member has its share of what is left to its parent. An invalid partition is a member. May be empty.
IdSet effective_cpus_with_partitions(const Tree& tree, NodeId node, const MachineFacts& machine);

/// What a file must read after the tree's limits are all set: `write.expected`, with " invalid" after it, and
/// then perhaps " (REASON)", where a node cannot be the partition root that it asks to be.
std::string expected_readback(const Tree& tree, NodeId node, const KnobWrite& write,
                              const MachineFacts& machine);

/// For unmet() in model/rules.h.
std::vector<Fault> unmet_partitions(const Scenario& scenario, const MachineFacts& machine);

}  // namespace treeline

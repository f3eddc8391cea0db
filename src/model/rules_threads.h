#pragma once

#include <vector>

#include "model/machine_facts.h"
#include "model/scenario.h"

/// Threads and threaded groups: the part of the reference model (model/rules.h) that says which threads may
/// move where. Source: kernel/cgroup/cgroup.c.
namespace treeline {

/// A controller that threads are held to is of v2: there single threads move within a threaded domain only.
bool needs_thread_root(const MachineFacts& machine);

/// What the kernel must answer to the move of a thread from one node to the other; 0: it must take it. v1 has
/// no rule; v2 refuses one that leaves its domain (cgroup_attach_permissions: EOPNOTSUPP).
int expected_thread_errno(const Tree& tree, NodeId from, NodeId to, const MachineFacts& machine);

/// For unmet() in model/rules.h.
std::vector<Fault> unmet_threads(const Scenario& scenario, const MachineFacts& machine);

}  // namespace treeline

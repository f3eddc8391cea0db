#pragma once

#include <rapidcheck.h>

#include "generators/constraints.h"
#include "model/scenario.h"

/// Limits that are changed and workers that move while work runs (SetLimit, Migrate). Each is drawn for the
/// scenario as it stands at that instant, so that the kernel takes it by the rules of model/rules.h.
namespace treeline {

/// The scenario as it stands after all actions drawn so far; by threads (model/threads.h), where some move.
Scenario by_now(const Scenario& scenario);

/// Adds a change if the rules take it in the tree as it stands by then; says whether they do.
bool add_change(Scenario& scenario, const Action& change, const MachineFacts& machine);

/// How long one stretch must be so that the node's cpu.max, or that there is none, shows in it; without one,
/// `otherwise_us`.
int64_t stretch_us(const Scenario& now, NodeId node, int64_t otherwise_us, const MachineFacts& machine);

/// Indices of all workers.
std::vector<int> all_workers(const Scenario& scenario);
/// One of the nodes, of which there is more than one, but not that one.
rc::Gen<NodeId> other_node_gen(std::vector<NodeId> nodes, NodeId than);

/// Adds the migration of one of the workers, drawn, to a node of `nodes` where it is not by then; says
/// whether there is one.
bool add_migration(Scenario& scenario, int64_t at_us, const std::vector<int>& workers,
                   const std::vector<NodeId>& nodes);

/// The same of a thread of the worker, a hog of several.
bool add_thread_migration(Scenario& scenario, int64_t at_us, int worker, const std::vector<NodeId>& nodes);
/// Gives the node a tight cpu.max with a short period, so that it shows soon who is held to it; if the rules
/// take it.
void limit_cpu(Scenario& scenario, NodeId node, const MachineFacts& machine);
/// Until all that stands in `now` shows.
int64_t draw_stretch_us(const Scenario& now, const MachineFacts& machine);

/// A node above `from` or `to`, but not above both: who goes from one to the other comes under its limit, or
/// escapes it.
NodeId node_between(const Tree& tree, NodeId from, NodeId to);

/// Of the nodes above the target: itself in most draws.
NodeId changed_node(const Tree& tree, NodeId target);

}  // namespace treeline

#pragma once

#include <rapidcheck.h>

#include "generators/constraints.h"
#include "model/scenario.h"

/// Limits that are changed while work runs (SetLimit). Each is drawn for the tree as it stands at that
/// instant, so that the kernel takes it by the rules of model/rules.h.
namespace treeline {

/// The tree with the limits that stand after all actions drawn so far.
Tree tree_by_now(const Scenario& scenario);

/// Adds a change if the rules take it in the tree as it stands by then; says whether they do.
bool add_change(Scenario& scenario, const Action& change, const MachineFacts& machine);

/// Of the nodes above the target: itself in most draws.
NodeId changed_node(const Tree& tree, NodeId target);

}  // namespace treeline

#pragma once

#include <cstdint>
#include <vector>

#include "model/machine_facts.h"
#include "model/scenario.h"

/// The steps of the shrinker, each a function from a scenario to candidates, most promising first. They need
/// not be valid, runnable or smaller: shrinks() filters.
namespace treeline {

using Candidates = std::vector<Scenario>;
using ShrinkStep = Candidates (*)(const Scenario&);

// shrink_tree.cpp
/// Only the lineage of one node stays; then, without one subtree, big ones first. What is in a dropped node
/// goes.
Candidates drop_subtrees(const Scenario& scenario);
/// A child takes its parent's place: with the whole subtree below the parent gone, or the parent alone. The
/// parent's workers, actions and probes move to the child; its limits are lost, or fill those that the child
/// lacks, or win.
Candidates hoist_children(const Scenario& scenario);
/// The scenario of the kept nodes (the root, or else one node that is kept without its parent, is the new
/// root). What refers to another node goes.
Scenario keep_nodes(const Scenario& scenario, const std::vector<bool>& is_kept);

// shrink_contents.cpp
/// All, one half, then one of: actions, probes, workers. Of workers also one that wants as much as two, and
/// all but one with each memory.max lowered that the others do not reach. Of actions also a controller's
/// going with its coming back.
Candidates drop_actions(const Scenario& scenario);
Candidates drop_probes(const Scenario& scenario);
Candidates drop_workers(const Scenario& scenario);
/// All limits, those of one controller, of one node, one limit; then a part of one limit (a rate, a quota's
/// burst).
Candidates clear_limits(const Scenario& scenario);

/// Neighbours in time at one instant, that of the one or of the other; a change that stands from the start
/// instead; two changes of one limit as one.
Candidates join_actions(const Scenario& scenario);

/// A process moves instead of one thread of it; the first thread instead of another; no more threads than
/// move; a subtree that is not threaded.
Candidates simplify_threads(const Scenario& scenario);

// shrink_workloads.cpp
Candidates simplify_workloads(const Scenario& scenario);

// shrink_window.cpp
Candidates shorten_window(const Scenario& scenario);

// shrink_numbers.cpp
/// Everything plain at once, then names, then number by number.
Candidates plain_everything(const Scenario& scenario);
Candidates plain_names(const Scenario& scenario);
Candidates round_numbers(const Scenario& scenario);

/// Numbers near `value` that take fewer digits, plainest first: 1, 2 or 5 and zeros, one digit and zeros, two
/// digits and zeros; for bytes powers of two and whole MiB and KiB. None below `least`.
std::vector<int64_t> plainer(int64_t value, int64_t least, bool is_bytes);

}  // namespace treeline

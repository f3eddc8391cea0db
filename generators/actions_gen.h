#pragma once

#include <rapidcheck.h>

#include <vector>

#include "model/scenario.h"

namespace treeline {

/// Freezes and thaws of nodes on the lineages of `places`, in order of time, with enough time between them
/// that a hog shows whether it stands still or runs: a CPU may be stolen for 40 ms.
rc::Gen<std::vector<Action>> actions_gen(const Tree& tree, const std::vector<NodeId>& places, int most_pairs);

/// The same with workers, hogs that are given by their indices, that move into what is frozen, out of it or
/// within it; the tree has two nodes at least.
rc::Gen<std::vector<Action>> frozen_moves_gen(const Scenario& scenario, const std::vector<int>& hogs);

/// When the window should end after the last action, so that its effect can be seen.
int64_t end_after(const std::vector<Action>& actions);

}  // namespace treeline

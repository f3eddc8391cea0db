#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// A subtree's swap never exceeds memory.swap.max of its root (v2; v1 limits the sum with memory):
/// mm/memcontrol.c,
/// __mem_cgroup_try_charge_swap, page_counter_try_charge at every ancestor, exact and never forced.
/// Conclusive if the workers held more than memory.max and memory.swap.max above them let through, so that
/// more would have been swapped out: some were killed, or more was asked for than fits.
std::vector<Finding> judge_memory_swap_max(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

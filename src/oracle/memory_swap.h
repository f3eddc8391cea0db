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
///
/// Where either changes while work runs, each stretch between two changes is judged by its own limits and
/// readings. A limit below what is there takes nothing back (swap_max_write only sets it), but lets no more
/// in: until it is changed again, swap is at most what was there when it was set.
std::vector<Finding> judge_memory_swap_max(const Scenario& scenario, const Observation& observation);

/// With swap (v2) an OOM kill happens iff the demand exceeds memory.max and the swap that is left:
/// try_charge_memcg reclaims before it kills, which moves anonymous and shared pages to swap as long as every
/// memory.swap.max above them and the device have room.
///  - More is held at once than memory.max, and the least memory.swap.max at the node and above it (or the
///  device): some must be killed.
///  - The most that may be charged (memory_limits.h) fits, at every ancestor, memory.max and the swap that
///  nobody else can take: what others below a common ancestor want at most is taken from that one's
///  memory.swap.max, and so is it from the device, with what each CPU keeps for itself (mm/swap_slots.c: two
///  caches of 64 slots; mm/swapfile.c: a cluster of 512). A memory.swap.max below counts as no room unless it
///  has room for all that is below it. What cannot be swapped must fit memory.max. Then nobody may be killed.
/// Between the two: Inconclusive.
std::vector<Finding> judge_memory_oom_swap(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

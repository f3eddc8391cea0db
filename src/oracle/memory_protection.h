#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// Reclaim leaves alone what memory.min and memory.low protect (v2). Judged at groups without children, whose
/// pages are their workers'; a worker of a group with children sits in a child that has no protection.
///
/// Who reclaims: a charge that does not fit memory.max of a group T, or one that exceeds its memory.high
/// (try_charge_memcg, reclaim_high: try_to_free_mem_cgroup_pages(T)). It goes through all groups below T
/// (mm/vmscan.c, shrink_node_memcgs), works out what each is protected with
/// (mem_cgroup_calculate_protection; memory_protection_model.h), and then
///  - skips a group whose usage is at most its effective min (mem_cgroup_below_min), always;
///  - skips a group whose usage is at most its effective low (mem_cgroup_below_low), unless a whole round
///    over all priorities freed nothing at all (do_try_to_free_pages: memcg_low_reclaim). Each time that it
///    does not, it counts a "low" in the group's memory.events before it takes anything;
///  - takes from any other group.
/// A limit at the group itself ignores its own protection (mem_cgroup_unprotected): a group whose own limit
/// may have been reached is not judged. Neither is one that kswapd looked at, since above the tree nothing is
/// protected.
///
/// *Sheltered*: at every T that may have reclaimed, the group's peak is at most what it is guaranteed
/// (guaranteed_protection with every group's peak). It was skipped each time:
///
///   memory.current ≥ what its living workers touched and hold,     or, if low shelters it, "low" > 0
///
/// There is no slack at a child of T: its effective protection is what was set, read just before the check.
/// One level down, the parent's effective value is a constant too, but only once it was worked out: a task
/// that stops at cond_resched between walking to the parent and doing that lets each other one look at the
/// child once before, in the first round (DEF_PRIORITY = 12), which takes no batch from less than 2^12 pages;
/// else usage/2^12 pages and a batch (mm/vmscan.c, MIN_LRU_BATCH = 64) for each task below T. Further down
/// the parent's value is one of an earlier walk (mem_cgroup_iter goes on where the last one ended) and may
/// lag behind its use: not judged.
///
/// *Above its min*: the group is looked at while it is above its effective min, which is at least its
/// guarantee g; without swap, one look takes at most what is above and a batch more: get_scan_count scales
/// the list by what is above, SWAP_CLUSTER_MAX = 32 pages at least, and shrink_lruvec ends at 32 freed of the
/// inactive list; the multi-gen LRU asks again before each batch of 64 (get_nr_to_scan). Every task below T
/// may be at it. Besides, its charge may lose kernel objects (shrink_slab) and what its CPUs hold in stock:
///
///   memory.current ≥ g − 64 pages·tasks below T − kernel objects of its files − stock
///
/// Above its low only: not judged. The multi-gen LRU does not ask for it again within a look, which may take
/// usage >> priority.
///
/// *Breaches*: "low" stays 0 if at each T something was left to take: Σ of what cannot be reclaimed (most
/// demand less file pages), of the protected part of its children's file pages, and of what cannot be got
/// hold of for the moment (per-CPU folio batches, mm/swap.c: 31 pages in each of 6; isolated by other tasks:
/// 64 pages each) is at most T's limit.
///
/// *Kills*: likewise with memory.min: nobody is OOM-killed while file pages that it does not protect are left
/// (kernel bug f56ce412a59d: siblings just above memory.low were scanned by less than a page).
///
/// *While work runs*: protection that is set or changed while no limit presses anybody counts from then on,
/// as each reclaim reads it anew. A memory.max that is lowered later reclaims down to it by itself
/// (memory_max_write), by the same walk. So a run in which all changes of protection come before all of
/// memory.max, which only lower it, and in which nothing could reach a limit before, is judged as if all had
/// stood from the start, but for kills: memory_max_write gives up reclaim after 16 rounds without success,
/// whatever is left. Of another order nothing is said.
///
/// Conclusive: what all touched below T, under the other limits, exceeds T's memory.max by R, which had to be
/// reclaimed. Without protection every group is scanned by its size, so that this one would have lost
/// R·touched/all: more than what else its charge may hold (overhead of its workers, stock) and the slack.
std::vector<Finding> judge_memory_protection(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

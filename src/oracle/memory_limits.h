#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// A subtree's charge never exceeds memory.max of its root: by its peak, and by what its workers hold.
/// mm/memcontrol.c, try_charge_memcg: a charge that does not fit fails or is reclaimed for, at every ancestor
/// (page_counter_try_charge). Only __GFP_NOFAIL allocations are forced, a few pages at a time: slack = 8
/// pages (one order-3 slab) per task that may be in one. Conclusive if, without the limit but with all
/// others, the workers would hold more than the bound.
/// Where memory.max is changed while work runs, each stretch with its limits is judged by the readings in it.
/// On v2 a write below what is used reclaims, and then kills, until that fits (memory_max_write); on v1 it is
/// refused with EBUSY and changes nothing (mem_cgroup_resize_max). Whom the write killed would still be there
/// without it. It gives up when nobody is left to be chosen, which its last victim is not from the moment at
/// which its pages are unmapped (exit_mmap sets MMF_OOM_SKIP), but they are uncharged later (tlb_finish_mmu):
/// readings while a victim is on its way out do not count. Nor does it free page cache that a child's
/// memory.min protects (mem_cgroup_below_min skips it; no kill uncharges it): so much more may stay for good.
/// Where groups below lose the memory controller, their tasks are held to the next limit above, and what they
/// were charged with stays charged there (mem_cgroup_css_offline); of such a group itself nothing is said.
std::vector<Finding> judge_memory_max(const Scenario& scenario, const Observation& observation);

/// An OOM kill happens iff the demand exceeds the limit. Demand that cannot be reclaimed (anonymous and
/// shared memory; there is no swap):
///  - surely needed: the workers' bytes. More than the limit, all held at once, and no kill: the limit is not
///  kept;
///  - at most needed: also what was charged before (child groups' structures), page cache, and per task what
///  comes on
///    top: page tables (1/512 of the bytes, and 3 upper pages), copied pages and stack (128 pages), and for
///    every further task its kernel memory (64 pages). Less than every limit above it, and still a kill:
///    spurious.
/// Between the two: Inconclusive. With swap: memory.oom_swap. Of limits that are changed while work runs the
/// last ones must have killed what does not fit them, and any of them may have.
std::vector<Finding> judge_memory_oom(const Scenario& scenario, const Observation& observation);

/// Kills are counted where the victim lived: memcg_memory_event_mm(…, MEMCG_OOM_KILL) in __oom_kill_process.
/// On v1 memory.oom_control, on v2 memory.events.local. Children of a fork storm may be victims too: then at
/// least. A kill by memory.oom.group may count its first victim twice, before the group's scan and in it
/// (oom_kill_process, oom_kill_memcg_member): one more for each such kill above the node.
std::vector<Finding> judge_memory_oom_attribution(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

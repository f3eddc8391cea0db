#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// memory.high throttles, and never kills (v2).
///
/// Every charge above it makes its task sleep before it returns to user space: mm/memcontrol.c,
/// mem_cgroup_handle_over_high, calculate_high_delay. For a batch of MEMCG_CHARGE_BATCH = 64 pages, charged
/// when a group is E pages over its high of H:
///
///   j = ⌊64·HZ·(E/H)²⌋ jiffies, none if j ≤ HZ/100, at most 2 s;   d(E) = j − 1 jiffies (schedule_timeout)
///
/// To get from one batch above H to K batches, the subtree's n tasks sleep Σ d(64·k) for k < K, in parallel:
/// K is at most the greatest with Σ ≤ n·T. Each task may be in the middle of a sleep, and may have charged
/// for a page, its page table and an upper table in the fault before it (3 batches); per-CPU stocks are
/// charged and not yet used:
///
///   peak ≤ H + 64·(K + 3·n) pages + the stocks of the subtree's groups
///
/// Where memory.high is changed while work runs, each stretch between two changes is judged by its own limit.
/// One that is lowered does not take back what cannot be reclaimed (memory_high_write: its reclaim gives up).
/// Of what is charged when the stretch begins, O is above H then, and
///
///   peak ≤ H + O + 64·(K + 3·n) pages + stocks,     Σ d(O + 64·k) for k < K ≤ n·T
///
/// Conclusive if the workers would have touched more in T, at the speed that they had while they ran or
/// waited for a CPU. That nobody is killed is judged where no memory.max can bind, and conclusive if high was
/// exceeded.
std::vector<Finding> judge_memory_high(const Scenario& scenario, const Observation& observation);

/// The bound above, in pages; exposed for its laws to be tested.
int64_t memory_high_bound_pages(int64_t high_pages, int64_t begun_pages, int64_t tasks, double seconds,
                                int64_t hz, int64_t stock_pages);

}  // namespace treeline

#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// A group's charge is its children's, its own tasks', and what was charged to it before (the structures of
/// its child groups). page_counter_charge adds to all ancestors at once, so that, when all hold still, only
/// the group's own per-CPU stock is uncertain (MEMCG_CHARGE_BATCH pages a CPU), and its own tasks' overhead
/// (memory_limits.h).
std::vector<Finding> judge_memory_conservation(const Scenario& scenario, const Observation& observation);

/// A subtree's charge agrees with what its workers say that they hold: at least every page that they touched
/// and keep, and at least their anonymous RSS (which the kernel sums lazily, at both readings: 32 pages a CPU
/// by lib/percpu_counter.c, percpu_counter_batch; before 6.2, 64 pages a thread by mm/memory.c,
/// TASK_RSS_EVENTS_THRESH); at most that, page cache, what was there before, overhead,
/// and the stocks of all its groups.
std::vector<Finding> judge_memory_rss(const Scenario& scenario, const Observation& observation);

/// After exit the charge goes away, but for what stays in per-CPU stocks: at most MEMCG_CHARGE_BATCH pages a
/// CPU for each group that had workers or children, in at most NR_MEMCG_STOCK = 7 slots a CPU, and 32 pages a
/// worker of kernel objects that wait for RCU or share a slab with others.
std::vector<Finding> judge_memory_drained(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

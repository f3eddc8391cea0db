#pragma once

#include <rapidcheck.h>

#include "generators/constraints.h"
#include "generators/swarm.h"
#include "model/scenario.h"

namespace treeline {

/// What a worker takes besides what its workload asks for: kernel stacks, page tables, the pages that it
/// dirties by running at all, and the batch of charges that each CPU keeps (mm/memcontrol.c:
/// MEMCG_CHARGE_BATCH).
inline constexpr int64_t kWorkerOverheadBytes = 512 << 10;
/// Memory hogs have touched all by then, also where a page takes 50 us.
inline constexpr int64_t kTouchedAfterUs = 150'000;
/// When those of the scenario have, one page after another, if that is later: 150 us each, 250 us where it is
/// read from a file, as in the lab.
int64_t touched_after_us(const Scenario& scenario);

/// Any workload of the kind, within the constraints, whatever the limits are. `share` is how many workers
/// divide the scenario's memory and processes among them.
rc::Gen<Workload> workload_gen(WorkloadKind kind, int share, const Constraints& constraints);

/// A workload that presses one of the limits that bind the node: more threads than a quota or cpuset gives
/// CPUs, memory just over or just under the least memory.max, forks at or beyond the least pids.max, I/O
/// where a rate is set. Of the kinds given, if one of them has a limit to press; else any of the kinds.
rc::Gen<Workload> suggested_workload_gen(const Tree& tree, NodeId node,
                                         const std::vector<WorkloadKind>& kinds, int share,
                                         const Constraints& constraints);

/// Endless hog of `threads` threads.
inline Workload endless_hog(int threads) { return CpuHog{threads, 100, 10'000}; }
/// Draws one of as many threads as there are CPUs, or a few more: somebody would be on each of them.
Workload draw_crowding_hog(int cpus);

/// Memory of a kind, with chunks and order drawn.
rc::Gen<MemoryHog> memory_hog_gen(int64_t bytes, const std::vector<MemoryKind>& kinds);

/// `demand` bytes for a limit: `over` it by something, or under it with room for `workers` workers' overhead.
rc::Gen<int64_t> memory_demand_gen(int64_t limit_bytes, int workers, bool over);

/// Blocks that pass a direct I/O limit in steps well below one throttle slice (block/blk-throttle.c:
/// tg->td->throtl_slice, HZ/10), for `workers` workers that wait for each other.
rc::Gen<IoHog> io_hog_gen(const IoRates& rates, int workers);

/// Most processes that the worker and its children are together; threads count as they do for pids.max.
int tasks_of(const Workload& workload);
int64_t bytes_of(const Workload& workload);

/// What the machine must have, from what the scenario says: CPUs that it names or can keep busy (no more than
/// `machine` has), memory, the block device.
Requirements requirements_of(const Scenario& scenario, const MachineFacts& machine);

}  // namespace treeline

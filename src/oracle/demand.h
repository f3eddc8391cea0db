#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/observation.h"
#include "model/scenario.h"

/// What workloads ask for, by their definition (model/workload.h), and sums of it over subtrees. Shared by
/// the invariants; knows nothing of what the kernel reported.
namespace treeline {

/// Of a task of nice 0, and of a group with the default weight.
inline constexpr double kTaskShares = 1'024;

/// Most tasks at a time: pids counts processes and threads.
int64_t tasks_wanted(const Workload& workload);
/// Most of its tasks that compete for a CPU at a time; an idle one next to never does.
int64_t competing_tasks(const Workload& workload);
/// Memory that cannot be reclaimed without swap: anonymous and shared.
int64_t unreclaimable_bytes(const Workload& workload);
/// All memory that is touched, page cache included.
int64_t touched_bytes(const Workload& workload);
/// CPUs that it wants on average: threads × duty. 0 for what uses next to none.
double cpus_wanted(const Workload& workload);
/// Burns CPU without ever sleeping.
bool always_wants_cpu(const Workload& workload);
/// Its memory, once touched, stays until it is stopped.
bool holds_memory(const Workload& workload);

/// Indices of the workers in the subtree of `top`.
std::vector<size_t> workers_in(const Scenario& scenario, NodeId top);
/// Indices of the workers in `node` itself.
std::vector<size_t> workers_at(const Scenario& scenario, NodeId node);
/// Most tasks at a time of all workers in the subtree.
int64_t tasks_wanted_in(const Scenario& scenario, NodeId top);

/// What the subtree of `judged` could use if `judged` had no limit but every other node of it and above it
/// had its own: Σ own + min(cap, …) upwards. Nodes without a cap: nullopt.
double potential(const Scenario& scenario, NodeId judged, const std::function<double(size_t)>& wanted,
                 const std::function<std::optional<double>(NodeId)>& cap);

/// All workers of the subtree have done what they had to (or died): nothing was cut off by the window's end.
bool all_settled(const Scenario& scenario, const Observation& observation, NodeId top);
/// All were holding still, or dead and reaped, when `after` was read.
bool all_still(const Scenario& scenario, const Observation& observation, NodeId top);

/// after − before of a counter of a node; nullopt if either is missing.
std::optional<int64_t> grown(const Counters& from, const Counters& to, Counter counter);

/// The machine's greatest timer gap over some CPUs, and at least one tick, in ns: how late the kernel's own
/// tick may have been there.
double tick_or_gap_ns(const Observation& observation, int cpu);
/// The same of each of the CPUs.
std::vector<double> ticks_or_gaps_ns(const Observation& observation, const IdSet& cpus);
double max_gap_ns(const Observation& observation);
/// What was seen of these CPUs; those that were not monitored are missing.
std::vector<CpuNoise> noise_on(const Observation& observation, const IdSet& cpus);
/// How far the difference of two readings of a group's CPU time may be off: v2's cpu.stat rounds down to
/// whole microseconds (kernel/cgroup/rstat.c, cgroup_base_stat_cputime_show).
double usage_rounding_ns(const Observation& observation);

}  // namespace treeline

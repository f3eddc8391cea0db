#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "model/charge.h"
#include "model/observation.h"
#include "model/scenario.h"
#include "model/units.h"
#include "oracle/finding.h"

namespace treeline {

/// Pages that a CPU may hold on top for kernel objects, which are charged by the byte: less than one in its
/// stock (refill_obj_stock) and less than one that was left over when that was drained
/// (obj_cgroup::nr_charged_bytes in drain_obj_stock).
inline constexpr int64_t kObjectPages = 2;

inline double mib(int64_t bytes) { return static_cast<double>(bytes) / static_cast<double>(kMiB); }
/// What is measured in MiB.
inline Subject memory_subject(const char* invariant, NodeId node) {
  return {invariant, Controller::Memory, node, "MiB"};
}

/// Whether v1 owed a refusal of memory.max, and gave it: more was charged already than the limit, which the
/// kernel could not reclaim (mm/memcontrol.c, mem_cgroup_resize_max: EBUSY).
bool memory_limit_was_refused(const Scenario& scenario, const Observation& observation, NodeId node);
/// memory.max of a node in whole pages; nullopt: none, or it was refused.
std::optional<int64_t> memory_limit_bytes(const Scenario& scenario, const Observation& observation,
                                          NodeId node);
std::optional<int64_t> memory_limit_bytes(const Tree& tree, const Observation& observation, NodeId node);
/// What every CPU together may hold in advance for one group.
int64_t stock_bytes(const Observation& observation);
/// Memory that the kernel may charge for one worker beyond what it was told to touch: see memory_limits.h.
int64_t overhead_bytes(const Workload& workload, int64_t page_size);
/// Unreclaimable bytes that the subtree's workers hold at the same time.
int64_t held_demand_bytes(const Scenario& scenario, NodeId top);
/// Memory that may be charged to the subtree at once, at the very most.
int64_t most_demand_bytes(const Scenario& scenario, const Observation& observation, NodeId node);
/// Some worker of the subtree ended, and not for want of memory in a group, before it had asked for all.
bool any_failed(const Scenario& scenario, const Observation& observation, NodeId node);
/// Each worker that was OOM-killed: was that due, since some node from its own upwards may have had to kill?
/// `subject` without its node; the sentences end with one of the texts.
std::vector<Finding> judge_victims(const Scenario& scenario, const Observation& observation, Subject subject,
                                   const std::function<bool(NodeId)>& may_kill, const char* if_due,
                                   const char* if_not);
/// Workers of the subtree that were OOM-killed.
int oom_killed_in(const Scenario& scenario, const Observation& observation, NodeId top);
/// mm/oom_kill.c, dump_oom_summary: the machine, not a group, had no memory left.
bool machine_was_out_of_memory(const Observation& observation);
/// The most that any reading until all limits were lifted showed; nullopt where there was none.
std::optional<int64_t> peak_in_window_bytes(const NodeObservation& node);
/// Bytes charged before any worker was attached.
int64_t baseline_bytes(const Observation& observation, NodeId node);

}  // namespace treeline

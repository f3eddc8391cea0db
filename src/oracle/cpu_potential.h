#pragma once

#include <string>
#include <vector>

#include "model/observation.h"
#include "model/scenario.h"
#include "oracle/segments.h"

namespace treeline {

/// How long the workers surely ran between the segment's first and last reading.
int64_t running_ns(const Observation& observation, const Segment& segment);

/// A change of cpu.max while work runs.
bool is_of_cpu_max(const Action& action);
/// Once cpu.max was changed, the longest period that a timer may still run with (core.c,
/// tg_set_cfs_bandwidth: one that runs keeps its expiry), or the default, 100 ms; 0 in the first segment.
double period_before_ns(const Scenario& whole, const Segment& segment);

/// The least part of a CPU that the tree gets against what runs outside (cpu_weight.h), where a worker of the
/// node's subtree runs.
double share_against_outside(const Scenario& scenario, const Observation& observation, NodeId node);

/// CPU time that the subtree of `node` would surely have used in the segment without a limit of its own, in
/// ns: its hogs' demand, under the other nodes' limits, on the CPUs they may use, less stolen time and the
/// outside's share; what was idle was to be had in any case. Where other workers of the tree compete, only
/// what those CPUs had idle is sure. 0 where a freeze or a kill may have taken the demand away.
double cpu_potential_ns(const Scenario& whole, const Observation& observation, const Segment& segment,
                        NodeId node);
/// CPU time of a node in the segment by its counter; nullopt if it was not read.
std::optional<double> used_ns(const Observation& observation, const Segment& segment, NodeId node);

/// Idle time of the CPUs that lies within any `running_ns` of the run, for certain: what was monitored
/// before and after may have been idle all of it. 0 if it is not known.
double surely_idle_ns(const Observation& observation, const IdSet& cpus, int64_t running_ns);

/// Stolen time on the CPUs, with the 10 ms granularity of each of the two readings of /proc/stat.
double stolen_ns(const Observation& observation, const IdSet& cpus);

/// Workers outside the subtree that may use the same CPUs.
bool has_competition(const Scenario& scenario, const Observation& observation, NodeId node);

}  // namespace treeline

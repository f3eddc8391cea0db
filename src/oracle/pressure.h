#pragma once

#include "model/observation.h"
#include "model/scenario.h"

/// What the invariants of pressure (PSI, kernel/sched/psi.c) share.
namespace treeline {

/// Between rq->clock, by which run_delay is counted, and the cpu_clock() of the PSI change lies a part of
/// schedule() or try_to_wake_up(), without interrupts: some thousand instructions. 50 us are more than that
/// on any machine that runs Linux at 250 Hz. Of all the worker's switches.
double picks_ns(const WorkerObservation& worker);

/// How long who is in the node may be off its CPU while it could run: a turn (cpu_turn.h) and the longest
/// period of a cpu.max on the way up, by the limits of any time.
double longest_absence_ns(const Scenario& scenario, const Observation& observation, NodeId node);

/// What collect_percpu_times may lose where there is one CPU: each time that the group is read, all since the
/// last time, if the CPU was not idle for a whole jiffy of it. cpu.pressure, memory.pressure and io.pressure
/// are read one after another, each of them collecting, and psi_avgs_work does so every two seconds.
double lost_ns(const NodeObservation& seen, const Observation& observation);

}  // namespace treeline

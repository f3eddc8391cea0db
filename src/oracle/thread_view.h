#pragma once

#include "model/observation.h"
#include "model/scenario.h"
#include "model/threads.h"

namespace treeline {

/// A run of which each thread of a parted worker is a worker of its own (model/threads.h).
struct ThreadRun {
  Scenario scenario;
  Observation observation;
};

/// What was seen of the worker stands for its leader, but for the clock and CPUs, which are each thread's
/// own. Only the process has an rusage: it stays with the leader, and the other threads have none. A thread
/// that was never there, or whose clock cannot be read, has not started.
ThreadRun seen_by_threads(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

#pragma once

#include <set>
#include <string>
#include <string_view>

#include "model/scenario.h"
#include "search/trial.h"

namespace treeline {

/// Names of what a kernel did in a run, coarse enough to be seen again: a new name means that the scenario
/// went where none had been.
///   memory/memory.max+pids.max/memory_hog/freeze+thaw/OOM-killed   of each worker: two limits that bind it
///                                     (one, if it has no more; "unlimited"), its workload, the actions on
///                                     its groups ("still" without one), and how it ended
///   rules/cpu.max/probe/EINVAL        of each probe: what its write was answered
///   groups/group/try_remove/EBUSY     of each attempt: the same
///   memory/memory.max/held            of each invariant: what it said
///   memory/memory.max/margin 0.95     and how near to its bound it came (margin_bucket)
///   memory/kernel died
std::set<std::string> behaviours_of(std::string_view property, const Scenario& scenario, const Trial& trial);

/// The lower end of the bucket of a margin (verdict.h): narrower the nearer to the bound. 1: it was reached
/// or broken.
std::string_view margin_bucket(double margin);

}  // namespace treeline

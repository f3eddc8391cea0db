#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <vector>

#include "model/scenario.h"

namespace treeline {

/// Some thread is to leave its process's node.
bool moves_threads(const Scenario& scenario);
/// Indices of the workers of which some thread is.
std::set<size_t> parted_workers(const Scenario& scenario);
/// How many threads the workload is made of; children are processes of their own.
int threads_of(const Workload& workload);

/// Where the thread is when the first `actions` actions are over: those that `taken` says were done. A
/// process that moves takes all its threads along (kernel/cgroup/cgroup.c, cgroup_attach_task with
/// threadgroup).
NodeId place_of(const Scenario& scenario, ThreadId id, size_t actions,
                const std::function<bool(size_t)>& taken);

/// The scenario with each thread of a parted worker as a worker of its own, behind the others, so that all
/// who know where workers are know it of threads. The worker itself stands for the leader. The move of a
/// parted process is one of each thread, at the same instant.
struct ThreadView {
  Scenario scenario;           ///< None of its actions is a MigrateThread.
  std::vector<size_t> action;  ///< Of each of its actions: index of the one in the original.
};
ThreadView by_threads(const Scenario& scenario);

/// "worker 0", "thread 1 of worker 0".
std::string worker_name(const Scenario& scenario, size_t worker);

/// Whether the v2 controller may be used in a threaded domain (threaded = true in its cgroup_subsys).
bool is_threaded(Controller controller);

}  // namespace treeline

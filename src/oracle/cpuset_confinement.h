#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// No worker ever runs outside its effective cpuset: neither did its threads find themselves elsewhere
/// (getcpu, at every turn of their loops), nor does the kernel allow it (Cpus_allowed_list).
/// kernel/cgroup/cpuset.c, guarantee_online_cpus and cpuset_attach. Conclusive where the set is smaller than
/// the machine's; with one CPU there is nowhere else to be, and nothing is said. Each stretch between two
/// actions is judged by the sets, the worker's group and the online CPUs of that time: a migration, a write
/// of cpuset.cpus and a CPU's way out are over, for every task, when the write returns (set_cpus_allowed_ptr
/// waits for the stopper; sched_cpu_deactivate). CPUs that have come or gone, v2: cpuset_update_active_cpus;
/// a set that becomes empty falls back to its parent's.
std::vector<Finding> judge_cpuset_confinement(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// No worker ever runs outside its effective cpuset: neither did its threads find themselves elsewhere
/// (getcpu, at every turn of their loops), nor does the kernel allow it (Cpus_allowed_list).
/// kernel/cgroup/cpuset.c, guarantee_online_cpus and cpuset_attach. Conclusive where the set is smaller than
/// the machine's. A worker that migrates may have run on the CPUs of each node in which it was; in the end it
/// is held to the last one's.
std::vector<Finding> judge_cpuset_confinement(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

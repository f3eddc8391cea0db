#pragma once

#include <sys/types.h>

#include <string>

#include "cgroup/cgroup_tree.h"
#include "model/machine_facts.h"
#include "model/scenario.h"

namespace treeline {

/// Makes the one system call of an attempt (model/attempts.h) and returns its errno (0: taken); `limits` are
/// those of its node by now, `worker` is the process that is to migrate. Of several hierarchies it is 0 if
/// one took it, or else the first answer unlike the others. What was taken stays.
int attempt(const CgroupTree& groups, const Action& action, const Limits& limits, pid_t worker,
            const MachineFacts& machine);

/// What the attempt would change: the knob's files joined by ' '; the worker's group of v2; how many files
/// and groups the folder has in all hierarchies; cgroup.subtree_control.
std::string state_of_attempted(const CgroupTree& groups, const Action& action, const Limits& limits,
                               pid_t worker, const MachineFacts& machine);

/// "" if it reads as before; else '"BEFORE", then "AFTER"'.
std::string change_of(const std::string& before, const std::string& after);

}  // namespace treeline

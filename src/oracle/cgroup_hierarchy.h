#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// One more group is refused with EAGAIN iff some group above is full: expected_child_errno (model/rules.h).
/// Tried by the executor below every node of a tree that carries cgroup.max.depth or cgroup.max.descendants.
std::vector<Finding> judge_cgroup_hierarchy(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

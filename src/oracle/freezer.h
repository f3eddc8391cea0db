#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// From the moment that a group reads FROZEN until it is thawed, no worker of its subtree makes any progress:
/// kernel/cgroup/legacy_freezer.c reports FROZEN (kernel/cgroup/freezer.c: "frozen 1" in cgroup.events) once
/// every task, in descendants too, sits in the refrigerator. A group that does not get there within the
/// executor's deadline (500 ms) breaks the law too, unless tasks could not run to freeze themselves (a quota,
/// or gaps). Conclusive for a hog that never sleeps, if the time was long enough for a task that is not
/// frozen to get its turn: see oracle/cpu_turn.h. Who moves into a frozen group is one of its tasks from then
/// on (model/freezing.h): it stops, and the group reads FROZEN again.
std::vector<Finding> judge_freezer_stops(const Scenario& scenario, const Observation& observation);

/// After the thaw, or its move to where nothing above is frozen, every such worker goes on, if there is time
/// for its turn.
std::vector<Finding> judge_freezer_resumes(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

#pragma once

#include <span>

#include "model/observation.h"
#include "model/scenario.h"

namespace treeline {

/// What competes inside a node for its time, but for one child: the node's own tasks and its children with
/// any. In v1 shares; `except` may be kNoParent: none.
double shares_inside(const Scenario& scenario, const MachineFacts& machine, NodeId node, NodeId except);

/// Within this time, in ns, a runnable hog in `node` surely runs, as far as weights decide, once the warm-up
/// (cpu_weight.h) is over: quotas are not counted. An EEVDF entity is at most one slice, which may end a tick
/// late, ahead of or behind its due service (Stoica et al. 1995, theorem 1): it runs once two of them have
/// become due. A gap may come at either end. What runs outside the tree competes with its owner
/// group, and with the groups above.
double warm_turn_ns(const Scenario& scenario, const Observation& observation, NodeId node);

/// The same at any time, also where others are frozen: however little its groups may weigh then, where
/// weights and places were as in the stretches up to now, of which the last one is in force.
double turn_ns(std::span<const Scenario> until, const Observation& observation, NodeId node);

}  // namespace treeline

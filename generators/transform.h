#pragma once

#include "model/scenario.h"

/// Metamorphic relations: scenarios that a kernel must treat as it treats the one that they are made of.
/// Pure; workers, actions and probes keep their order, so that only nodes have other ids.
namespace treeline {

struct Transformed {
  Scenario scenario;
  std::vector<NodeId> now;  ///< The new id of each old node.
};

using Transform = Transformed (*)(const Scenario&);

/// As it is.
Transformed unchanged(const Scenario& scenario);
/// Every node gets another name, of another length.
Transformed renamed(const Scenario& scenario);
/// Siblings are made, and listed, in the opposite order. Twice, it gives the same scenario again, if its
/// nodes are in the order of a walk that visits each subtree as a whole.
Transformed permuted(const Scenario& scenario);
/// A root without limits above the tree. Of cpuset partitions that is another scenario: one is valid only
/// below another (kernel/cgroup/cpuset.c, update_prstate). cgroup.max.depth counts from its own group on.
Transformed wrapped(const Scenario& scenario);

}  // namespace treeline

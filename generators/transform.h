#pragma once

#include <optional>
#include <vector>

#include "model/scenario.h"

/// Metamorphic relations: scenarios that a kernel must treat as it treats the one that they are made of.
/// Pure; workers, actions and probes keep their order, so that only nodes have other ids.
namespace treeline {

/// A limit that is half of what it was.
struct Tightened {
  NodeId node = kRoot;  ///< Its old id, as all here.
  Knob knob = Knob::CpuMax;
};

struct Transformed {
  Scenario scenario;
  std::vector<NodeId> now;  ///< The new id of each old node.
  /// If there is one, only this is said: what the node uses of it does not rise.
  std::optional<Tightened> tightened;
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
/// One cpu.max, memory.max or pids.max is halved: the last of the tree that has none of its kind below. As it
/// is, and without `tightened`, where there is none, or anything happens while work runs.
Transformed tightened(const Scenario& scenario);

}  // namespace treeline

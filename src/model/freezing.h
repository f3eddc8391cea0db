#pragma once

#include <functional>
#include <set>

#include "model/scenario.h"

/// Which tasks stand still: those of a frozen group and of all groups below it, by where they are at each
/// instant. Who moves in stops, and who moves out goes on:
///  - v2: kernel/cgroup/freezer.c, cgroup_freezer_migrate_task: a task is told what its new group says;
///  - v1: kernel/cgroup/legacy_freezer.c, freezer_attach: freeze_task where the new group is FREEZING (or
///    FROZEN, which includes it), __thaw_task where it is not.
/// Who goes from one frozen group to another stays still on both.
namespace treeline {

/// Groups that were told to freeze, and not to thaw since, when the first `actions` actions are over, by
/// those that `taken` says were done.
std::set<NodeId> frozen_after(const Scenario& scenario, size_t actions,
                              const std::function<bool(size_t)>& taken);
/// The node is one of them, or below one.
bool is_frozen(const Tree& tree, const std::set<NodeId>& frozen, NodeId node);

}  // namespace treeline

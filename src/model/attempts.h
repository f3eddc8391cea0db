#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "model/machine_facts.h"
#include "model/scenario.h"

/// Attempts: actions that the kernel must refuse as things stand at that instant, while work runs. Each is
/// one system call. A scenario says what is tried, never what it must answer; that follows from the rules and
/// the actions before it. unmet() lets none in that would be taken, so an attempt changes nothing:
/// scenario_after() and all that builds on it need not know of them.
namespace treeline {

/// Those that the executor always enables, and an attempt may switch. Of these memory is a domain controller,
/// the others are threaded (kernel/cgroup/cgroup.c, cgrp_dfl_threaded_ss_mask).
std::span<const Controller> attempted_controllers();

/// Workers that an action has killed by then.
std::set<size_t> killed_after(const Scenario& scenario, size_t actions,
                              const std::function<bool(size_t)>& taken);

/// What the i-th action must be answered, by those before it that `taken` says were done, and by the workers
/// that `lives` says are alive unless an action has killed them; 0: it must be taken.
///  - SetLimit: see expected_errno() of model/rules.h.
///  - TryLimit: the same; and ENOSPC where it empties the cpuset.cpus or cpuset.mems of a group with tasks
///    (kernel/cgroup/cpuset.c, validate_change). Of a knob that is two files the first that differs is
///    written.
///  - TryMigrate: EBUSY if the group gives a domain controller to its children (cgroup_migrate_vet_dst).
///  - TryRemove: EBUSY if it has children or tasks (cgroup_destroy_locked).
///  - TryCreate: see expected_child_errno() of model/rules.h.
///  - TryControllerOff: EBUSY if a child gives it on (cgroup_subtree_control_write).
///  - TryControllerOn: ENOENT if the group itself does not have it (the same); EBUSY if it is a domain
///    controller and the group has tasks of its own (cgroup_vet_subtree_control_enable).
/// ENOENT, too, where the group or its controller is not there.
int due_errno(
    const Scenario& scenario, size_t i, const MachineFacts& machine, const std::function<bool(size_t)>& taken,
    const std::function<bool(size_t)>& lives = [](size_t) { return true; });

/// Why this machine cannot try it: a knob or controller that it lacks, or rules that would take it.
std::optional<Fault> unmet_attempt(const Scenario& scenario, size_t i, const MachineFacts& machine);

}  // namespace treeline

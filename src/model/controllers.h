#pragma once

#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "model/machine_facts.h"
#include "model/scenario.h"

/// Controllers that are switched off and on below a group while work runs (v2). What holds meanwhile, by
/// kernel/cgroup/cgroup.c:
///  - cgroup_subtree_control_write refuses to disable what a child has enabled for its own children (EBUSY),
///    and to enable what the group itself does not have (ENOENT): a whole subtree is switched off from below,
///    and on from above.
///  - cgroup_apply_control_disable kills the states of all groups below, and their files go before the write
///    returns (kill_css, css_clear_dir); cgroup_update_dfl_csses moves the tasks to the nearest state above.
///    So the limits of the group itself and of those above it bind all of them, and no other.
///  - cgroup_apply_control_enable makes new states: nothing of the old limits comes back.
///  - Where io is on, memory, on which it depends (cgroup_subsys::depends_on), is only hidden: its files
///    go, and its limits are lifted all the same (mem_cgroup_css_reset), but for memory.oom.group.
///  - What was charged to a group stays charged to those above it (mem_cgroup_css_offline). What its tasks
///    charge from then on is charged to the next group above.
namespace treeline {

/// Those that an action may switch.
std::span<const Controller> switchable_controllers();
/// The machine has it in v2.
bool can_switch(const MachineFacts& machine, Controller controller);
/// Some controller goes or comes while work runs.
bool switches_controllers(const Scenario& scenario);

/// Nodes that lack the controller when the first `actions` actions are over, by those that `taken` says were
/// done.
std::set<NodeId> lacking_after(const Scenario& scenario, Controller controller, size_t actions,
                               const std::function<bool(size_t)>& taken);
/// Nodes that lacked the controller at any time.
std::set<NodeId> ever_lacking(const Scenario& scenario, Controller controller,
                              const std::function<bool(size_t)>& taken);
/// Some action switches that controller.
bool switches(const Scenario& scenario, Controller controller);
/// All groups below the action's node, which is not among them.
std::vector<NodeId> groups_below(const Tree& tree, const Action& action);
/// Takes the limits of the action's controller from them.
void drop_limits_below(Tree& tree, const Action& action);

/// What a group that is new, or has a controller anew, carries in the controller's files.
Limits fresh_limits(Controller controller);

/// How the files of the action's controller read in all groups below its node: "a/b/pids.max=max, …". `read`
/// gives the text of one of them.
std::string text_below(const Scenario& scenario, const Action& action, const MachineFacts& machine,
                       const std::function<std::string(NodeId, const KnobWrite&)>& read);
/// The same where a file is not there.
inline constexpr const char* kNoFile = "none";
/// What it must be once the action is done.
std::string expected_below(const Scenario& scenario, const Action& action, const MachineFacts& machine);

}  // namespace treeline

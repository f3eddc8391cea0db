#include "model/attempts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "model/controllers.h"
#include "model/rules.h"
#include "model/rules_partition.h"

namespace treeline {

namespace {

using Predicate = std::function<bool(size_t)>;

/// The tree, its groups and its workers as an action finds them.
class Instant {
 public:
  Instant(const Scenario& scenario, size_t i, const MachineFacts& machine, const Predicate& taken,
          const Predicate& lives)
      : whole_(scenario),
        i_(i),
        machine_(machine),
        taken_(taken),
        lives_(lives),
        now_(scenario_after(scenario, i, taken)),
        absent_(absent_after(scenario, i, taken)),
        killed_(killed_after(scenario, i, taken)) {}

  int due(const Action& action) const {
    if (is_attempt(action) && absent_.contains(action.node)) return ENOENT;
    switch (action.kind) {
      case Action::Kind::SetLimit:
        return expected_errno(now_.tree, action.node, action.knob, action.value, machine_);
      case Action::Kind::TryLimit:
        return due_of_limit(action);
      case Action::Kind::TryMigrate:
        return due_of_migration(action);
      case Action::Kind::TryRemove:
        return is_held(action.node) ? EBUSY : 0;
      case Action::Kind::TryCreate:
        return due_of_creation(action.node);
      case Action::Kind::TryControllerOff:
        return is_given_on(action) ? EBUSY : 0;
      case Action::Kind::TryControllerOn:
        return due_of_controller_on(action);
      default:
        return 0;
    }
  }

 private:
  bool is_v2(Controller controller) const { return can_switch(machine_, controller); }

  bool is_there(size_t worker) const {
    return lives_(worker) && !killed_.contains(worker) && !absent_.contains(now_.workers[worker].node);
  }

  bool has_tasks(NodeId node) const {
    for (size_t i = 0; i < now_.workers.size(); ++i) {
      if (now_.workers[i].node == node && is_there(i)) return true;
    }
    return false;
  }

  bool is_populated(NodeId top) const {
    const std::vector<NodeId> nodes = now_.tree.subtree(top);
    return std::any_of(nodes.begin(), nodes.end(), [&](NodeId node) { return has_tasks(node); });
  }

  bool has_child(NodeId node, const std::set<NodeId>& absent) const {
    const std::vector<NodeId> children = now_.tree.children(node);
    return std::any_of(children.begin(), children.end(),
                       [&](NodeId child) { return !absent.contains(child); });
  }

  /// Its controllers stay enabled for children that have gone.
  bool has_had_child(NodeId node) const {
    for (size_t actions = 0; actions <= i_; ++actions) {
      if (has_child(node, absent_after(whole_, actions, taken_))) return true;
    }
    return has_leaf_proxy(whole_, node, machine_, Controller::Memory);
  }

  bool lacks(NodeId node, Controller controller) const {
    return lacking_after(whole_, controller, i_, taken_).contains(node);
  }

  /// It is in cgroup.subtree_control of the node.
  bool gives(NodeId node, Controller controller) const {
    const std::vector<NodeId> children = now_.tree.children(node);
    return !children.empty() && has_had_child(node) && !lacks(children.front(), controller);
  }

  bool is_given_on(const Action& action) const {
    const std::vector<NodeId> children = now_.tree.children(action.node);
    return std::any_of(children.begin(), children.end(), [&](NodeId child) {
      return !absent_.contains(child) && gives(child, action.controller);
    });
  }

  /// In all hierarchies.
  bool is_held(NodeId node) const {
    if (has_child(node, absent_) || has_tasks(node)) return true;
    return std::all_of(machine_.controllers.begin(), machine_.controllers.end(), [&](const auto& known) {
      return has_leaf_proxy(whole_, node, machine_, known.first);
    });
  }

  /// By the limits as they stand; a group that a task may come to has its leaf proxy all the time.
  int due_of_creation(NodeId node) const {
    Scenario scenario = whole_;
    scenario.tree = now_.tree;
    return expected_child_errno(scenario, node, machine_);
  }

  int due_of_migration(const Action& action) const {
    if (!is_there(static_cast<size_t>(action.worker))) return ESRCH;
    return is_v2(Controller::Memory) && gives(action.node, Controller::Memory) ? EBUSY : 0;
  }

  int due_of_controller_on(const Action& action) const {
    if (lacks(action.node, action.controller)) return ENOENT;
    if (gives(action.node, action.controller) || action.controller != Controller::Memory) return 0;
    return now_.tree.is_leaf(action.node) && has_tasks(action.node) ? EBUSY : 0;
  }

  int due_of_limit(const Action& action) const {
    const KnobInfo& info = knob_info(action.knob);
    if (lacks(action.node, info.controller)) return ENOENT;
    const auto refusal = [&](const KnobValue& value) {
      return expected_errno(now_.tree, action.node, action.knob, value, machine_);
    };
    const Limits& own = now_.tree[action.node].limits;
    const bool is_v1 = machine_.knob_context(info.controller).version == CgroupVersion::V1;
    if (action.knob == Knob::CpuMax && is_v1) {
      CpuBandwidth first = get<CpuBandwidth>(own, Knob::CpuMax).value_or(CpuBandwidth{});
      const int64_t period_us = std::get<CpuBandwidth>(action.value).period_us;
      const bool is_other = period_us != first.period_us;
      first.period_us = period_us;
      if (is_other) return refusal(first);
    }
    if (const int error = refusal(action.value)) return error;
    return empties(action, own, is_v1) && is_populated(action.node) ? ENOSPC : 0;
  }

  /// On v1 no set is empty before: the executor fills them.
  static bool empties(const Action& action, const Limits& own, bool is_v1) {
    const auto* set = std::get_if<IdSet>(&action.value);
    return set && set->ids.empty() && (is_v1 || own.contains(action.knob));
  }

  const Scenario& whole_;
  size_t i_;
  const MachineFacts& machine_;
  const Predicate& taken_;
  const Predicate& lives_;
  Scenario now_;
  std::set<NodeId> absent_;
  std::set<size_t> killed_;
};

std::string why_not_here(const Scenario& scenario, const Action& action, const MachineFacts& machine) {
  if (action.kind == Action::Kind::TryLimit) {
    const KnobInfo& info = knob_info(action.knob);
    if (!machine.has(action.knob)) return "this machine does not have the knob";
    const bool is_v1 = machine.knob_context(info.controller).version == CgroupVersion::V1;
    if (is_v1 && action.knob != Knob::CpuMax && info.v1_files.size() > 1) {
      return "on v1 it is several files, some of which might be taken";
    }
    if (info.controller == Controller::Cpuset && has_partitions(scenario.tree)) {
      return "beside partitions cpusets stay as they are";
    }
  }
  if (action.kind == Action::Kind::TryMigrate && !can_switch(machine, Controller::Memory)) {
    return "only cgroup v2 keeps tasks out of inner groups, for memory's sake";
  }
  if (action.kind == Action::Kind::TryCreate && !machine.controllers.contains(Controller::Core)) {
    return "only cgroup v2 limits the hierarchy";
  }
  if (has_controller(action) && !can_switch(machine, action.controller)) {
    return "only cgroup v2 switches it, and has it not here";
  }
  return "";
}

}  // namespace

std::span<const Controller> attempted_controllers() {
  static constexpr std::array kControllers{Controller::Cpu, Controller::Memory, Controller::Pids};
  return kControllers;
}

std::set<size_t> killed_after(const Scenario& scenario, size_t actions,
                              const std::function<bool(size_t)>& taken) {
  std::set<size_t> killed;
  for (size_t i = 0; i < actions; ++i) {
    const Action& action = scenario.actions[i];
    const bool kills = action.kind == Action::Kind::Kill || action.kind == Action::Kind::Remove;
    if (!kills || !taken(i)) continue;
    const Scenario by_then = scenario_after(scenario, i, taken);
    const std::set<NodeId> absent = absent_after(scenario, i, taken);
    for (size_t worker = 0; worker < by_then.workers.size(); ++worker) {
      const NodeId place = by_then.workers[worker].node;
      if (by_then.tree.is_in_subtree(place, action.node) && !absent.contains(place)) killed.insert(worker);
    }
  }
  return killed;
}

int due_errno(const Scenario& scenario, size_t i, const MachineFacts& machine, const Predicate& taken,
              const Predicate& lives) {
  return Instant(scenario, i, machine, taken, lives).due(scenario.actions[i]);
}

std::optional<Fault> unmet_attempt(const Scenario& scenario, size_t i, const MachineFacts& machine) {
  const std::string path = fmt::format("/actions/{}/kind", i);
  const std::string why = why_not_here(scenario, scenario.actions[i], machine);
  if (!why.empty()) return Fault{path, why};
  const int due = due_errno(scenario, i, machine, every_action);
  if (due == 0) return Fault{path, "the kernel's rules would take it"};
  if (due == ESRCH) return Fault{path, "the worker is dead by then"};
  return std::nullopt;
}

}  // namespace treeline

#pragma once

#include <optional>
#include <vector>

#include "model/observation.h"
#include "model/planted_fault.h"
#include "model/scenario.h"

namespace treeline {

/// Plays a planted fault (model/planted_fault.h) at the points where a defective kernel would differ: the
/// limits that are enforced, the group that a worker lands in, and what is reported. Without a fault every
/// function gives back what it was given.
class FaultPlayer {
 public:
  FaultPlayer(std::optional<PlantedFault> fault, const Scenario& scenario, const MachineFacts& machine)
      : fault_(fault), scenario_(scenario), machine_(machine) {}

  bool active() const { return fault_.has_value(); }
  /// The tree whose limits are really set.
  Tree enforced_tree() const;
  /// The node that a worker is really attached to.
  NodeId node_of(const Worker& worker) const;
  /// The worker is left out of its group in the freezer's hierarchy.
  bool escapes_freezer(const Worker& worker) const;

  /// The worker that is never run again after a while.
  std::optional<size_t> stranded_worker() const;
  bool ignores(const Action& action) const;
  /// A migration is taken and does nothing, from and to a group that is frozen or not.
  bool ignores_move(bool from_frozen, bool to_frozen) const {
    return (is(PlantedFault::FreezerMoveInMissed) && !from_frozen && to_frozen) ||
           (is(PlantedFault::FreezerMoveOutMissed) && from_frozen && !to_frozen);
  }
  /// The errno with which a migration is refused; 0: it is not.
  int migration_errno() const;
  /// What an attempt is answered, where the kernel said `answered`.
  int attempt_errno(const Action& attempt, int answered) const;
  /// What an attempt leaves, where the kernel left `after`.
  std::string state_after(const Action& attempt, const std::string& after) const;
  /// cpu.max of the action's node is lost when a value for it is refused.
  bool lifts_quota_on_refusal(const Action& attempt) const {
    return is(PlantedFault::CpuMaxLostOnRefusal) && attempt.kind == Action::Kind::TryLimit &&
           attempt.knob == Knob::CpuMax;
  }
  /// What a controller had set is set again when it comes back.
  bool keeps_limits_of_controller() const { return is(PlantedFault::ControllerLimitComesBack); }
  /// The limit of the action's node that is lost when its children lose the controller; nullopt: none.
  std::optional<Knob> lost_on_switch(const Action& action) const;
  /// cpu.max is lost where a task comes in.
  bool lifts_quota_on_hotplug() const { return is(PlantedFault::CpuMaxLostOnHotplug); }
  bool lifts_quota_on_migration() const { return is(PlantedFault::CpuMaxLostOnMigration); }
  /// With a thread its whole process moves.
  bool moves_whole_process() const { return is(PlantedFault::ThreadTakesProcess); }
  int removal_errno() const;
  /// Call with the last readings in which the group was there.
  void note_removal(NodeId node, const std::vector<Counters>& nodes);
  /// The worker, or its thread, has moved from one node to the action's; it has touched so many bytes.
  void note_migration(const Action& action, NodeId from, int64_t bytes);
  /// A controller goes below the action's node; call with the last readings before.
  void note_controller_off(const Action& action, const std::vector<Counters>& nodes);

  enum class Moment { Before, Window, After, Drained };
  /// Counters of all nodes as the defective kernel reports them, `elapsed_ns` after the first attach.
  void report(std::vector<Counters>& nodes, Moment moment, int64_t elapsed_ns) const;
  void report(NodeObservation& node, NodeId id) const;
  void report(std::vector<ProbeObservation>& probes) const;
  void report(ActionObservation& action, const Action& of, const std::vector<KnobWrite>& writes) const;
  void report(KernelHealth& health) const;

 private:
  void report_listing(ActionObservation& action, const Action& of) const;
  bool is(PlantedFault fault) const { return fault_ == fault; }
  bool ignores_change(Knob knob) const;
  bool ignores_clear(const Action& action) const;
  bool ignores_raise(const Action& action) const;
  void account_for_removals(std::vector<Counters>& nodes) const;
  void shift_charges(std::vector<Counters>& nodes) const;
  void leak(std::vector<Counters>& nodes, Counter counter) const;
  void cap_usage(std::vector<Counters>& nodes, int64_t elapsed_ns) const;
  void spoil_pressure(std::vector<Counters>& nodes) const;

  std::optional<PlantedFault> fault_;
  const Scenario& scenario_;
  const MachineFacts& machine_;
  struct Migration {
    NodeId from, to;
    int64_t bytes;
    bool is_of_thread;
  };
  struct Removal {
    NodeId node;
    int64_t usage_ns;
  };
  struct LostTasks {
    NodeId node;
    int64_t tasks;
  };
  void lose_tasks(std::vector<Counters>& nodes) const;
  std::vector<LostTasks> lost_tasks_;
  std::vector<Migration> migrations_;
  std::vector<Removal> removals_;
};

}  // namespace treeline

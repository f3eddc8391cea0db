#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/controllers.h"
#include "model/rules.h"
#include "model/units.h"

namespace treeline {

namespace {

/// Which controller goes below which group, and the work that shows it.
struct Switch {
  NodeId node = kRoot;
  Controller controller = Controller::Cpu;
  int sharers = 1;       ///< Workers below.
  int64_t pause_us = 0;  ///< Between two forks of a storm.
  int forks = 0;         ///< Of each storm.
  int64_t bytes = 0;     ///< That each hog touches.
  IoSides sides;
  Knob knob() const {
    switch (controller) {
      case Controller::Cpu:
        return Knob::CpuMax;
      case Controller::Memory:
        return Knob::MemoryMax;
      case Controller::Cpuset:
        return Knob::CpusetCpus;
      case Controller::Io:
        return Knob::IoMax;
      default:
        return Knob::PidsMax;
    }
  }
};

/// Where there is none the property cannot be tested, and what is drawn does not matter.
Controller draw_controller(const MachineFacts& machine) {
  const auto known = switchable_controllers();
  std::vector<Controller> controllers(known.begin(), known.end());
  std::erase_if(controllers, [&](Controller controller) { return !switching_shows(machine, controller); });
  return controllers.empty() ? known.front() : *one_of(controllers);
}

/// A group that has children, and work in or below it.
NodeId draw_node(const Ground& ground) {
  std::vector<NodeId> nodes;
  for (const NodeId node : ground.tree.subtree(kRoot)) {
    const bool has_work = std::any_of(ground.placement.nodes.begin(), ground.placement.nodes.end(),
                                      [&](NodeId place) { return ground.tree.is_in_subtree(place, node); });
    if (!ground.tree.is_leaf(node) && has_work) nodes.push_back(node);
  }
  return *one_of(nodes);
}

Workload draw_work(const Switch& drawn, bool is_below, const MachineFacts& machine) {
  if (!is_below && *chance(70)) return Idle{};
  switch (drawn.controller) {
    case Controller::Pids:
      return ForkStorm{drawn.forks, drawn.pause_us};
    case Controller::Memory: {
      MemoryHog hog = *memory_hog_gen(drawn.bytes, {MemoryKind::Anonymous});
      hog.hold = true;
      return hog;
    }
    case Controller::Cpuset:
      return draw_crowding_hog(static_cast<int>(machine.cpus.size()));
    default:
      return endless_hog(*uniform(1, 2));
  }
}

/// Tasks that are there by then, if no limit below keeps them from it.
int64_t tasks_by_then(const Scenario& scenario, NodeId node, const Switch& drawn, int64_t at_us) {
  int64_t tasks = 0;
  for (const Worker& worker : scenario.workers) {
    if (!scenario.tree.is_in_subtree(worker.node, node)) continue;
    tasks += std::holds_alternative<Idle>(worker.workload)
                 ? 1
                 : 1 + std::min<int64_t>(at_us / drawn.pause_us, drawn.forks);
  }
  return std::min(tasks, effective_pids_max(by_now(scenario).tree, node).value_or(tasks));
}

/// Of what is wanted below from then on: enough is missing that its lack shows.
KnobValue draw_limit(const Scenario& scenario, NodeId node, const Switch& drawn, int64_t at_us,
                     const MachineFacts& machine) {
  switch (drawn.controller) {
    case Controller::Pids: {
      const int64_t room = *uniform<int64_t>(-2, 4);
      return Amount{std::max<int64_t>(tasks_by_then(scenario, node, drawn, at_us) + room, 0)};
    }
    case Controller::Memory: {
      const int64_t wanted = drawn.bytes * drawn.sharers;
      const int64_t least = int64_t{drawn.sharers} * 2 * kWorkerOverheadBytes;
      return Amount{std::max(least, wanted * *uniform(30, 80) / 100)};
    }
    case Controller::Cpuset:
      return *subset_gen(effective_cpus(by_now(scenario).tree, node, machine));
    case Controller::Io:
      return draw_slow_rates(drawn.sides, drawn.sharers);
    default: {
      const double cpus = std::max(1, parallelism(scenario, node, machine));
      return *bandwidth_gen({0.25 * cpus, 0.6 * cpus, 2'000, *chance(80) ? 20'000 : 100'000});
    }
  }
}

/// How long the limits that stand by now need to show; of tasks and of memory, soon enough that more of them
/// comes.
int64_t draw_pause_us(const Scenario& scenario, const Switch& drawn, const MachineFacts& machine) {
  switch (drawn.controller) {
    case Controller::Pids:
      return drawn.pause_us * *uniform<int64_t>(5, 14);
    case Controller::Io:
      return draw_io_stretch_us();
    case Controller::Cpu:
      return stretch_us(by_now(scenario), drawn.node, 1'000 * *uniform<int64_t>(20, 60), machine);
    default:
      return 1'000 * *uniform<int64_t>(30, 80);
  }
}

/// The action, if the scenario is as it must be for it by then.
void add(Scenario& scenario, Action action, const Switch& drawn) {
  if (switches_a_controller(action)) action.controller = drawn.controller;
  scenario.actions.push_back(std::move(action));
  Scenario checked = scenario;
  checked.window = {kMaxWindowUs, false, 10'000};
  if (!validate(checked).empty()) scenario.actions.pop_back();
}

/// Off and on, with limits that are set in between, above or, where the controller is, below.
void draw_switches(Scenario& scenario, const Switch& drawn, const Constraints& constraints) {
  const int64_t one_round_us = drawn.controller == Controller::Io ? 1'500'000 : 900'000;  // three pauses
  const int64_t latest_us = constraints.max_window_us - one_round_us;
  const MachineFacts& machine = constraints.machine;
  int64_t at_us = draw_pause_us(scenario, drawn, machine);
  const int count = *uniform(1, 4);
  for (int i = 0; i < count && at_us < latest_us; ++i) {
    const bool comes = i % 2 == 1;
    add(scenario,
        {at_us, comes ? Action::Kind::EnableController : Action::Kind::DisableController, drawn.node}, drawn);
    if (*chance(85)) at_us += draw_pause_us(scenario, drawn, machine);
    if (!*chance(50)) continue;
    const NodeId node =
        *one_of(comes && *chance(70) ? scenario.tree.subtree(drawn.node) : scenario.tree.lineage(drawn.node));
    add(scenario,
        {at_us, Action::Kind::SetLimit, node, drawn.knob(),
         draw_limit(scenario, node, drawn, at_us, machine)},
        drawn);
    at_us += draw_pause_us(scenario, drawn, machine);
  }
}

/// A limit of the group, or above it, which binds all the time, and limits below, which go. Where both are,
/// the one may hide the other's lack.
void draw_limits(Scenario& scenario, const Switch& drawn, const MachineFacts& machine) {
  const bool is_above = *chance(65);
  if (is_above) {
    const NodeId above = changed_node(scenario.tree, drawn.node);
    scenario.tree[above].limits[drawn.knob()] = draw_limit(scenario, above, drawn, 0, machine);
  }
  if (is_above && *chance(40)) return;
  for (const NodeId node : scenario.tree.subtree(drawn.node)) {
    if (node == drawn.node || !*chance(50)) continue;
    scenario.tree[node].limits[drawn.knob()] = draw_limit(scenario, node, drawn, 0, machine);
  }
}

Switch draw_switch(const Ground& ground, const Constraints& constraints) {
  Switch drawn;
  drawn.node = draw_node(ground);
  drawn.controller = draw_controller(constraints.machine);
  drawn.pause_us = 1'000 * *uniform<int64_t>(2, 4);
  const int places = static_cast<int>(ground.placement.nodes.size());
  const int most_forks = std::max(2, constraints.max_processes / places - 2);
  drawn.forks = *uniform(std::min(14, most_forks), most_forks);
  drawn.sharers = static_cast<int>(
      std::count_if(ground.placement.nodes.begin(), ground.placement.nodes.end(),
                    [&](NodeId place) { return ground.tree.is_in_subtree(place, drawn.node); }));
  drawn.bytes = std::max<int64_t>(2 * kMiB, *log_uniform(6 * kMiB, 12 * kMiB) / places);
  drawn.sides = draw_io_sides();
  return drawn;
}

void add_work(Scenario& scenario, const Ground& ground, const Switch& drawn, const MachineFacts& machine) {
  if (drawn.controller == Controller::Io) {
    Ground below = ground;
    below.target = drawn.node;
    below.below.assign(static_cast<size_t>(drawn.sharers), drawn.node);
    return add_io_workers(scenario, below, draw_slow_rates(drawn.sides, drawn.sharers));
  }
  for (const NodeId node : ground.placement.nodes) {
    scenario.workers.push_back(
        {node, draw_work(drawn, scenario.tree.is_in_subtree(node, drawn.node), machine)});
  }
}

Scenario draw_controllers(const Constraints& constraints) {
  const MachineFacts& machine = constraints.machine;
  const Ground ground = *ground_gen(constraints, static_cast<int>(kMostIoWorkers), 1);
  Scenario scenario = begun_on(ground);
  const Switch drawn = draw_switch(ground, constraints);
  add_work(scenario, ground, drawn, machine);
  draw_limits(scenario, drawn, machine);
  const std::set<Knob> menu =
      all_knobs_but(constraints, {Knob::CpuMax, Knob::CpuMaxBurst, Knob::CpuIdle, Knob::CpusetCpus,
                                  Knob::PidsMax, Knob::MemoryHigh, Knob::MemoryMax, Knob::MemorySwapMax,
                                  Knob::MemoryOomGroup, Knob::Freeze, Knob::IoMax, Knob::CgroupMaxDepth,
                                  Knob::CgroupMaxDescendants, Knob::CpusetPartition});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  draw_switches(scenario, drawn, constraints);
  const int64_t last_us = scenario.actions.empty() ? 0 : scenario.actions.back().at_us;
  int64_t end_us = last_us + draw_pause_us(scenario, drawn, machine);
  if (drawn.controller == Controller::Memory) end_us = std::max(end_us, touched_after_us(scenario));
  scenario.window = fixed_window(static_cast<double>(end_us), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

bool switching_shows(const MachineFacts& machine, Controller controller) {
  if (!can_switch(machine, controller)) return false;
  if (controller == Controller::Io) return machine.has(Knob::IoMax) && !machine.device.empty();
  return controller != Controller::Cpuset || (machine.cpus.size() > 1 && machine.has(Knob::CpusetCpus));
}

rc::Gen<Scenario> controllers_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_controllers(constraints); }).as("controllers");
}

}  // namespace treeline

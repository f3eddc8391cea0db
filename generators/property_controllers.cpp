#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/controllers.h"
#include "model/rules.h"

namespace treeline {

namespace {

/// Which controller goes below which group.
struct Switch {
  NodeId node = kRoot;
  Controller controller = Controller::Cpu;
  int64_t pause_us = 0;  ///< Between two forks of a storm.
  int forks = 0;         ///< Of each storm.
  Knob knob() const { return controller == Controller::Cpu ? Knob::CpuMax : Knob::PidsMax; }
};

/// Where there is none the property cannot be tested, and what is drawn does not matter.
Controller draw_controller(const MachineFacts& machine) {
  const auto known = switchable_controllers();
  std::vector<Controller> controllers(known.begin(), known.end());
  std::erase_if(controllers, [&](Controller controller) { return !can_switch(machine, controller); });
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

Workload draw_work(const Switch& drawn, bool is_below) {
  if (!is_below && *chance(70)) return Idle{};
  if (drawn.controller == Controller::Pids) return ForkStorm{drawn.forks, drawn.pause_us};
  return endless_hog(*uniform(1, 2));
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

/// Of the CPU time, or of the tasks, that are wanted below from then on: enough is missing that its lack
/// shows.
KnobValue draw_limit(const Scenario& scenario, NodeId node, const Switch& drawn, int64_t at_us,
                     const MachineFacts& machine) {
  if (drawn.controller == Controller::Pids) {
    const int64_t room = *uniform<int64_t>(-2, 4);
    return Amount{std::max<int64_t>(tasks_by_then(scenario, node, drawn, at_us) + room, 0)};
  }
  const double cpus = std::max(1, parallelism(scenario, node, machine));
  return *bandwidth_gen({0.25 * cpus, 0.6 * cpus, 2'000, *chance(80) ? 20'000 : 100'000});
}

/// How long the limits that stand by now need to show; of tasks, soon enough that the storms go on by then.
int64_t draw_pause_us(const Scenario& scenario, const Switch& drawn, const MachineFacts& machine) {
  if (drawn.controller == Controller::Pids) return drawn.pause_us * *uniform<int64_t>(5, 14);
  return stretch_us(by_now(scenario), drawn.node, 1'000 * *uniform<int64_t>(20, 60), machine);
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
  constexpr int64_t kOneRoundUs = 900'000;  // three pauses
  const int64_t latest_us = constraints.max_window_us - kOneRoundUs;
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

Scenario draw_controllers(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 4, 1);
  Scenario scenario = begun_on(ground);
  Switch drawn;
  drawn.node = draw_node(ground);
  drawn.controller = draw_controller(constraints.machine);
  drawn.pause_us = 1'000 * *uniform<int64_t>(2, 4);
  const int sharers = static_cast<int>(ground.placement.nodes.size());
  const int most_forks = std::max(2, constraints.max_processes / sharers - 2);
  drawn.forks = *uniform(std::min(14, most_forks), most_forks);
  for (const NodeId node : ground.placement.nodes) {
    scenario.workers.push_back({node, draw_work(drawn, scenario.tree.is_in_subtree(node, drawn.node))});
  }
  draw_limits(scenario, drawn, constraints.machine);
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::CpuMax, Knob::CpuMaxBurst, Knob::CpuIdle, Knob::PidsMax, Knob::MemoryHigh,
                    Knob::MemoryMax, Knob::MemorySwapMax, Knob::MemoryOomGroup, Knob::Freeze, Knob::IoMax,
                    Knob::CgroupMaxDepth, Knob::CgroupMaxDescendants, Knob::CpusetPartition});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  draw_switches(scenario, drawn, constraints);
  const int64_t last_us = scenario.actions.empty() ? 0 : scenario.actions.back().at_us;
  const int64_t end_us = last_us + draw_pause_us(scenario, drawn, constraints.machine);
  scenario.window = fixed_window(static_cast<double>(end_us), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> controllers_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_controllers(constraints); }).as("controllers");
}

}  // namespace treeline

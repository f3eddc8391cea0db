#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/rules.h"

namespace treeline {

namespace {

/// Next to nothing between them, so that what each lets through adds up; or time for what went wrong to show.
int64_t draw_pause_us(bool is_quick) {
  return 1'000 * (is_quick ? *uniform<int64_t>(2, 10) : *uniform<int64_t>(30, 80));
}

/// Any of the CPUs goes if it is there, and comes back if it is not; one is always left.
void draw_hotplug(Scenario& scenario, int64_t at_us, const MachineFacts& machine) {
  const std::set<int> offline = offline_after(scenario, scenario.actions.size(), every_action);
  std::vector<int> choice = machine.hotplug_cpus;
  const bool none_may_go = offline.size() + 1 >= machine.cpus.size();
  if (none_may_go) choice.assign(offline.begin(), offline.end());
  Action action{at_us, Action::Kind::CpuOffline};
  action.cpu = *one_of(choice);
  if (offline.contains(action.cpu)) action.kind = Action::Kind::CpuOnline;
  scenario.actions.push_back(action);
}

void draw_cpusets(Tree& tree, const MachineFacts& machine) {
  if (!machine.has(Knob::CpusetCpus)) return;
  if (machine.knob_context(Controller::Cpuset).version == CgroupVersion::V1) return;
  const int percent = *one_of(std::vector{0, 0, 30, 60});
  for (NodeId node = 0; node < tree.size(); ++node) {
    if (!*chance(percent)) continue;
    tree[node].limits[Knob::CpusetCpus] = *subset_gen(effective_cpus(tree, node, machine));
  }
}

Scenario draw_cpu_hotplug(const Constraints& constraints) {
  const MachineFacts& machine = constraints.machine;
  const Ground ground = *ground_gen(constraints, 4);
  Scenario scenario = begun_on(ground);
  const int cpus = static_cast<int>(machine.cpus.size());
  for (const NodeId node : ground.placement.nodes) {
    const bool is_below = scenario.tree.is_in_subtree(node, ground.target);
    scenario.workers.push_back({node, is_below ? draw_crowding_hog(cpus) : Workload(Idle{})});
  }
  draw_cpusets(scenario.tree, machine);
  if (*chance(80)) {
    const CpuBandwidth drawn =
        *bandwidth_gen({0.2, 0.6, 2'000, *chance(60) ? 20'000 : 100'000}, std::nullopt);
    scenario.tree[ground.target].limits[Knob::CpuMax] = drawn;
  }
  const std::set<Knob> menu = all_knobs_but(constraints, {Knob::CpuMax, Knob::CpuMaxBurst, Knob::CpuIdle,
                                                          Knob::CpusetCpus, Knob::MemoryHigh, Knob::Freeze});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  const bool is_quick = *chance(50);
  const int count = *uniform(1, is_quick ? 12 : 3);
  int64_t at_us = 1'000 * *uniform<int64_t>(5, 40);
  for (int i = 0; i < count; ++i) {
    draw_hotplug(scenario, at_us, machine);
    at_us += draw_pause_us(is_quick);
  }
  const MachineFacts left = machine_always(scenario, machine);
  at_us = std::max(at_us, stretch_us(scenario, ground.target, at_us, left));
  scenario.window = fixed_window(static_cast<double>(at_us + 20'000), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> cpu_hotplug_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_cpu_hotplug(constraints); }).as("cpu_hotplug");
}

}  // namespace treeline

#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/rules.h"

namespace treeline {

namespace {

/// Between two changes: several slices and a tick of each of two threads that share a CPU.
constexpr int64_t kLeastStretchUs = 30'000;
constexpr int64_t kMostStretchUs = 80'000;

int64_t draw_stretch_us() { return *uniform(kLeastStretchUs, kMostStretchUs) / 1'000 * 1'000; }

bool is_v1(const MachineFacts& machine) {
  return machine.knob_context(Controller::Cpuset).version == CgroupVersion::V1;
}

/// Of some nodes, so that a change above cuts across sets below; on v1 of all, since there a change does not
/// reach a group below that has none (model/rules.h, unmet).
void draw_sets(Tree& tree, const MachineFacts& machine) {
  const int percent = is_v1(machine) ? 100 : *one_of(std::vector{0, 30, 60});
  for (NodeId node = 0; node < tree.size(); ++node) {
    if (!*chance(percent)) continue;
    tree[node].limits[Knob::CpusetCpus] = *subset_gen(effective_cpus(tree, node, machine));
  }
}

/// On v2 any set of the machine's CPUs: one of which the parent has none falls back to the parent's. On v1
/// one within the parent's; if a child's does not fit it, none is added.
void draw_change(Scenario& scenario, int64_t at_us, NodeId target, const MachineFacts& machine) {
  const Scenario now = by_now(scenario);
  const NodeId node = changed_node(now.tree, target);
  const NodeId parent = now.tree[node].parent;
  const bool within_parent = is_v1(machine) && parent != kNoParent;
  const IdSet drawn =
      *subset_gen(within_parent ? effective_cpus(now.tree, parent, machine) : IdSet{machine.cpus});
  if (get<IdSet>(now.tree[node].limits, Knob::CpusetCpus) == drawn) return;
  add_change(scenario, {at_us, Action::Kind::SetLimit, node, Knob::CpusetCpus, drawn}, machine);
}

Scenario draw_cpuset_change(const Constraints& constraints) {
  const MachineFacts& machine = constraints.machine;
  const Ground ground = *ground_gen(constraints, 4);
  Scenario scenario = begun_on(ground);
  draw_sets(scenario.tree, machine);
  const int cpus = static_cast<int>(machine.cpus.size());
  for (const NodeId node : ground.placement.nodes) {
    const bool is_busy = scenario.tree.is_in_subtree(node, ground.target) || *chance(30);
    scenario.workers.push_back({node, is_busy ? draw_crowding_hog(cpus) : Workload(Idle{})});
  }
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::CpuMax, Knob::CpusetCpus, Knob::MemoryHigh, Knob::Freeze, Knob::CpuIdle});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  const int changes = *uniform(1, 4);
  int64_t at_us = draw_stretch_us();
  for (int i = 0; i < changes; ++i) {
    draw_change(scenario, at_us, ground.target, machine);
    at_us += draw_stretch_us();
  }
  scenario.window = fixed_window(static_cast<double>(at_us), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> cpuset_change_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_cpuset_change(constraints); }).as("cpuset_change");
}

}  // namespace treeline

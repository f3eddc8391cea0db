#include <algorithm>

#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/rules.h"

namespace treeline {

namespace {

/// One CPU fewer than the parent has, or any subset: a grandchild whose cpuset were lost would show.
IdSet draw_proper_subset(const IdSet& parent) {
  const size_t most = std::max<size_t>(1, parent.ids.size() - 1);
  return IdSet{*some_of(*uniform<size_t>(1, most), parent.ids)};
}

/// Nodes other than the target: only below the target or beside it (ids from the root down), so that the
/// target always has CPUs to lose. On v2 also CPUs that the node's parent has not: it must not get them.
void draw_other_cpusets(Tree& tree, NodeId target, const Constraints& constraints) {
  const int percent = *one_of(std::vector{0, 20, 50});
  const bool may_ask_for_more =
      constraints.machine.knob_context(Controller::Cpuset).version == CgroupVersion::V2;
  for (NodeId node = 0; node < tree.size(); ++node) {
    if (node == target || !*chance(percent)) continue;
    const IdSet within = effective_cpus(tree, node, constraints.machine);
    const bool is_ancestor = tree.is_in_subtree(target, node);
    const bool asks_for_more = may_ask_for_more && !is_ancestor && *chance(50);
    const IdSet drawn = *subset_gen(asks_for_more ? IdSet{constraints.machine.cpus} : within);
    tree[node].limits[Knob::CpusetCpus] = is_ancestor ? within : drawn;
  }
}

Scenario draw_cpuset(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 4);
  const MachineFacts& machine = constraints.machine;
  Scenario scenario = begun_on(ground);
  Tree& tree = scenario.tree;
  // Three levels at times: of three CPUs or more the target's parent may already have lost one.
  const NodeId parent = tree[ground.target].parent;
  if (machine.cpus.size() > 2 && parent != kNoParent && *chance(40)) {
    IdSet most{machine.cpus};
    most.ids.erase(most.ids.begin() + *uniform<int64_t>(0, static_cast<int64_t>(most.ids.size()) - 1));
    tree[parent].limits[Knob::CpusetCpus] = most;
  }
  tree[ground.target].limits[Knob::CpusetCpus] =
      draw_proper_subset(effective_cpus(tree, ground.target, machine));
  draw_other_cpusets(tree, ground.target, constraints);
  for (const NodeId node : ground.placement.nodes) {
    const int cpus = static_cast<int>(machine.cpus.size());
    const bool is_busy = tree.is_in_subtree(node, ground.target) || *chance(30);
    scenario.workers.push_back({node, is_busy ? draw_crowding_hog(cpus) : Workload(Idle{})});
  }
  scenario.window = fixed_window(static_cast<double>(*uniform<int64_t>(30, 80)) * 1'000, constraints);
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::CpuMax, Knob::CpusetCpus, Knob::MemoryHigh, Knob::Freeze, Knob::CpuIdle});
  tree = *with_company(tree, menu, constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> cpuset_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_cpuset(constraints); }).as("cpuset");
}

}  // namespace treeline

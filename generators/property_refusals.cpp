#include <algorithm>

#include "generators/attempts_gen.h"
#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/attempts.h"
#include "model/controllers.h"
#include "model/rules.h"

namespace treeline {

namespace {

Workload draw_work() {
  switch (*uniform(0, 5)) {
    case 0:
      return Idle{};
    case 1:
      return ForkStorm{*uniform(4, 12), 1'000 * *uniform<int64_t>(1, 4)};
    case 2:
      return *memory_hog_gen(*log_uniform(64 << 10, 1 << 20), {MemoryKind::Anonymous});
    default:
      return endless_hog(*uniform(1, 2));
  }
}

/// Limits that bind, of which it shows if an attempt has lifted them: of CPU time and of tasks; and of the
/// hierarchy, which one more group would exceed.
void draw_limits(Scenario& scenario, NodeId target, const Constraints& constraints) {
  const MachineFacts& machine = constraints.machine;
  const NodeId limited = changed_node(scenario.tree, target);
  Limits& limits = scenario.tree[limited].limits;
  if (machine.has(Knob::CpuMax) && *chance(60)) {
    const double cpus = std::max(1, parallelism(scenario, limited, machine));
    limits[Knob::CpuMax] = *bandwidth_gen({0.25 * cpus, 0.6 * cpus, 2'000, *chance(80) ? 20'000 : 100'000});
  }
  if (machine.has(Knob::PidsMax) && *chance(40)) {
    limits[Knob::PidsMax] = Amount{*uniform<int64_t>(4, 40)};
  }
  const NodeId full = *one_of(scenario.tree.lineage(target));
  if (machine.has(Knob::CgroupMaxDescendants) && *chance(30)) {
    scenario.tree[full].limits[Knob::CgroupMaxDescendants] =
        Amount{groups_in(scenario, full, machine, Controller::Core) - 1};
  }
  if (machine.has(Knob::CgroupMaxDepth) && *chance(30)) {
    const int below = scenario.tree.depth(target) - scenario.tree.depth(full);
    scenario.tree[full].limits[Knob::CgroupMaxDepth] = Amount{*uniform(0, below)};
  }
}

/// A quota below 1 ms for who has one, early, so that it shows if the one that stands does not bind on.
void draw_refused_quota(Scenario& scenario, int64_t at_us) {
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const auto own = get<CpuBandwidth>(scenario.tree[node].limits, Knob::CpuMax);
    if (!own || !own->quota_us || !*chance(60)) continue;
    const CpuBandwidth refused{*uniform<int64_t>(1, 999), own->period_us};
    scenario.actions.push_back({at_us, Action::Kind::TryLimit, node, Knob::CpuMax, refused});
  }
}

/// v1 lets no cpuset with tasks be emptied; on v2 it then has its parent's CPUs, which is no refusal.
void draw_emptied_cpuset(Scenario& scenario, int64_t at_us, const MachineFacts& machine) {
  if (!machine.has(Knob::CpusetCpus) || !*chance(25)) return;
  Scenario tried = scenario;
  tried.actions.push_back(
      {at_us, Action::Kind::TryLimit, (*one_of(scenario.workers)).node, Knob::CpusetCpus, IdSet{}});
  if (unmet(tried, machine).empty()) scenario = std::move(tried);
}

/// A controller that has gone cannot be given on.
void draw_switch(Scenario& scenario, int64_t at_us, const MachineFacts& machine) {
  std::vector<NodeId> inner;
  for (const NodeId node : scenario.tree.subtree(kRoot)) {
    if (!scenario.tree.is_leaf(node)) inner.push_back(node);
  }
  const auto controllers = switchable_controllers();
  const Controller controller = *one_of(std::vector<Controller>(controllers.begin(), controllers.end()));
  if (inner.empty() || !can_switch(machine, controller)) return;
  Action goes{at_us, Action::Kind::DisableController, *one_of(inner)};
  goes.controller = controller;
  scenario.actions.push_back(goes);
}

/// A limit of the hierarchy that is set, or lowered below what is there, and one more group that it refuses.
void draw_fuller_hierarchy(Scenario& scenario, int64_t at_us, NodeId target, const MachineFacts& machine) {
  const NodeId full = *one_of(scenario.tree.lineage(target));
  const int levels = scenario.tree.depth(target) - scenario.tree.depth(full);
  const bool is_deep = *chance(50);
  const Knob knob = is_deep ? Knob::CgroupMaxDepth : Knob::CgroupMaxDescendants;
  if (!machine.has(knob)) return;
  const int there = is_deep ? levels : groups_in(scenario, full, machine, Controller::Core) - 1;
  Scenario tried = scenario;
  if (!add_change(tried, {at_us, Action::Kind::SetLimit, full, knob, Amount{*uniform(0, there)}}, machine))
    return;
  tried.actions.push_back({at_us, Action::Kind::TryCreate, target});
  if (unmet(tried, machine).empty()) scenario = std::move(tried);
}

Scenario draw_refusals(const Constraints& constraints) {
  const MachineFacts& machine = constraints.machine;
  const Ground ground = *ground_gen(constraints, 4, *uniform(0, 2));
  Scenario scenario = begun_on(ground);
  for (const NodeId node : ground.placement.nodes) scenario.workers.push_back({node, draw_work()});
  draw_limits(scenario, ground.target, constraints);
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::CpuMax, Knob::CpuIdle, Knob::PidsMax, Knob::MemoryHigh, Knob::Freeze, Knob::IoMax,
                    Knob::CgroupMaxDepth, Knob::CgroupMaxDescendants, Knob::CpusetPartition});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  int64_t at_us = 1'000 * *uniform<int64_t>(5, 30);
  draw_refused_quota(scenario, at_us);
  draw_emptied_cpuset(scenario, at_us, machine);
  if (*chance(25)) draw_fuller_hierarchy(scenario, at_us, ground.target, machine);
  if (*chance(30)) draw_switch(scenario, at_us, machine);
  at_us += stretch_us(by_now(scenario), ground.target, 1'000 * *uniform<int64_t>(20, 60), machine);
  scenario.window = fixed_window(static_cast<double>(at_us), constraints);
  return finished(*with_attempts(scenario, 6, constraints), constraints);
}

}  // namespace

rc::Gen<Scenario> refusals_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_refusals(constraints); }).as("refusals");
}

}  // namespace treeline

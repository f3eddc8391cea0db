#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/cpu_windows.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/rules.h"

namespace treeline {

namespace {

/// At 25–70% of what the hogs can use, with a short period: a stretch without the limit then shows soon.
CpuBandwidth draw_bandwidth(int parallel, const std::optional<CpuBandwidth>& ceiling) {
  const double cpus = parallel;
  return *bandwidth_gen({std::max(0.2, 0.25 * cpus), 0.7 * cpus, 2'000, *chance(80) ? 20'000 : 100'000},
                        ceiling);
}

/// A burst for who has a quota, or another one, or none.
void draw_burst(Scenario& scenario, int64_t at_us, NodeId node, const MachineFacts& machine) {
  const auto bandwidth = get<CpuBandwidth>(by_now(scenario).tree[node].limits, Knob::CpuMax);
  if (!machine.has(Knob::CpuMaxBurst) || !bandwidth || !bandwidth->quota_us || !*chance(30)) return;
  const Amount burst{*chance(30) ? 0 : *uniform<int64_t>(0, *bandwidth->quota_us)};
  add_change(scenario, {at_us, Action::Kind::SetLimit, node, Knob::CpuMaxBurst, burst}, machine);
}

void draw_changes(Scenario& scenario, NodeId target, const Constraints& constraints) {
  const MachineFacts& machine = constraints.machine;
  const int parallel = std::max(1, parallelism(scenario, target, machine));
  const int count = *uniform(1, 3);
  int64_t at_us = stretch_us(by_now(scenario), target, 1'000 * *uniform<int64_t>(20, 80), machine);
  for (int i = 0; i < count; ++i) {
    const Tree tree = by_now(scenario).tree;
    const NodeId node = changed_node(tree, target);
    const bool is_cleared = *chance(20) && tree[node].limits.contains(Knob::CpuMax);
    const CpuBandwidth value = is_cleared ? CpuBandwidth{std::nullopt, *period_gen(2'000, 100'000)}
                                          : draw_bandwidth(parallel, bandwidth_above(tree, node));
    add_change(scenario, {at_us, Action::Kind::SetLimit, node, Knob::CpuMax, value}, machine);
    draw_burst(scenario, at_us, node, machine);
    at_us += stretch_us(by_now(scenario), target, 1'000 * *uniform<int64_t>(20, 80), machine);
  }
  scenario.window = fixed_window(static_cast<double>(at_us), constraints);
}

/// One raise, and time for what it allows to be given: a timer that runs may go on for 100 ms, and in a short
/// period who is unthrottled may wait for most of it (oracle/cpu_entitlement.h).
void draw_raise(Scenario& scenario, NodeId target, const Constraints& constraints) {
  const double cpus = std::max(1, parallelism(scenario, target, constraints.machine));
  const auto quota = [&](double least, double most) {
    return *bandwidth_gen({least * cpus, most * cpus, 20'000, 40'000});
  };
  scenario.tree[target].limits[Knob::CpuMax] = quota(0.15, 0.3);
  const int64_t at_us = 1'000 * *uniform<int64_t>(20, 80);
  add_change(scenario, {at_us, Action::Kind::SetLimit, target, Knob::CpuMax, quota(0.6, 0.7)},
             constraints.machine);
  scenario.window =
      fixed_window(static_cast<double>(at_us + 1'000 * *uniform<int64_t>(600, 900)), constraints);
}

Scenario draw_cpu_bandwidth_change(const Constraints& constraints) {
  Ground ground = *ground_gen(constraints, 4);
  const std::vector<int>& cpus = constraints.machine.cpus;
  if (constraints.machine.has(Knob::CpusetCpus) && cpus.size() > 1 && *chance(70)) {
    ground.tree[*one_of(ground.tree.lineage(ground.target))].limits[Knob::CpusetCpus] =
        IdSet{{*one_of(cpus)}};
  }
  Scenario scenario = begun_on(ground);
  for (const NodeId node : ground.placement.nodes) {
    const bool is_below = ground.tree.is_in_subtree(node, ground.target);
    scenario.workers.push_back({node, is_below ? endless_hog(*uniform(1, 2)) : Workload(Idle{})});
  }
  const bool is_raised = *chance(20);
  if (!is_raised && *chance(70)) {
    const int parallel = std::max(1, parallelism(scenario, ground.target, constraints.machine));
    scenario.tree[ground.target].limits[Knob::CpuMax] = draw_bandwidth(parallel, std::nullopt);
  }
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::CpuMax, Knob::CpuMaxBurst, Knob::CpusetCpus, Knob::MemoryHigh, Knob::Freeze});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  if (is_raised) {
    draw_raise(scenario, ground.target, constraints);
  } else {
    draw_changes(scenario, ground.target, constraints);
  }
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> cpu_bandwidth_change_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_cpu_bandwidth_change(constraints); })
      .as("cpu_bandwidth_change");
}

}  // namespace treeline

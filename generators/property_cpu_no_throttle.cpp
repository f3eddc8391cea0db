#include <vector>

#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"

namespace treeline {

namespace {

/// What the hogs in the subtree of `node` may want in one period. In a period a hog of cycle c runs in at
/// most ⌈period/c⌉+1 of them.
double demand_us(const Scenario& scenario, NodeId node, int64_t period_us) {
  double demand = 0;
  for (const Worker& worker : scenario.workers) {
    const auto* hog = std::get_if<CpuHog>(&worker.workload);
    if (hog == nullptr || !scenario.tree.is_in_subtree(worker.node, node)) continue;
    demand += hog->duty_percent / 100.0 * static_cast<double>(period_us + 2 * hog->cycle_us);
  }
  return demand;
}

/// A quota above that demand; of it each CPU may hold back a slice (cfs_b->slice, distribute and return in
/// kernel/sched/fair.c) and take a late tick's time too much.
CpuBandwidth roomy_quota(double demand_us, int64_t period_us, const MachineFacts& machine) {
  constexpr double kLateTickUs = 45'000;
  const double per_cpu = static_cast<double>(machine.cfs_slice_us) + kLateTickUs;
  return {static_cast<int64_t>(1.25 * demand_us + static_cast<double>(machine.cpus.size()) * per_cpu),
          period_us};
}

void draw_hogs(Scenario& scenario, const Ground& ground) {
  bool is_first = true;
  for (const NodeId node : ground.placement.nodes) {
    const bool is_below = scenario.tree.is_in_subtree(node, ground.target);
    if (!is_below || (!is_first && *chance(40))) {
      scenario.workers.push_back({node, Idle{}});
      continue;
    }
    is_first = false;
    scenario.workers.push_back(
        {node, CpuHog{1, *uniform(5, 30), *one_of(std::vector<int64_t>{2'000, 5'000, 10'000, 20'000})}});
  }
}

Scenario draw_cpu_no_throttle(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 4);
  Scenario scenario = begun_on(ground);
  draw_hogs(scenario, ground);
  // Every group above and below must leave the hogs alone just as well. A child gets no more than its parent,
  // as v1 demands, since it wants no more.
  const int64_t period = *period_gen(100'000, 200'000);
  const bool are_others_limited = *chance(90);
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const double demand = demand_us(scenario, node, period);
    if (demand == 0 || (node != ground.target && !are_others_limited)) continue;
    scenario.tree[node].limits[Knob::CpuMax] = roomy_quota(demand, period, constraints.machine);
  }
  scenario.window = fixed_window(static_cast<double>(*uniform<int64_t>(3, 4) * period), constraints);
  const std::set<Knob> menu = all_knobs_but(constraints, {Knob::CpuMax, Knob::CpuMaxBurst, Knob::CpuIdle,
                                                          Knob::CpusetCpus, Knob::MemoryHigh, Knob::Freeze});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> cpu_no_throttle_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_cpu_no_throttle(constraints); }).as("cpu_no_throttle");
}

}  // namespace treeline

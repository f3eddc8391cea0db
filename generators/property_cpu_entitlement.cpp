#include <algorithm>
#include <cmath>

#include "generators/cpu_windows.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"

namespace treeline {

namespace {

constexpr double kLongestUs = 600'000;

double cpu_count(const Constraints& constraints) {
  return static_cast<double>(constraints.machine.cpus.size());
}

/// Threads that can use `cpus` CPUs and no more of them than there are, so that none has to share one.
int threads_for(double cpus, const Constraints& constraints) {
  const int most = static_cast<int>(cpu_count(constraints));
  return std::clamp(static_cast<int>(std::ceil(cpus)) + *uniform(0, 1), 1, most);
}

/// One group wants all of its quota, whose hogs are the only ones in the tree.
void draw_single_wanter(Scenario& scenario, const Ground& ground, const Constraints& constraints) {
  const double most = 0.8 * cpu_count(constraints);
  const CpuBandwidth bandwidth = *bandwidth_gen({0.15, most, 2'000, *chance(80) ? 25'000 : 100'000});
  scenario.tree[ground.target].limits[Knob::CpuMax] = bandwidth;
  const NodeId hog = *one_of(ground.below);
  for (const NodeId node : ground.placement.nodes) {
    const bool is_hog = node == hog;
    scenario.workers.push_back(
        {node, is_hog ? endless_hog(threads_for(cpus_of(bandwidth), constraints)) : Workload(Idle{})});
  }
  scenario.window = fixed_window(
      std::clamp(window_to_miss_half_us(bandwidth, constraints.machine), 100'000.0, kLongestUs), constraints);
}

/// As many groups as there are CPUs at most, none above another, each with one endless thread and less than a
/// CPU of quota.
void draw_many_wanters(Scenario& scenario, const Ground& ground, const Constraints& constraints) {
  std::vector<NodeId> leaves;
  for (NodeId id = 0; id < scenario.tree.size(); ++id) {
    if (scenario.tree.is_leaf(id)) leaves.push_back(id);
  }
  const size_t most = std::min<size_t>(constraints.machine.cpus.size(), 4);
  double longest = 100'000;
  for (const NodeId node : *some_of(most, leaves)) {
    const CpuBandwidth bandwidth = *bandwidth_gen({0.25, 0.8, 2'000, 20'000});
    scenario.tree[node].limits[Knob::CpuMax] = bandwidth;
    scenario.workers.push_back({node, endless_hog(1)});
    longest = std::max(longest, window_to_miss_half_us(bandwidth, constraints.machine));
  }
  scenario.strategy = {};
  // An interior node may be limited too, far above what its leaves get together.
  if (!scenario.tree.is_leaf(ground.target) && *chance(30)) {
    const auto period = *period_gen(5'000, 50'000);
    const auto cpus = static_cast<int64_t>(constraints.machine.cpus.size());
    scenario.tree[ground.target].limits[Knob::CpuMax] = CpuBandwidth{2 * cpus * period, period};
  }
  scenario.window = fixed_window(std::min(longest, kLongestUs), constraints);
}

/// Hogs that together want less than the quota in every period. In a period a hog of duty d and cycle c runs
/// at most d·(period + c); and of the quota each other CPU may hold back a slice (cfs_b->slice, distribute
/// and return in kernel/sched/fair.c).
void draw_modest(Scenario& scenario, const Ground& ground, const Constraints& constraints) {
  const int64_t period = *period_gen(50'000, 150'000);
  double demand_us = 0;
  for (const NodeId node : ground.placement.nodes) {
    const bool is_below = scenario.tree.is_in_subtree(node, ground.target);
    if (!is_below || (demand_us > 0 && *chance(40))) {
      scenario.workers.push_back({node, Idle{}});
      continue;
    }
    const CpuHog hog{1, *uniform(5, 30), *one_of(std::vector<int64_t>{2'000, 5'000, 10'000, 20'000})};
    demand_us += hog.duty_percent / 100.0 * static_cast<double>(period + hog.cycle_us);
    scenario.workers.push_back({node, hog});
  }
  const double held_back =
      (cpu_count(constraints) - 1) * static_cast<double>(constraints.machine.cfs_slice_us);
  const double slack_us = 5'000.0 * *uniform(1, 6);
  const auto quota = static_cast<int64_t>(1.25 * demand_us + held_back + slack_us);
  scenario.tree[ground.target].limits[Knob::CpuMax] = CpuBandwidth{quota, period};
  scenario.window = fixed_window(static_cast<double>(*uniform<int64_t>(3, 4) * period), constraints);
}

Scenario draw(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 4);
  Scenario scenario;
  scenario.tree = ground.tree;
  scenario.strategy = ground.placement.strategy;
  const int mode = *uniform(0, 99);
  if (mode < 40) {
    draw_single_wanter(scenario, ground, constraints);
  } else if (mode < 55) {
    draw_many_wanters(scenario, ground, constraints);
  } else {
    draw_modest(scenario, ground, constraints);
  }
  const std::set<Knob> menu = all_knobs_but(constraints, {Knob::CpuMax, Knob::CpuMaxBurst, Knob::CpuIdle,
                                                          Knob::CpusetCpus, Knob::MemoryHigh, Knob::Freeze});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> cpu_entitlement_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw(constraints); }).as("cpu_entitlement");
}

}  // namespace treeline

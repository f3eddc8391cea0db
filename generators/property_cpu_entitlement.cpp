#include <algorithm>
#include <cmath>

#include "generators/cpu_windows.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"

namespace treeline {

namespace {

constexpr double kLongestUs = 1'200'000;

/// Periods that are long against the tick and base slice that pass before an unthrottled group gets on.
constexpr int64_t kMinPeriodUs = 12'000;
constexpr int64_t kMaxPeriodUs = 25'000;

double cpu_count(const Constraints& constraints) {
  return static_cast<double>(constraints.machine.cpus.size());
}

/// Threads that can use `cpus` CPUs and no more of them than there are, so that none has to share one.
int threads_for(double cpus, const Constraints& constraints) {
  const int most = static_cast<int>(cpu_count(constraints));
  return std::clamp(static_cast<int>(std::ceil(cpus)) + *uniform(0, 1), 1, most);
}

Window window_for(double needed_us, const Constraints& constraints) {
  return fixed_window(std::clamp(needed_us, 100'000.0, kLongestUs), constraints);
}

/// One group wants all of its quota, whose hogs are the only ones in the tree.
void draw_single_wanter(Scenario& scenario, const Ground& ground, const Constraints& constraints) {
  const double most = 0.8 * cpu_count(constraints);
  const CpuBandwidth bandwidth =
      *bandwidth_gen({0.3, most, kMinPeriodUs, *chance(80) ? kMaxPeriodUs : 100'000});
  scenario.tree[ground.target].limits[Knob::CpuMax] = bandwidth;
  const NodeId hog = *one_of(ground.below);
  const int threads = threads_for(cpus_of(bandwidth), constraints);
  for (const NodeId node : ground.placement.nodes) {
    scenario.workers.push_back({node, node == hog ? endless_hog(threads) : Workload(Idle{})});
  }
  const auto cpus = static_cast<int>(constraints.machine.cpus.size());
  const double needed_us =
      window_to_miss_half_us(bandwidth, cpus, std::min(cpus, threads), constraints.machine);
  scenario.window = window_for(needed_us, constraints);
}

/// One hog, and sleepers that take a slice now and then, on each CPU: what they leave is the hog's. The quota
/// is great against the slices that may be lost with each period (oracle/cpu_entitlement.h).
void draw_wanter_among_sleepers(Scenario& scenario, const Ground& ground, const Constraints& constraints) {
  const auto cpus = static_cast<int>(constraints.machine.cpus.size());
  const int64_t period_us = *uniform<int64_t>(100, 200) * 1'000;
  const CpuBandwidth bandwidth{period_us * *uniform<int64_t>(55, 80) / 100, period_us};
  scenario.tree[ground.target].limits[Knob::CpuMax] = bandwidth;
  for (const NodeId node : ground.placement.nodes) {
    const bool is_below = scenario.tree.is_in_subtree(node, ground.target);
    scenario.workers.push_back(
        {node, is_below ? Workload(CpuHog{cpus, *uniform(1, 5), 10'000}) : Workload(Idle{})});
  }
  scenario.workers.push_back({*one_of(ground.below), endless_hog(1)});
  scenario.window =
      window_for(2 * window_to_miss_half_us(bandwidth, cpus, 1, constraints.machine), constraints);
}

/// As many groups as there are CPUs at most, none above another, each with a CPU of its own and less than
/// that of quota, which its hog always wants.
void draw_wanters_apart(Scenario& scenario, const Ground& ground, const Constraints& constraints) {
  std::vector<NodeId> leaves;
  for (NodeId id = 0; id < scenario.tree.size(); ++id) {
    if (scenario.tree.is_leaf(id)) leaves.push_back(id);
  }
  std::vector<int> cpus = constraints.machine.cpus;
  if (leaves.size() < 2 && cpus.size() > 1 && scenario.tree.size() < constraints.max_nodes) {
    leaves.push_back(add_child(scenario.tree, kRoot, *name_gen()));
    if (leaves.front() == kRoot) leaves.erase(leaves.begin());
  }
  double longest_us = 0;
  for (const NodeId node : *some_of(std::min<size_t>(cpus.size(), 4), leaves)) {
    const CpuBandwidth bandwidth = *bandwidth_gen({0.35, 0.6, kMinPeriodUs, kMaxPeriodUs});
    scenario.tree[node].limits[Knob::CpuMax] = bandwidth;
    scenario.tree[node].limits[Knob::CpusetCpus] = IdSet{{cpus.back()}};
    cpus.pop_back();
    scenario.workers.push_back({node, endless_hog(*chance(80) ? 1 : 2)});
    longest_us = std::max(longest_us, window_to_miss_half_us(bandwidth, 1, 1, constraints.machine));
  }
  scenario.strategy = {};
  // An interior node may be limited too, far above what its leaves get together.
  if (!scenario.tree.is_leaf(ground.target) && *chance(10)) {
    const auto period = *period_gen(5'000, 50'000);
    const auto count = static_cast<int64_t>(constraints.machine.cpus.size());
    scenario.tree[ground.target].limits[Knob::CpuMax] = CpuBandwidth{2 * count * period, period};
  }
  scenario.window = window_for(longest_us, constraints);
}

Scenario draw_cpu_entitlement(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 4);
  Scenario scenario = begun_on(ground);
  if (constraints.machine.has(Knob::CpusetCpus) && *chance(92)) {
    draw_wanters_apart(scenario, ground, constraints);
  } else if (*chance(40)) {
    draw_wanter_among_sleepers(scenario, ground, constraints);
  } else {
    draw_single_wanter(scenario, ground, constraints);
  }
  const std::set<Knob> menu = all_knobs_but(constraints, {Knob::CpuMax, Knob::CpuMaxBurst, Knob::CpuIdle,
                                                          Knob::CpusetCpus, Knob::MemoryHigh, Knob::Freeze});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> cpu_entitlement_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_cpu_entitlement(constraints); }).as("cpu_entitlement");
}

}  // namespace treeline

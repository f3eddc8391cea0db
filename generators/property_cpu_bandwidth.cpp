#include <algorithm>

#include "generators/cpu_windows.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/rules.h"

namespace treeline {

namespace {

/// An excess of 30% is to show in windows up to this; where it would take longer, only more excess does.
constexpr double kLongestForSmallExcessUs = 700'000;
constexpr double kSmallExcess = 1.3;

/// Hogs below the target that can use more CPUs than any quota leaves them; elsewhere next to nothing, so
/// that the target is not kept below its quota by competitors.
std::vector<Worker> draw_hogs(const Ground& ground, const Constraints& constraints) {
  const int cpus =
      static_cast<int>(effective_cpus(ground.tree, ground.target, constraints.machine).ids.size());
  std::vector<Worker> workers;
  int threads = 0;
  for (const NodeId node : ground.placement.nodes) {
    if (!ground.tree.is_in_subtree(node, ground.target)) {
      workers.push_back(
          {node, *chance(70) ? Workload(Idle{}) : Workload(CpuHog{1, *uniform(1, 10), 10'000})});
      continue;
    }
    const bool is_last = node == ground.below.back();
    const int missing = std::max(1, cpus - threads);
    const int count = is_last && *chance(80) ? missing : *uniform(1, std::max(1, cpus));
    threads += count;
    workers.push_back({node, endless_hog(count)});
  }
  return workers;
}

CpuBandwidth draw_target_bandwidth(int parallel) {
  const double cpus = parallel;
  // Most at 25–70% of what the hogs can use: both a 1.3-fold quota and no quota at all then show soon.
  const bool is_telling = *chance(85);
  BandwidthRange range{is_telling ? std::max(0.3, 0.25 * cpus) : 0.05, is_telling ? 0.7 * cpus : cpus, 1'000,
                       100'000};
  if (*chance(70)) {
    range.min_period_us = 5'000;
    range.max_period_us = 20'000;
  }
  return *bandwidth_gen(range);
}

/// Ancestors get at least the target's share (v1 demands it; on v2 less would hide the target), others
/// anything.
void draw_other_bandwidths(Tree& tree, NodeId target, const Constraints& constraints) {
  const CpuBandwidth wanted = *get<CpuBandwidth>(tree[target].limits, Knob::CpuMax);
  const int percent = *one_of(std::vector{0, 0, 20, 40});
  for (NodeId node = 0; node < tree.size(); ++node) {
    if (node == target || !*chance(percent)) continue;
    const bool is_ancestor = tree.is_in_subtree(target, node);
    BandwidthRange range{0.05, static_cast<double>(constraints.machine.cpus.size()), 1'000, 100'000};
    if (is_ancestor) range.min_cpus = cpus_of(wanted);
    const auto ceiling = bandwidth_above(tree, node);
    const CpuBandwidth drawn = *bandwidth_gen(range, ceiling);
    const bool is_less = *drawn.quota_us * wanted.period_us < *wanted.quota_us * drawn.period_us;
    if (!(is_ancestor && is_less)) tree[node].limits[Knob::CpuMax] = drawn;
  }
}

void draw_bursts(Tree& tree, const Constraints& constraints) {
  if (!constraints.machine.has(Knob::CpuMaxBurst) || !*chance(20)) return;
  for (Node& node : tree.nodes) {
    const auto bandwidth = get<CpuBandwidth>(node.limits, Knob::CpuMax);
    if (bandwidth && *chance(50)) {
      node.limits[Knob::CpuMaxBurst] = Amount{*uniform<int64_t>(0, *bandwidth->quota_us)};
    }
  }
}

Window draw_window(const Scenario& scenario, NodeId target, const Constraints& constraints) {
  const Limits& limits = scenario.tree[target].limits;
  const CpuBandwidth bandwidth = *get<CpuBandwidth>(limits, Knob::CpuMax);
  const int64_t burst = amount(limits, Knob::CpuMaxBurst).value_or(0);
  const auto& machine = constraints.machine;
  const double can_use = parallelism(scenario, target, machine);
  const int cpus = static_cast<int>(effective_cpus(scenario.tree, target, machine).ids.size());
  const double slightly = std::min(can_use, kSmallExcess * cpus_of(bandwidth));
  const double for_small_excess = window_to_exceed_us(bandwidth, burst, cpus, slightly, machine);
  const double for_no_limit = window_to_exceed_us(bandwidth, burst, cpus, can_use, machine);
  const bool is_for_small = for_small_excess <= kLongestForSmallExcessUs && *chance(80);
  const double needed = is_for_small ? for_small_excess : for_no_limit;
  return fixed_window(std::clamp(needed, 100'000.0, kLongestForSmallExcessUs), constraints);
}

Scenario draw_cpu_bandwidth(const Constraints& constraints) {
  Ground ground = *ground_gen(constraints, 4);
  const std::vector<int>& cpus = constraints.machine.cpus;
  if (constraints.machine.has(Knob::CpusetCpus) && cpus.size() > 1 && *chance(60)) {
    // On one CPU the bound is the narrowest: slices and late ticks count by CPU.
    const std::vector<NodeId> lineage = ground.tree.lineage(ground.target);
    const IdSet some = *chance(80) ? IdSet{{*one_of(cpus)}} : *subset_gen(IdSet{cpus});
    ground.tree[*one_of(lineage)].limits[Knob::CpusetCpus] = some;
  }
  Scenario scenario = begun_on(ground);
  scenario.workers = draw_hogs(ground, constraints);
  const int parallel = std::max(1, parallelism(scenario, ground.target, constraints.machine));
  scenario.tree[ground.target].limits[Knob::CpuMax] = draw_target_bandwidth(parallel);
  draw_other_bandwidths(scenario.tree, ground.target, constraints);
  draw_bursts(scenario.tree, constraints);
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::CpuMax, Knob::CpuMaxBurst, Knob::CpusetCpus, Knob::MemoryHigh, Knob::Freeze});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  scenario.window = draw_window(scenario, ground.target, constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> cpu_bandwidth_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_cpu_bandwidth(constraints); }).as("cpu_bandwidth");
}

}  // namespace treeline

#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"

namespace treeline {

namespace {

/// Weights apart by 8 times at most: then each task has its turn several times within the window.
void draw_weights(Tree& tree) {
  const int percent = *one_of(std::vector{0, 40, 80});
  const int64_t base = *log_uniform(20, 800);
  for (NodeId node = 1; node < tree.size(); ++node) {
    if (*chance(percent)) tree[node].limits[Knob::CpuWeight] = Amount{*log_uniform(base, 8 * base)};
  }
}

/// Of several CPUs the shorter bound is asked for only then (oracle/cpu_stall.h).
int64_t judged_from_ms(const MachineFacts& machine) {
  return machine.kernel_cpus() > 1 ? warm_up_ms(machine) : 0;
}

/// At most one quota: of a fifth of a CPU or more in short periods; or one of which each period is a long
/// wait, until it is cleared or all the time: then it is more than the turn of a hog that is alone
/// (oracle/cpu_turn.h), so that two waits on end are one too many.
void draw_quota(Scenario& scenario, const MachineFacts& machine) {
  if (!machine.has(Knob::CpuMax) || !*chance(50)) return;
  Tree& tree = scenario.tree;
  const NodeId node = *uniform(0, tree.size() - 1);
  const int style = *uniform(0, 3);
  const bool is_cleared = style < 2;
  const BandwidthRange cleared{0.1, 0.4, 100'000, 300'000};
  const BandwidthRange seldom{0.2, 0.28, 100'000, 130'000};
  const BandwidthRange often{0.2, 1.0, 1'000, 20'000};
  const CpuBandwidth quota = *bandwidth_gen(is_cleared ? cleared : style == 2 ? seldom : often);
  tree[node].limits[Knob::CpuMax] = quota;
  if (!is_cleared) return;
  const Action clear{1'000 * (judged_from_ms(machine) + *uniform<int64_t>(50, 150)), Action::Kind::SetLimit,
                     node, Knob::CpuMax, CpuBandwidth{std::nullopt, quota.period_us}};
  add_change(scenario, clear, machine);
}

/// Wakes up often: each time the weights of the groups above it are computed anew (fair.c,
/// update_cfs_group).
Workload sleeper() { return CpuHog{1, *uniform(5, 60), 1'000 * *uniform<int64_t>(2, 40)}; }

Scenario draw_cpu_contention(const Constraints& constraints) {
  const MachineFacts& machine = constraints.machine;
  const Ground ground = *ground_gen(constraints, std::clamp(constraints.max_workers / 2, 1, 3));
  Scenario scenario = begun_on(ground);
  Tree& tree = scenario.tree;
  if (machine.has(Knob::CpusetCpus) && machine.cpus.size() > 1) {
    tree[kRoot].limits[Knob::CpusetCpus] = IdSet{{*one_of(machine.cpus)}};
  }
  draw_weights(tree);
  draw_quota(scenario, machine);
  const int sleeper_percent = *one_of(std::vector{0, 40, 80});
  for (const NodeId node : ground.placement.nodes) {
    scenario.workers.push_back({node, *chance(80) ? endless_hog(*uniform(1, 2)) : sleeper()});
    const bool has_room = static_cast<int>(scenario.workers.size()) < constraints.max_workers;
    if (*chance(sleeper_percent) && has_room) scenario.workers.push_back({node, sleeper()});
  }
  scenario.workers.front().workload = endless_hog(1);
  // Several turns of each, and of a kernel that forgets one of them more than twice its longest wait.
  const int64_t early_us = 1'000 * judged_from_ms(machine);
  const int64_t judged_us = 1'000 * *uniform<int64_t>(500, 800);
  scenario.window = fixed_window(static_cast<double>(early_us + judged_us), constraints, early_us);
  tree = *with_company(tree, knobs_beside_contention(constraints), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> cpu_contention_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_cpu_contention(constraints); }).as("cpu_contention");
}

}  // namespace treeline

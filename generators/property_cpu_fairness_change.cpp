#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"

namespace treeline {

namespace {

/// Its weight may be changed: what has another kind of it may not get a second one.
bool takes_a_weight(const Limits& limits) {
  return !limits.contains(Knob::CpuWeightNice) && amount(limits, Knob::CpuIdle) != 1;
}

/// Within what makes each sibling run often within the window, or anything.
Amount draw_weight() { return {*chance(20) ? *log_uniform(1, 10'000) : *log_uniform(20, 1'000)}; }

/// Those below the root for whose hogs a weight counts.
std::vector<NodeId> contenders_of(const Scenario& scenario) {
  std::vector<NodeId> nodes;
  for (NodeId node = 1; node < scenario.tree.size(); ++node) {
    const bool has_hogs =
        std::any_of(scenario.workers.begin(), scenario.workers.end(), [&](const Worker& worker) {
          return scenario.tree.is_in_subtree(worker.node, node) &&
                 std::holds_alternative<CpuHog>(worker.workload);
        });
    if (has_hogs) nodes.push_back(node);
  }
  return nodes;
}

/// Another weight; at times idle, which is the least of all, or no longer.
void draw_reweighing(Scenario& scenario, int64_t at_us, NodeId node, const MachineFacts& machine) {
  const Scenario now = by_now(scenario);
  const Limits& limits = now.tree[node].limits;
  const bool is_idle = amount(limits, Knob::CpuIdle) == 1;
  Action change{at_us, Action::Kind::SetLimit, node, Knob::CpuWeight, draw_weight()};
  if (machine.has(Knob::CpuIdle) && (is_idle || *chance(25))) {
    change.knob = Knob::CpuIdle;
    change.value = Amount{is_idle ? 0 : 1};
  } else if (!takes_a_weight(limits)) {
    return;
  }
  add_change(scenario, change, machine);
}

std::vector<int> hogs_of(const Scenario& scenario) {
  std::vector<int> hogs;
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    if (std::holds_alternative<CpuHog>(scenario.workers[i].workload)) hogs.push_back(static_cast<int>(i));
  }
  return hogs;
}

/// The nodes that compete for the arena's one CPU: those below the one with a cpuset, or all.
std::vector<NodeId> arena_of(const Tree& tree) {
  for (NodeId node = 0; node < tree.size(); ++node) {
    if (tree[node].limits.contains(Knob::CpusetCpus)) return tree.subtree(node);
  }
  return tree.subtree(kRoot);
}

Scenario draw_cpu_fairness_change(const Constraints& constraints) {
  Scenario scenario = *cpu_fairness_gen(constraints);
  const std::vector<NodeId> arena = arena_of(scenario.tree);
  const std::vector<int> hogs = hogs_of(scenario);
  const int count = *uniform(1, 3);
  int64_t at_us = 0;
  for (int i = 0; i < count; ++i) {
    at_us += 1'000 * *uniform<int64_t>(10, 60);
    const std::vector<NodeId> nodes = contenders_of(by_now(scenario));
    if (!nodes.empty() && *chance(60)) {
      draw_reweighing(scenario, at_us, *one_of(nodes), constraints.machine);
    } else if (!hogs.empty()) {
      add_migration(scenario, at_us, hogs, arena);
    }
  }
  scenario.window = fixed_window(static_cast<double>(scenario.window.length_us + at_us), constraints,
                                 1'000 * warm_up_ms(constraints.machine));
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> cpu_fairness_change_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_cpu_fairness_change(constraints); })
      .as("cpu_fairness_change");
}

}  // namespace treeline

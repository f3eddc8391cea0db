#include <algorithm>

#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"

namespace treeline {

namespace {

std::vector<NodeId> forks_of(const Tree& tree) {
  std::vector<NodeId> forks;
  for (NodeId id = 0; id < tree.size(); ++id) {
    if (tree.children(id).size() > 1) forks.push_back(id);
  }
  return forks;
}

/// A tree in which some node has two children at least.
Tree draw_forked_tree(const Constraints& constraints, int size) {
  Constraints within = constraints;
  within.max_nodes = std::max(2, constraints.max_nodes - 1);
  Tree tree = *tree_gen(shape_for(within, size, 1, 3));
  if (forks_of(tree).empty()) add_child(tree, kRoot, *name_gen());
  return tree;
}

/// Siblings' weights apart by up to 16 times, so that each of them runs often within the window; at times by
/// anything.
void draw_weights(Tree& tree, NodeId parent, bool has_nice) {
  const bool is_wild = *chance(15);
  const int64_t base = *log_uniform(10, 600);
  const bool is_power_of_two = *chance(50);
  for (const NodeId child : tree.children(parent)) {
    if (*chance(10)) continue;  // the default, 100
    if (has_nice && *chance(20)) {
      tree[child].limits[Knob::CpuWeightNice] = Amount{*uniform<int64_t>(-6, 6)};
      continue;
    }
    const int64_t factored = is_power_of_two ? base << *uniform(0, 4) : *log_uniform(base, 16 * base);
    tree[child].limits[Knob::CpuWeight] = Amount{is_wild ? *log_uniform(1, 10'000) : factored};
  }
}

Scenario draw_cpu_fairness(const Constraints& constraints, int size) {
  Scenario scenario;
  scenario.tree = draw_forked_tree(constraints, size);
  Tree& tree = scenario.tree;
  const MachineFacts& machine = constraints.machine;
  const NodeId arena = *chance(75) ? kRoot : *one_of(forks_of(tree));
  if (machine.has(Knob::CpusetCpus) && machine.cpus.size() > 1) {
    tree[arena].limits[Knob::CpusetCpus] = IdSet{{*one_of(machine.cpus)}};
  }
  const std::vector<NodeId> contenders = tree.subtree(arena);
  for (const NodeId node : contenders) {
    draw_weights(tree, node, machine.has(Knob::CpuWeightNice));
    if (node != arena && machine.has(Knob::CpuIdle) && *chance(3)) {
      // Idle, it keeps no weight: v1 shows that in cpu.shares, v2 refuses to say (model/rules.h, unmet).
      if (machine.knob_context(Controller::Cpu).version == CgroupVersion::V2) tree[node].limits.clear();
      tree[node].limits[Knob::CpuIdle] = Amount{1};
    }
  }
  const Strategy leaves;
  const Strategy chosen = constraints.placement ? *constraints.placement : leaves;
  // Few mostly: of many small shares none shows on a noisy host within the window.
  const int most_workers = *one_of(std::vector{2, 2, 2, 3, 4});
  const Placement placement = *placement_gen(tree, *chance(85) ? chosen : *strategy_gen(tree),
                                             std::min(most_workers, constraints.max_workers));
  scenario.strategy = placement.strategy;
  for (const NodeId node : placement.nodes) {
    const bool competes = tree.is_in_subtree(node, arena);
    scenario.workers.push_back({node, competes ? endless_hog(1) : Workload(Idle{})});
  }
  // Before the bound begins to count, other CPUs' old load must be gone (oracle/cpu_fairness.h).
  const int64_t counted_ms = *uniform<int64_t>(600, 900);
  const int64_t early_us = 1'000 * warm_up_ms(machine);
  scenario.window = fixed_window(static_cast<double>(early_us + 1'000 * counted_ms), constraints, early_us);
  tree = *with_company(tree, knobs_beside_contention(constraints), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> cpu_fairness_gen(const Constraints& constraints) {
  return rc::gen::withSize([constraints](int size) {
    return rc::gen::exec([constraints, size] { return draw_cpu_fairness(constraints, size); })
        .as("cpu_fairness");
  });
}

}  // namespace treeline

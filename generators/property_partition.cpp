#include <algorithm>

#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/rules.h"
#include "model/rules_partition.h"

namespace treeline {

namespace {

constexpr int64_t kPartitionRoot = 1;
constexpr int64_t kIsolated = 2;

Amount draw_state() { return Amount{*chance(70) ? kPartitionRoot : kIsolated}; }

/// What a parent has and none of its children has named.
IdSet unclaimed(const Tree& tree, NodeId parent, const MachineFacts& machine) {
  IdSet left = effective_cpus(tree, parent, machine);
  for (const NodeId child : tree.children(parent)) {
    const IdSet taken = get<IdSet>(tree[child].limits, Knob::CpusetCpus).value_or(IdSet{});
    std::erase_if(left.ids,
                  [&](int cpu) { return std::binary_search(taken.ids.begin(), taken.ids.end(), cpu); });
  }
  return left;
}

/// A partition or a member that names CPUs; at least one is left to the parent and its other tasks.
void claim(Tree& tree, NodeId node, const IdSet& from, bool as_partition) {
  if (from.ids.size() < 2) return;
  tree[node].limits[Knob::CpusetCpus] = IdSet{*some_of(*uniform<size_t>(1, from.ids.size() - 1), from.ids)};
  if (as_partition) tree[node].limits[Knob::CpusetPartition] = draw_state();
}

/// What may be no valid partition: without CPUs, with a sibling's, or all of its parent's.
void claim_anything(Tree& tree, NodeId node, const MachineFacts& machine) {
  const NodeId parent = tree[node].parent;
  const bool in_partition = is_valid_partition(tree, parent, machine);
  const IdSet from =
      in_partition ? exclusive_cpus(tree, parent, machine) : effective_cpus(tree, parent, machine);
  tree[node].limits[Knob::CpusetPartition] = draw_state();
  if (!from.ids.empty() && *chance(70)) tree[node].limits[Knob::CpusetCpus] = *subset_gen(from);
}

Tree draw_partitions(Tree tree, const MachineFacts& machine) {
  Limits& top = tree[kRoot].limits;
  top[Knob::CpusetPartition] = draw_state();
  const IdSet all = run_cpus(tree, machine);
  top[Knob::CpusetCpus] = *chance(70) ? all : *subset_gen(all);
  if (*chance(10)) top.erase(Knob::CpusetCpus);  // then none below it can be one
  for (NodeId node = 1; node < tree.size(); ++node) {
    const int kind = *uniform(0, 99);
    const IdSet from = unclaimed(tree, tree[node].parent, machine);
    if (kind < 50) claim(tree, node, from, true);
    if (kind >= 50 && kind < 65) claim(tree, node, from, false);
    if (kind >= 85) claim_anything(tree, node, machine);
  }
  return tree;
}

Scenario draw_partition(const Constraints& constraints, int size) {
  const MachineFacts& machine = constraints.machine;
  Scenario scenario;
  scenario.tree = draw_partitions(*tree_gen(shape_for(constraints, size)), machine);
  const Placement placement = *placement_gen(scenario.tree, constraints, 6);
  scenario.strategy = placement.strategy;
  for (const NodeId node : placement.nodes) {
    if (effective_cpus(scenario.tree, node, machine).ids.empty()) continue;
    const int cpus = static_cast<int>(machine.cpus.size());
    scenario.workers.push_back({node, *chance(70) ? draw_crowding_hog(cpus) : Workload(Idle{})});
  }
  scenario.window = fixed_window(static_cast<double>(*uniform<int64_t>(30, 80)) * 1'000, constraints);
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::CpuMax, Knob::CpuMaxBurst, Knob::CpuWeight, Knob::CpuWeightNice, Knob::CpuIdle,
                    Knob::CpusetCpus, Knob::CpusetPartition, Knob::MemoryHigh, Knob::Freeze});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> partition_gen(const Constraints& constraints) {
  return rc::gen::withSize([constraints](int size) {
    return rc::gen::exec([constraints, size] { return draw_partition(constraints, size); }).as("partition");
  });
}

}  // namespace treeline

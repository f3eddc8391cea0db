#include <algorithm>

#include "model/rules.h"
#include "model/rules_partition.h"

namespace treeline {

namespace {

std::optional<NodeId> binding_node(const Tree& tree, NodeId node, Knob knob, int64_t unit) {
  std::optional<NodeId> binding;
  int64_t least = 0;
  for (const NodeId id : tree.lineage(node)) {
    const std::optional<int64_t> limit = amount(tree[id].limits, knob);
    if (limit && (!binding || *limit / unit < least)) {
      binding = id;
      least = *limit / unit;
    }
  }
  return binding;
}

IdSet effective_ids(const Tree& tree, NodeId node, Knob knob, const std::vector<int>& all) {
  IdSet result{all};
  std::vector<NodeId> lineage = tree.lineage(node);
  std::reverse(lineage.begin(), lineage.end());
  for (const NodeId id : lineage) {
    const std::optional<IdSet> own = get<IdSet>(tree[id].limits, knob);
    if (!own) continue;
    IdSet both;
    std::set_intersection(result.ids.begin(), result.ids.end(), own->ids.begin(), own->ids.end(),
                          std::back_inserter(both.ids));
    if (!both.ids.empty()) result = std::move(both);  // v2: an empty set falls back to the parent's
  }
  return result;
}

}  // namespace

std::optional<NodeId> binding_memory_node(const Tree& tree, NodeId node, int64_t page_size) {
  return binding_node(tree, node, Knob::MemoryMax, page_size);
}

std::optional<int64_t> effective_memory_max(const Tree& tree, NodeId node, int64_t page_size) {
  const std::optional<NodeId> binding = binding_memory_node(tree, node, page_size);
  if (!binding) return std::nullopt;
  return *amount(tree[*binding].limits, Knob::MemoryMax) / page_size * page_size;
}

std::optional<int64_t> effective_pids_max(const Tree& tree, NodeId node) {
  const std::optional<NodeId> binding = binding_node(tree, node, Knob::PidsMax, 1);
  return binding ? amount(tree[*binding].limits, Knob::PidsMax) : std::nullopt;
}

IdSet effective_cpus(const Tree& tree, NodeId node, const MachineFacts& machine) {
  if (has_partitions(tree)) return effective_cpus_with_partitions(tree, node, machine);
  return effective_ids(tree, node, Knob::CpusetCpus, machine.cpus);
}

namespace {

MachineFacts without_cpus(MachineFacts machine, const std::set<int>& offline) {
  std::erase_if(machine.cpus, [&](int cpu) { return offline.contains(cpu); });
  return machine;
}

}  // namespace

MachineFacts machine_after(const Scenario& scenario, const MachineFacts& machine, size_t actions,
                           const std::function<bool(size_t)>& taken) {
  return without_cpus(machine, offline_after(scenario, actions, taken));
}

MachineFacts machine_always(const Scenario& scenario, const MachineFacts& machine) {
  return without_cpus(machine, offline_after(scenario, scenario.actions.size(), [&](size_t i) {
                        return scenario.actions[i].kind == Action::Kind::CpuOffline;
                      }));
}

IdSet effective_mems(const Tree& tree, NodeId node, const MachineFacts& machine) {
  return effective_ids(tree, node, Knob::CpusetMems, machine.mems);
}

}  // namespace treeline

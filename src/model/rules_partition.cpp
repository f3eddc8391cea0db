#include "model/rules_partition.h"

#include <algorithm>
#include <iterator>

#include "model/rules.h"

namespace treeline {

namespace {

IdSet both(const IdSet& one, const IdSet& other) {
  IdSet result;
  std::set_intersection(one.ids.begin(), one.ids.end(), other.ids.begin(), other.ids.end(),
                        std::back_inserter(result.ids));
  return result;
}

IdSet without(const IdSet& set, const IdSet& taken) {
  IdSet result;
  std::set_difference(set.ids.begin(), set.ids.end(), taken.ids.begin(), taken.ids.end(),
                      std::back_inserter(result.ids));
  return result;
}

int64_t wanted_state(const Tree& tree, NodeId node) {
  return amount(tree[node].limits, Knob::CpusetPartition).value_or(0);
}

std::optional<IdSet> own_cpus(const Tree& tree, NodeId node) {
  return get<IdSet>(tree[node].limits, Knob::CpusetCpus);
}

/// validate_change: where one of two siblings is exclusive, their cpuset.cpus may not overlap; which of them
/// was written last does not matter (update_prstate: PERR_NOTEXCL; update_cpumask invalidates the other).
bool overlaps_sibling(const Tree& tree, NodeId node, const IdSet& own) {
  const NodeId parent = tree[node].parent;
  if (parent == kNoParent) return false;
  const std::vector<NodeId> children = tree.children(parent);
  return std::any_of(children.begin(), children.end(), [&](NodeId sibling) {
    const std::optional<IdSet> other = own_cpus(tree, sibling);
    return sibling != node && other && !both(own, *other).ids.empty();
  });
}

}  // namespace

bool has_partitions(const Tree& tree) {
  for (NodeId node = 0; node < tree.size(); ++node) {
    if (wanted_state(tree, node) != 0) return true;
  }
  return false;
}

IdSet run_cpus(const Tree& tree, const MachineFacts& machine) {
  IdSet cpus{machine.cpus};
  if (has_partitions(tree) && !cpus.ids.empty()) cpus.ids.erase(cpus.ids.begin());
  return cpus;
}

IdSet exclusive_cpus(const Tree& tree, NodeId partition, const MachineFacts& machine) {
  if (partition == kNoParent) return run_cpus(tree, machine);
  return both(own_cpus(tree, partition).value_or(IdSet{}),
              exclusive_cpus(tree, tree[partition].parent, machine));
}

bool is_valid_partition(const Tree& tree, NodeId node, const MachineFacts& machine) {
  const std::optional<IdSet> own = own_cpus(tree, node);
  const NodeId parent = tree[node].parent;
  if (wanted_state(tree, node) == 0 || !own) return false;
  if (parent != kNoParent && !is_valid_partition(tree, parent, machine)) return false;
  return !overlaps_sibling(tree, node, *own) && !exclusive_cpus(tree, node, machine).ids.empty();
}

IdSet effective_cpus_with_partitions(const Tree& tree, NodeId node, const MachineFacts& machine) {
  if (is_valid_partition(tree, node, machine)) {
    IdSet left = exclusive_cpus(tree, node, machine);
    for (const NodeId child : tree.children(node)) {
      if (is_valid_partition(tree, child, machine))
        left = without(left, exclusive_cpus(tree, child, machine));
    }
    return left;
  }
  const NodeId parent = tree[node].parent;
  const IdSet above = parent == kNoParent ? run_cpus(tree, machine) : effective_cpus(tree, parent, machine);
  const IdSet own = both(own_cpus(tree, node).value_or(above), above);
  return own.ids.empty() ? above : own;
}

std::string expected_readback(const Tree& tree, NodeId node, const KnobWrite& write,
                              const MachineFacts& machine) {
  const bool is_invalid = write.knob == Knob::CpusetPartition && wanted_state(tree, node) != 0 &&
                          !is_valid_partition(tree, node, machine);
  return is_invalid ? write.expected + " invalid" : write.expected;
}

std::vector<Fault> unmet_partitions(const Scenario& scenario, const MachineFacts& machine) {
  std::vector<Fault> faults;
  const Tree& tree = scenario.tree;
  if (!has_partitions(tree)) return faults;
  if (run_cpus(tree, machine).ids.empty()) {
    faults.push_back({"/tree", "a partition needs a CPU besides the one that the machine keeps"});
  }
  for (NodeId node = 0; node < tree.size(); ++node) {
    const NodeId parent = tree[node].parent;
    const bool below_partition = parent == kNoParent || is_valid_partition(tree, parent, machine);
    const IdSet most = below_partition ? exclusive_cpus(tree, parent, machine) : run_cpus(tree, machine);
    if (!without(own_cpus(tree, node).value_or(IdSet{}), most).ids.empty()) {
      faults.push_back({"/tree/" + std::to_string(node) + "/limits/cpuset.cpus",
                        "beside partitions it must lie within the CPUs that are there to be given away"});
    }
  }
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    if (effective_cpus(tree, scenario.workers[i].node, machine).ids.empty()) {
      faults.push_back({"/workers/" + std::to_string(i) + "/node",
                        "the node has given all its CPUs to partitions, and takes no task"});
    }
  }
  return faults;
}

}  // namespace treeline

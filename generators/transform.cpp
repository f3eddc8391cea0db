#include "generators/transform.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace treeline {

namespace {

/// The scenario with all that names a node of it naming the new one.
Scenario moved(const Scenario& scenario, Tree tree, const std::vector<NodeId>& now) {
  const auto at = [&](NodeId old) { return now[static_cast<size_t>(old)]; };
  Scenario result = scenario;
  result.tree = std::move(tree);
  for (Worker& worker : result.workers) worker.node = at(worker.node);
  for (Action& action : result.actions) action.node = at(action.node);
  for (Probe& probe : result.probes) probe.node = at(probe.node);
  return result;
}

/// Appends the subtree, the last child first.
void walk(const Tree& tree, NodeId node, std::vector<NodeId>& order) {
  order.push_back(node);
  std::vector<NodeId> children = tree.children(node);
  std::reverse(children.begin(), children.end());
  for (const NodeId child : children) walk(tree, child, order);
}

/// Half of it; nullopt: it cannot be.
std::optional<KnobValue> half_of(Knob knob, const Limits& limits) {
  const auto limit = limits.find(knob);
  if (limit == limits.end()) return std::nullopt;
  if (const auto* bandwidth = std::get_if<CpuBandwidth>(&limit->second)) {
    if (!bandwidth->quota_us) return std::nullopt;
    const CpuBandwidth half{*bandwidth->quota_us / 2, bandwidth->period_us};
    const int64_t least_us = std::max(knob_info(knob).min, amount(limits, Knob::CpuMaxBurst).value_or(0));
    return *half.quota_us < least_us ? std::nullopt : std::optional<KnobValue>(half);
  }
  const auto value = std::get<Amount>(limit->second).value;
  return value ? std::optional<KnobValue>(Amount{*value / 2}) : std::nullopt;
}

bool has_below(const Tree& tree, NodeId node, Knob knob) {
  const std::vector<NodeId> nodes = tree.subtree(node);
  return std::any_of(nodes.begin() + 1, nodes.end(),
                     [&](NodeId below) { return tree[below].limits.contains(knob); });
}

}  // namespace

Transformed unchanged(const Scenario& scenario) {
  std::vector<NodeId> now(scenario.tree.nodes.size());
  std::iota(now.begin(), now.end(), kRoot);
  return {scenario, std::move(now), std::nullopt};
}

Transformed renamed(const Scenario& scenario) {
  Tree tree = scenario.tree;
  for (NodeId id = 0; id < tree.size(); ++id) {
    // Longer than a name that is short, and shorter than one that is long.
    const bool is_long = tree[id].name.size() > static_cast<size_t>(kMaxNameLength) / 2;
    tree[id].name = fmt::format("{}{}", is_long ? "r" : "renamed_node_number_", id);
  }
  Transformed result = unchanged(scenario);
  result.scenario.tree = std::move(tree);
  return result;
}

Transformed permuted(const Scenario& scenario) {
  std::vector<NodeId> order;
  walk(scenario.tree, kRoot, order);
  std::vector<NodeId> now(order.size());
  for (size_t i = 0; i < order.size(); ++i) now[static_cast<size_t>(order[i])] = static_cast<NodeId>(i);
  Tree tree;
  for (const NodeId old : order) {
    Node node = scenario.tree[old];
    if (node.parent != kNoParent) node.parent = now[static_cast<size_t>(node.parent)];
    tree.nodes.push_back(std::move(node));
  }
  return {moved(scenario, std::move(tree), now), now, std::nullopt};
}

Transformed wrapped(const Scenario& scenario) {
  Tree tree;
  tree.nodes.push_back({"wrapper", kNoParent, {}});
  std::vector<NodeId> now;
  for (Node node : scenario.tree.nodes) {
    now.push_back(tree.size());
    node.parent = node.parent == kNoParent ? kRoot : node.parent + 1;
    tree.nodes.push_back(std::move(node));
  }
  return {moved(scenario, std::move(tree), now), now, std::nullopt};
}

Transformed tightened(const Scenario& scenario) {
  Transformed result = unchanged(scenario);
  if (!scenario.actions.empty()) return result;
  for (NodeId node = scenario.tree.size() - 1; node >= kRoot; --node) {
    for (const Knob knob : {Knob::CpuMax, Knob::PidsMax, Knob::MemoryMax}) {
      const auto half = half_of(knob, scenario.tree[node].limits);
      if (!half || has_below(scenario.tree, node, knob)) continue;
      result.scenario.tree[node].limits[knob] = *half;
      result.tightened = {node, knob};
      return result;
    }
  }
  return result;
}

}  // namespace treeline

#include <algorithm>
#include <array>

#include "generators/shrink_steps.h"
#include "generators/tree_gen.h"
#include "model/rules.h"

namespace treeline {

namespace {

constexpr int kGone = -1;

std::vector<bool> flags(const Tree& tree, bool value) {
  return std::vector<bool>(static_cast<size_t>(tree.size()), value);
}

void mark(std::vector<bool>& is_kept, const std::vector<NodeId>& nodes, bool value) {
  for (const NodeId node : nodes) is_kept[static_cast<size_t>(node)] = value;
}

/// What refers to node `id` is changed to node_of(id), or dropped where that is kNoParent.
template <typename Referrers>
void refer_to(Referrers& referrers, const std::vector<NodeId>& node_of) {
  std::erase_if(referrers, [&](auto& referrer) {
    referrer.node = node_of[static_cast<size_t>(referrer.node)];
    return referrer.node == kNoParent;
  });
}

/// Workers that go take their migrations along.
void refer_to(Scenario& scenario, const std::vector<NodeId>& node_of) {
  std::vector<int> worker_of;
  int kept = 0;
  for (const Worker& worker : scenario.workers) {
    const bool is_kept = node_of[static_cast<size_t>(worker.node)] != kNoParent;
    worker_of.push_back(is_kept ? kept++ : kGone);
  }
  std::erase_if(scenario.actions, [&](Action& action) {
    if (has_worker(action)) action.worker = worker_of[static_cast<size_t>(action.worker)];
    const bool has_node = !moves_a_cpu(action);
    if (has_node) action.node = node_of[static_cast<size_t>(action.node)];
    return action.worker == kGone || (has_node && action.node == kNoParent);
  });
  refer_to(scenario.workers, node_of);
  refer_to(scenario.probes, node_of);
}

/// Two nodes that were no siblings may have become namesakes.
void make_names_unique(Tree& tree) {
  Tree unique;
  for (Node& node : tree.nodes) {
    if (node.parent == kNoParent) {
      unique.nodes.push_back(std::move(node));
    } else {
      const NodeId id = add_child(unique, node.parent, node.name);
      unique[id].limits = std::move(node.limits);
      unique[id].is_thread_root = node.is_thread_root;
    }
  }
  tree = std::move(unique);
}

enum class Inherit : uint8_t { Missing, All, Nothing };

Limits inherited(const Limits& child, const Limits& parent, Inherit inherit) {
  if (inherit == Inherit::Nothing) return child;
  const bool child_wins = inherit == Inherit::Missing;
  Limits limits = child_wins ? child : parent;
  const Limits& other = child_wins ? parent : child;
  limits.insert(other.begin(), other.end());
  return limits;
}

/// The child's name, limits, contents and children move to its parent's index, so that parents stay before
/// their children; the child's index goes, with those in `is_kept` that are false.
Scenario hoisted(Scenario scenario, NodeId child, Limits limits, std::vector<bool> is_kept) {
  Tree& tree = scenario.tree;
  const NodeId parent = tree[child].parent;
  std::vector<NodeId> node_of(is_kept.size());
  for (NodeId id = 0; id < tree.size(); ++id) node_of[static_cast<size_t>(id)] = id == child ? parent : id;
  refer_to(scenario, node_of);
  for (Node& node : tree.nodes) {
    if (node.parent == child) node.parent = parent;
  }
  tree[parent].name = tree[child].name;
  tree[parent].limits = std::move(limits);
  tree[parent].is_thread_root |= tree[child].is_thread_root;
  is_kept[static_cast<size_t>(child)] = false;
  Scenario result = keep_nodes(scenario, is_kept);
  make_names_unique(result.tree);
  return result;
}

void add_hoists(Candidates& candidates, const Scenario& scenario, NodeId child,
                const std::vector<bool>& is_kept) {
  const Limits& own = scenario.tree[child].limits;
  const Limits& above = scenario.tree[scenario.tree[child].parent].limits;
  std::vector<Limits> tried;
  for (const Inherit inherit : {Inherit::Missing, Inherit::All, Inherit::Nothing}) {
    Limits limits = inherited(own, above, inherit);
    if (std::find(tried.begin(), tried.end(), limits) != tried.end()) continue;
    candidates.push_back(hoisted(scenario, child, limits, is_kept));
    tried.push_back(std::move(limits));
  }
}

/// Nodes whose lineage alone may be all that matters: those with a worker first, the deepest first.
std::vector<NodeId> ends_of_lineages(const Scenario& scenario) {
  const Tree& tree = scenario.tree;
  std::vector<NodeId> ends;
  const auto add = [&](NodeId node) {
    if (std::find(ends.begin(), ends.end(), node) == ends.end()) ends.push_back(node);
  };
  for (const NodeId node : occupied_nodes(scenario)) add(node);
  for (const Probe& probe : scenario.probes) add(probe.node);
  if (ends.empty()) {
    for (NodeId id = 0; id < tree.size(); ++id) {
      if (tree.is_leaf(id)) add(id);
    }
  }
  std::stable_sort(ends.begin(), ends.end(),
                   [&](NodeId a, NodeId b) { return tree.depth(a) > tree.depth(b); });
  return ends;
}

}  // namespace

Scenario keep_nodes(const Scenario& scenario, const std::vector<bool>& is_kept) {
  Scenario kept = scenario;
  kept.tree.nodes.clear();
  std::vector<NodeId> node_of(is_kept.size(), kNoParent);
  for (NodeId id = 0; id < scenario.tree.size(); ++id) {
    const NodeId parent = scenario.tree[id].parent;
    const bool has_parent = parent == kNoParent || node_of[static_cast<size_t>(parent)] != kNoParent;
    if (!is_kept[static_cast<size_t>(id)] || !has_parent) continue;
    node_of[static_cast<size_t>(id)] = kept.tree.size();
    kept.tree.nodes.push_back(scenario.tree[id]);
    if (parent != kNoParent) kept.tree.nodes.back().parent = node_of[static_cast<size_t>(parent)];
  }
  refer_to(kept, node_of);
  return kept;
}

Candidates drop_subtrees(const Scenario& scenario) {
  const Tree& tree = scenario.tree;
  Candidates candidates;
  // With few nodes the single subtrees below are as good; and more than some lineages are not worth their
  // runs.
  constexpr int kFewNodes = 4;
  constexpr size_t kMostLineages = 4;
  std::vector<NodeId> ends = tree.size() > kFewNodes ? ends_of_lineages(scenario) : std::vector<NodeId>{};
  if (!ends.empty()) {  // all of them: what is empty may say nothing
    std::vector<bool> is_kept = flags(tree, false);
    for (const NodeId end : ends) mark(is_kept, tree.lineage(end), true);
    candidates.push_back(keep_nodes(scenario, is_kept));
  }
  ends.resize(std::min(ends.size(), kMostLineages));
  for (const NodeId end : ends) {
    std::vector<bool> is_kept = flags(tree, false);
    mark(is_kept, tree.lineage(end), true);
    candidates.push_back(keep_nodes(scenario, is_kept));
  }
  std::vector<std::vector<NodeId>> subtrees;
  for (NodeId id = 1; id < tree.size(); ++id) subtrees.push_back(tree.subtree(id));
  std::stable_sort(subtrees.begin(), subtrees.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  for (const std::vector<NodeId>& subtree : subtrees) {
    std::vector<bool> is_kept = flags(tree, true);
    mark(is_kept, subtree, false);
    candidates.push_back(keep_nodes(scenario, is_kept));
  }
  return candidates;
}

Candidates hoist_children(const Scenario& scenario) {
  const Tree& tree = scenario.tree;
  Candidates candidates;
  for (NodeId child = 1; child < tree.size(); ++child) {
    const NodeId parent = tree[child].parent;
    if (tree.children(parent).size() < 2) continue;
    std::vector<bool> is_kept = flags(tree, true);
    mark(is_kept, tree.subtree(parent), false);
    mark(is_kept, tree.subtree(child), true);
    is_kept[static_cast<size_t>(parent)] = true;
    add_hoists(candidates, scenario, child, is_kept);
  }
  for (NodeId child = 1; child < tree.size(); ++child)
    add_hoists(candidates, scenario, child, flags(tree, true));
  return candidates;
}

}  // namespace treeline

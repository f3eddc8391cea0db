#include "model/tree.h"

#include <algorithm>

namespace treeline {

int Tree::depth(NodeId id) const {
  int depth = 0;
  while ((*this)[id].parent != kNoParent) {
    id = (*this)[id].parent;
    ++depth;
  }
  return depth;
}

int Tree::max_depth() const {
  int deepest = 0;
  for (NodeId id = 0; id < size(); ++id) deepest = std::max(deepest, depth(id));
  return deepest;
}

std::vector<NodeId> Tree::children(NodeId id) const {
  std::vector<NodeId> result;
  for (NodeId child = id + 1; child < size(); ++child) {
    if ((*this)[child].parent == id) result.push_back(child);
  }
  return result;
}

bool Tree::is_leaf(NodeId id) const { return children(id).empty(); }

std::vector<NodeId> Tree::lineage(NodeId id) const {
  std::vector<NodeId> result;
  for (; id != kNoParent; id = (*this)[id].parent) result.push_back(id);
  return result;
}

std::vector<NodeId> Tree::subtree(NodeId id) const {
  std::vector<NodeId> result;
  for (NodeId node = id; node < size(); ++node) {
    if (is_in_subtree(node, id)) result.push_back(node);
  }
  return result;
}

bool Tree::is_in_subtree(NodeId id, NodeId top) const {
  while (id > top) id = (*this)[id].parent;  // parents precede their children
  return id == top;
}

NodeId Tree::thread_root_of(NodeId id) const {
  while (id != kNoParent && !(*this)[id].is_thread_root) id = (*this)[id].parent;
  return id;
}

bool Tree::has_thread_root() const {
  return std::any_of(nodes.begin(), nodes.end(), [](const Node& node) { return node.is_thread_root; });
}

std::string Tree::path(NodeId id) const {
  const Node& node = (*this)[id];
  return node.parent == kNoParent ? node.name : path(node.parent) + "/" + node.name;
}

bool has_quota(const Limits& limits) {
  const auto limit = get<CpuBandwidth>(limits, Knob::CpuMax);
  return limit && limit->quota_us;
}

bool has_quota(const Tree& tree, NodeId top) {
  const std::vector<NodeId> nodes = tree.subtree(top);
  return std::any_of(nodes.begin(), nodes.end(), [&](NodeId node) { return has_quota(tree[node].limits); });
}

bool is_legal_name(std::string_view name) {
  const auto is_legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !name.empty() && name.size() <= kMaxNameLength && std::all_of(name.begin(), name.end(), is_legal);
}

}  // namespace treeline

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/knob.h"

namespace treeline {

/// Index into Tree::nodes. The root is 0.
using NodeId = int;
inline constexpr NodeId kRoot = 0;
inline constexpr NodeId kNoParent = -1;

struct Node {
  std::string name;
  NodeId parent = kNoParent;
  Limits limits;
  /// v2: all groups below it are threaded (cgroup.type), so that it and they are one threaded domain, in
  /// which single threads may move, and any group may hold tasks (kernel/cgroup/cgroup.c,
  /// cgroup_enable_threaded).
  bool is_thread_root = false;
  bool operator==(const Node&) const = default;
};

/// Longest name, deepest tree and most nodes that a scenario file may have.
inline constexpr int kMaxNameLength = 32;
inline constexpr int kMaxDepth = 32;
inline constexpr int kMaxNodes = 512;

/// A rooted tree of cgroups. Invariant of a valid tree: nodes[0] is the only root, each parent precedes its
/// children, sibling names are unique and legal. (JSON refuses anything else.)
struct Tree {
  std::vector<Node> nodes;
  bool operator==(const Tree&) const = default;

  int size() const { return static_cast<int>(nodes.size()); }
  const Node& operator[](NodeId id) const { return nodes[static_cast<size_t>(id)]; }
  Node& operator[](NodeId id) { return nodes[static_cast<size_t>(id)]; }

  /// Depth of the root is 0.
  int depth(NodeId id) const;
  int max_depth() const;
  std::vector<NodeId> children(NodeId id) const;
  bool is_leaf(NodeId id) const;
  /// From the node itself up to the root.
  std::vector<NodeId> lineage(NodeId id) const;
  /// The node itself and all its descendants, parents first.
  std::vector<NodeId> subtree(NodeId id) const;
  bool is_in_subtree(NodeId id, NodeId top) const;
  /// One is the other, or above or below it.
  bool are_on_one_path(NodeId one, NodeId other) const {
    return is_in_subtree(one, other) || is_in_subtree(other, one);
  }
  /// The thread root of the threaded domain that the node is part of; kNoParent: it is part of none.
  NodeId thread_root_of(NodeId id) const;
  bool has_thread_root() const;
  /// Names joined by '/', from the root's own name: "t/a/b".
  std::string path(NodeId id) const;
};

/// A cpu.max that is not "max".
bool has_quota(const Limits& limits);
/// Any node of the subtree has one.
bool has_quota(const Tree& tree, NodeId top);

/// Letters, digits, '_' and '-', at most kMaxNameLength: a name that libcgroup, the shell and the kernel
/// agree on and that cannot be a control file's name or leave its parent ("..", "a/b").
bool is_legal_name(std::string_view name);

}  // namespace treeline

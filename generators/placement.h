#pragma once

#include <rapidcheck.h>

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "generators/constraints.h"
#include "model/scenario.h"

namespace treeline {

/// A predicate that Strategy::Kind::Custom may name: whether a node of the tree, at the given depth, gets a
/// worker.
struct PlacementPredicate {
  std::string_view name;  ///< "interior"
  std::string_view summary;
  bool (*holds)(const Tree& tree, NodeId node, int depth);
};

/// interior, limited, unlimited, deepest, even_depth, only_child.
std::span<const PlacementPredicate> placement_predicates();
const PlacementPredicate* find_placement_predicate(std::string_view name);

/// "leaves", "all", "random:30", "depth:2" or the name of a predicate; nullopt if it is none of these.
std::optional<Strategy> strategy_from_text(std::string_view text);

/// The nodes that the strategy picks, in tree order; Random draws from `random`. May be empty.
std::vector<NodeId> place(const Strategy& strategy, const Tree& tree, rc::Random& random);

/// Where the workers go, and by which strategy: never empty, at most `max_nodes` nodes.
struct Placement {
  Strategy strategy;
  std::vector<NodeId> nodes;
};
/// The strategy's nodes in the tree; if it picks none, the leaves (and the placement then says so).
rc::Gen<Placement> placement_gen(const Tree& tree, const Strategy& strategy, int max_nodes);
/// The same by `constraints.placement`, or else by any strategy.
rc::Gen<Placement> placement_gen(const Tree& tree, const Constraints& constraints, int max_nodes);

/// Any strategy with parameters that fit the tree.
rc::Gen<Strategy> strategy_gen(const Tree& tree);

}  // namespace treeline

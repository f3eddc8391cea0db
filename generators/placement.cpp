#include "generators/placement.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "generators/gens.h"

namespace treeline {

namespace {

constexpr std::array<PlacementPredicate, 6> kPredicates{{
    {"interior", "nodes that have children",
     [](const Tree& tree, NodeId node, int) { return !tree.is_leaf(node); }},
    {"limited", "nodes that carry a limit of their own",
     [](const Tree& tree, NodeId node, int) { return !tree[node].limits.empty(); }},
    {"unlimited", "nodes without a limit of their own",
     [](const Tree& tree, NodeId node, int) { return tree[node].limits.empty(); }},
    {"deepest", "nodes at the tree's greatest depth",
     [](const Tree& tree, NodeId, int depth) { return depth == tree.max_depth(); }},
    {"even_depth", "nodes at depths 0, 2, 4 …",
     [](const Tree&, NodeId, int depth) { return depth % 2 == 0; }},
    {"only_child", "nodes without siblings",
     [](const Tree& tree, NodeId node, int) {
       const NodeId parent = tree[node].parent;
       return parent != kNoParent && tree.children(parent).size() == 1;
     }},
}};

bool picks(const Strategy& strategy, const Tree& tree, NodeId node, rc::Random& random) {
  switch (strategy.kind) {
    case Strategy::Kind::LeavesOnly:
      return tree.is_leaf(node);
    case Strategy::Kind::AllNodes:
      return true;
    case Strategy::Kind::Random:
      return static_cast<int>(random.split().next() % 100) < strategy.percent;
    case Strategy::Kind::Depth:
      return tree.depth(node) == strategy.depth;
    case Strategy::Kind::Custom:
      break;
  }
  const PlacementPredicate* predicate = find_placement_predicate(strategy.custom);
  return predicate && predicate->holds(tree, node, tree.depth(node));
}

/// The number after "prefix", from 0 to `most`.
std::optional<int> number_after(std::string_view text, std::string_view prefix, int most) {
  if (!text.starts_with(prefix)) return std::nullopt;
  text.remove_prefix(prefix.size());
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  return is_whole && number >= 0 && number <= most ? std::optional<int>(number) : std::nullopt;
}

}  // namespace

std::span<const PlacementPredicate> placement_predicates() { return kPredicates; }

const PlacementPredicate* find_placement_predicate(std::string_view name) {
  const auto* found = std::find_if(kPredicates.begin(), kPredicates.end(),
                                   [&](const PlacementPredicate& known) { return known.name == name; });
  return found == kPredicates.end() ? nullptr : found;
}

std::optional<Strategy> strategy_from_text(std::string_view text) {
  if (text == "leaves") return Strategy{};
  if (text == "all") return Strategy{Strategy::Kind::AllNodes, 0, 0, {}};
  if (const auto percent = number_after(text, "random:", 100)) {
    return Strategy{Strategy::Kind::Random, *percent, 0, {}};
  }
  if (const auto depth = number_after(text, "depth:", kMaxDepth)) {
    return Strategy{Strategy::Kind::Depth, 0, *depth, {}};
  }
  if (find_placement_predicate(text)) return Strategy{Strategy::Kind::Custom, 0, 0, std::string(text)};
  return std::nullopt;
}

std::vector<NodeId> place(const Strategy& strategy, const Tree& tree, rc::Random& random) {
  std::vector<NodeId> nodes;
  for (NodeId node = 0; node < tree.size(); ++node) {
    if (picks(strategy, tree, node, random)) nodes.push_back(node);
  }
  return nodes;
}

rc::Gen<Placement> placement_gen(const Tree& tree, const Strategy& strategy, int max_nodes) {
  return rc::gen::exec([tree, strategy, max_nodes] {
           rc::Random random(*rc::gen::noShrink(uniform<uint64_t>(0, UINT64_MAX - 1)));
           Placement placement{strategy, place(strategy, tree, random)};
           if (placement.nodes.empty()) placement = {Strategy{}, place(Strategy{}, tree, random)};
           placement.nodes = *some_of(static_cast<size_t>(max_nodes), placement.nodes);
           return placement;
         })
      .as("placement");
}

rc::Gen<Placement> placement_gen(const Tree& tree, const Constraints& constraints, int max_nodes) {
  return rc::gen::exec([tree, forced = constraints.placement, max_nodes] {
    const Strategy strategy = forced ? *forced : *strategy_gen(tree);
    return *placement_gen(tree, strategy, max_nodes);
  });
}

rc::Gen<Strategy> strategy_gen(const Tree& tree) {
  return rc::gen::exec([deepest = tree.max_depth()] {
           Strategy strategy;
           strategy.kind = *rc::gen::weightedElement<Strategy::Kind>({{5, Strategy::Kind::LeavesOnly},
                                                                      {2, Strategy::Kind::AllNodes},
                                                                      {2, Strategy::Kind::Random},
                                                                      {2, Strategy::Kind::Depth},
                                                                      {2, Strategy::Kind::Custom}});
           if (strategy.kind == Strategy::Kind::Random) strategy.percent = *uniform(20, 80);
           if (strategy.kind == Strategy::Kind::Depth) strategy.depth = *uniform(0, deepest);
           if (strategy.kind == Strategy::Kind::Custom) {
             strategy.custom = kPredicates[*uniform<size_t>(0, kPredicates.size() - 1)].name;
           }
           return strategy;
         })
      .as("strategy");
}

}  // namespace treeline

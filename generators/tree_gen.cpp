#include "generators/tree_gen.h"

#include <algorithm>

#include "generators/gens.h"

namespace treeline {

namespace {

enum class Growth : uint8_t { Bushy, Deep, Wide };

std::string letters(std::string_view alphabet, int length) {
  std::string name;
  for (int i = 0; i < length; ++i) name += alphabet[*uniform<size_t>(0, alphabet.size() - 1)];
  return name;
}

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kDigits = "0123456789";
// No dot and no slash (is_legal_name); the '-' may also lead, which a careless tool takes for an option.
constexpr std::string_view kAll = "abcxyzABCXYZ0123456789_-";

/// The next parent among those that may take one more child; kNoParent if none may.
NodeId draw_parent(const Tree& tree, const TreeShape& shape, Growth growth) {
  std::vector<NodeId> open;
  for (NodeId id = 0; id < tree.size(); ++id) {
    const bool has_room = static_cast<int>(tree.children(id).size()) < shape.max_children;
    if (has_room && tree.depth(id) < shape.max_depth) open.push_back(id);
  }
  if (open.empty()) return kNoParent;
  const bool strays = *chance(20);
  if (growth == Growth::Bushy || strays) return *one_of(open);
  const auto shallower = [&](NodeId a, NodeId b) { return tree.depth(a) < tree.depth(b); };
  return growth == Growth::Wide ? *std::min_element(open.begin(), open.end(), shallower)
                                : *std::max_element(open.begin(), open.end(), shallower);
}

}  // namespace

TreeShape shape_for(const Constraints& constraints, int size, int min_depth, int min_nodes) {
  TreeShape shape;
  shape.max_depth = constraints.max_depth;
  shape.max_children = constraints.max_children;
  shape.min_depth = std::min({min_depth, constraints.max_depth, constraints.max_nodes - 1});
  shape.min_nodes = std::min(std::max(min_nodes, shape.min_depth + 1), constraints.max_nodes);
  shape.max_nodes = std::clamp(1 + (constraints.max_nodes - 1) * size / rc::kNominalSize, shape.min_nodes,
                               constraints.max_nodes);
  return shape;
}

rc::Gen<std::string> name_gen() {
  return rc::gen::exec([] {
           const int style = *uniform(0, 99);
           if (style < 50) return letters(kLetters, 1);
           if (style < 75) {
             const std::string letter = letters(kLetters, 1);
             return letter + letters(kDigits, 1);
           }
           if (style < 88) return letters(kLetters, *uniform(2, 4));
           if (style < 96) return letters(kAll, *uniform(1, 8));
           return letters(kAll, *uniform(9, kMaxNameLength));
         })
      .as("name");
}

NodeId add_child(Tree& tree, NodeId parent, const std::string& wanted_name) {
  const std::vector<NodeId> siblings = tree.children(parent);
  const auto is_taken = [&](const std::string& name) {
    return std::any_of(siblings.begin(), siblings.end(), [&](NodeId id) { return tree[id].name == name; });
  };
  std::string name = wanted_name;
  for (int i = 2; is_taken(name); ++i) name = wanted_name.substr(0, kMaxNameLength - 4) + std::to_string(i);
  tree.nodes.push_back({std::move(name), parent, {}});
  return tree.size() - 1;
}

rc::Gen<Tree> tree_gen(TreeShape shape) {
  return rc::gen::exec([shape] {
           Tree tree{{{*name_gen(), kNoParent, {}}}};
           const Growth growth = *one_of(std::vector{Growth::Bushy, Growth::Deep, Growth::Wide});
           const int nodes = *uniform(shape.min_nodes, shape.max_nodes);
           for (int depth = 0; depth < shape.min_depth; ++depth) {
             add_child(tree, tree.size() - 1, *name_gen());
           }
           while (tree.size() < nodes) {
             const NodeId parent = draw_parent(tree, shape, growth);
             if (parent == kNoParent) break;
             add_child(tree, parent, *name_gen());
           }
           return tree;
         })
      .as("tree");
}

}  // namespace treeline

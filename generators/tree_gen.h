#pragma once

#include <rapidcheck.h>

#include <string>

#include "generators/constraints.h"
#include "model/tree.h"

namespace treeline {

/// What trees may look like.
struct TreeShape {
  int min_depth = 0;
  int min_nodes = 1;
  int max_depth = 4;
  int max_children = 4;
  int max_nodes = 12;
};

/// The shape within the constraints for a RapidCheck size (1 … 100): only full size gives trees of max_nodes.
/// `min_depth` and `min_nodes` are cut to what the constraints allow.
TreeShape shape_for(const Constraints& constraints, int size, int min_depth = 0, int min_nodes = 1);

/// A short legal name; sometimes long, or with '-', '_' and digits.
rc::Gen<std::string> name_gen();

/// A tree without limits: bushy, deep or wide, parents before children.
rc::Gen<Tree> tree_gen(TreeShape shape);

/// Adds a child with an unused name and returns its id.
NodeId add_child(Tree& tree, NodeId parent, const std::string& wanted_name);

}  // namespace treeline

#include "generators/actions_gen.h"

#include <algorithm>

#include "generators/gens.h"

namespace treeline {

namespace {

/// Two slices and ticks of a hog that has a CPU for itself, and a gap of some tens of ms at either end: see
/// turn_ns in oracle/freezer.cpp.
constexpr int64_t kSeenAfterUs = 140'000;

int64_t whole_ms(int64_t least_ms, int64_t most_ms) { return 1'000 * *uniform<int64_t>(least_ms, most_ms); }

/// A node of a place's lineage; above the place as often as not, where the freeze has to reach down.
NodeId draw_frozen(const Tree& tree, NodeId place) {
  std::vector<NodeId> lineage = tree.lineage(place);
  if (lineage.size() > 2 && *chance(50)) lineage.erase(lineage.begin(), lineage.begin() + 2);
  return *one_of(lineage);
}

}  // namespace

rc::Gen<std::vector<Action>> actions_gen(const Tree& tree, const std::vector<NodeId>& places,
                                         int most_pairs) {
  return rc::gen::exec([=] {
           std::vector<Action> actions;
           const int pairs = *uniform(1, std::max(1, most_pairs));
           int64_t at_us = whole_ms(15, 45);
           for (int i = 0; i < pairs; ++i) {
             const NodeId node = draw_frozen(tree, *one_of(places));
             actions.push_back({at_us, Action::Kind::Freeze, node});
             at_us += kSeenAfterUs + whole_ms(0, 30);
             if (!*chance(90)) continue;
             actions.push_back({at_us, Action::Kind::Thaw, node});
             at_us += kSeenAfterUs + whole_ms(0, 20);
           }
           return actions;
         })
      .as("actions");
}

int64_t end_after(const std::vector<Action>& actions) {
  return actions.empty() ? 0 : actions.back().at_us + kSeenAfterUs + 10'000;
}

}  // namespace treeline

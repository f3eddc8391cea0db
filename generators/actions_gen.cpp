#include "generators/actions_gen.h"

#include <algorithm>
#include <optional>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "model/freezing.h"

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

namespace {

/// A move from where it is, across the edge of what is frozen in most draws; nothing if there is no such
/// node.
std::optional<Action> draw_move(const Scenario& scenario, const std::vector<int>& hogs, int64_t at_us) {
  const Scenario now = by_now(scenario);
  const std::set<NodeId> frozen = frozen_after(scenario, scenario.actions.size(), every_action);
  Action move{at_us, Action::Kind::Migrate};
  move.worker = *one_of(hogs);
  const NodeId from = now.workers[static_cast<size_t>(move.worker)].node;
  const bool crosses = *chance(80);
  std::vector<NodeId> goals = now.tree.subtree(kRoot);
  std::erase_if(goals, [&](NodeId goal) {
    const bool is_across = is_frozen(now.tree, frozen, from) != is_frozen(now.tree, frozen, goal);
    return goal == from || (crosses && !is_across);
  });
  if (goals.empty()) return std::nullopt;
  move.node = *one_of(goals);
  return move;
}

}  // namespace

rc::Gen<std::vector<Action>> frozen_moves_gen(const Scenario& scenario, const std::vector<int>& hogs) {
  return rc::gen::exec([=] {
           Scenario drawn = scenario;
           int64_t at_us = whole_ms(15, 45);
           const NodeId node = *uniform(1, drawn.tree.size() - 1);
           drawn.actions.push_back({at_us, Action::Kind::Freeze, node});
           at_us += *chance(50) ? kSeenAfterUs + whole_ms(0, 30) : whole_ms(1, 20);
           const int moves = *uniform(1, 3);
           for (int i = 0; i < moves; ++i) {
             const auto move = draw_move(drawn, hogs, at_us);
             if (!move) continue;
             drawn.actions.push_back(*move);
             at_us += kSeenAfterUs + whole_ms(0, 30);
           }
           if (*chance(50)) drawn.actions.push_back({at_us, Action::Kind::Thaw, node});
           return drawn.actions;
         })
      .as("frozen moves");
}

int64_t end_after(const std::vector<Action>& actions) {
  return actions.empty() ? 0 : actions.back().at_us + kSeenAfterUs + 10'000;
}

}  // namespace treeline

#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/units.h"

namespace treeline {

namespace {

/// How the protection of a group goes with what its workers hold.
enum class Style : uint8_t {
  Sheltered,      ///< All of it is protected, at each level.
  Partial,        ///< Some of it is.
  Overcommitted,  ///< The children of a group claim more than it has.
  Exhausted,      ///< All that could be reclaimed is protected.
  Usurped,        ///< It is sheltered; the others claim as much, but their parent has next to nothing.
};

Style draw_style() {
  return *rc::gen::weightedElement<Style>({{10, Style::Sheltered},
                                           {3, Style::Partial},
                                           {3, Style::Overcommitted},
                                           {5, Style::Exhausted},
                                           {3, Style::Usurped}});
}

/// The limit, the place whose memory is to be spared, and all places.
struct Arena {
  NodeId limited = kRoot;
  NodeId spared = kRoot;
  std::vector<NodeId> places;
};

bool is_within(const Tree& tree, const Arena& arena, NodeId node) {
  return node != arena.spared && tree.is_in_subtree(node, arena.limited);
}

/// A childless place, as its workers are at the mercy of its own protection; the limit is one or two levels
/// above it, seldom more, and somebody else is below the limit.
Arena draw_arena(const Ground& ground, const Constraints& constraints) {
  const Tree& tree = ground.tree;
  Arena arena{kRoot, kRoot, ground.placement.nodes};
  const auto is_leaf = [&](NodeId node) { return tree.is_leaf(node); };
  std::vector<NodeId> leaves;
  std::copy_if(arena.places.begin(), arena.places.end(), std::back_inserter(leaves), is_leaf);
  if (leaves.empty()) {
    const std::vector<NodeId> all = tree.subtree(kRoot);
    std::copy_if(all.begin(), all.end(), std::back_inserter(leaves), is_leaf);
    arena.places.back() = *one_of(leaves);
    leaves = {arena.places.back()};
  }
  arena.spared = arena.limited = *one_of(leaves);
  const int levels = *one_of(std::vector{1, 1, 1, 2, 2, 2, 3});
  for (int i = 0; i < levels && tree[arena.limited].parent != kNoParent; ++i) {
    arena.limited = tree[arena.limited].parent;
  }
  const auto is_hogs = [&](NodeId node) { return is_within(tree, arena, node); };
  const bool has_room = static_cast<int>(arena.places.size()) < constraints.max_workers;
  if (has_room && std::none_of(arena.places.begin(), arena.places.end(), is_hogs)) {
    std::vector<NodeId> below = tree.subtree(arena.limited);
    std::erase(below, arena.spared);
    if (!below.empty()) arena.places.push_back(*one_of(below));
  }
  return arena;
}

/// Puts all others below the limit into one or two groups below a child of the limited group that is none of
/// the spared one's. False, and nothing done, if there is no room for that.
bool draw_usurpers(Tree& tree, Arena& arena, const Constraints& constraints) {
  constexpr int kMostNew = 3;
  if (arena.spared == arena.limited) return false;
  const NodeId limited = tree[arena.spared].parent;
  const bool has_room = tree.size() + kMostNew <= constraints.max_nodes &&
                        tree.depth(limited) + 2 <= constraints.max_depth &&
                        static_cast<int>(tree.children(limited).size()) < constraints.max_children;
  if (!has_room || constraints.max_workers < 2) return false;
  arena.limited = limited;
  std::erase_if(arena.places, [&](NodeId node) { return is_within(tree, arena, node); });
  arena.places.resize(
      std::min<size_t>(arena.places.size(), static_cast<size_t>(constraints.max_workers) - 1));
  const NodeId parent = add_child(tree, limited, *name_gen());
  const int count = std::min({constraints.max_workers - static_cast<int>(arena.places.size()),
                              constraints.max_children, *uniform(1, kMostNew - 1)});
  for (int i = 0; i < count; ++i) arena.places.push_back(add_child(tree, parent, *name_gen()));
  return true;
}

MemoryHog hog_of(int64_t bytes, const Constraints& constraints) {
  // Without swap only page cache can be reclaimed.
  std::vector<MemoryKind> kinds{MemoryKind::File};
  if (constraints.machine.swap_bytes > 0) kinds.push_back(MemoryKind::Anonymous);
  MemoryHog hog = *memory_hog_gen(bytes, kinds);
  hog.hold = true;
  return hog;
}

/// What is charged to a group besides what its one worker touches: overhead, and what each CPU has in stock.
int64_t besides_bytes(const Constraints& constraints) {
  return 2 * kWorkerOverheadBytes + static_cast<int64_t>(constraints.machine.cpus.size()) * (272 << 10);
}

Amount protection_of(Style style, int64_t bytes, const Constraints& constraints) {
  const int64_t all = bytes + besides_bytes(constraints);
  if (style == Style::Partial) return {*uniform(bytes / 2, bytes)};
  return {*chance(80) ? *uniform(all, all + all / 4) : *log_uniform(all, 8 * all)};
}

/// On the nodes between the limit and the place: as much as the children claim, or less.
void protect_between(Tree& tree, const Arena& arena, Style style, Knob knob) {
  for (NodeId node = tree[arena.spared].parent; node != kNoParent && node != arena.limited;
       node = tree[node].parent) {
    int64_t claimed = 0;
    for (const NodeId child : tree.children(node)) claimed += amount(tree[child].limits, knob).value_or(0);
    const bool is_short = style == Style::Overcommitted || *chance(5);
    tree[node].limits[knob] = Amount{is_short ? *uniform(claimed / 2, claimed) : claimed};
  }
}

/// Siblings that claim something, too.
void protect_siblings(Tree& tree, const Arena& arena, Style style, Knob knob, int64_t bytes) {
  const int percent = style == Style::Overcommitted ? 100 : 15;
  const NodeId parent = tree[arena.spared].parent;
  if (parent == kNoParent) return;
  for (const NodeId sibling : tree.children(parent)) {
    if (sibling != arena.spared && *chance(percent)) {
      tree[sibling].limits[knob] = Amount{*log_uniform(256 << 10, bytes)};
    }
  }
}

void protect(Tree& tree, const Arena& arena, Style style, int64_t bytes, const Constraints& constraints) {
  const Knob knob = style == Style::Partial || *chance(40) ? Knob::MemoryMin : Knob::MemoryLow;
  // A min that leaves nothing to reclaim kills; a low gives way.
  const Knob own = style == Style::Exhausted ? Knob::MemoryLow : knob;
  tree[arena.spared].limits[own] = protection_of(style, bytes, constraints);
  protect_siblings(tree, arena, style, own, bytes);
  protect_between(tree, arena, style, own);
}

/// Who sits below another child of the limited group claims all that it wants, of which its parent has next
/// to nothing.
void claim(Scenario& scenario, const Arena& arena) {
  const Knob knob =
      scenario.tree[arena.spared].limits.contains(Knob::MemoryMin) ? Knob::MemoryMin : Knob::MemoryLow;
  for (const Worker& worker : scenario.workers) {
    if (!is_within(scenario.tree, arena, worker.node)) continue;
    const int64_t wanted = std::get<MemoryHog>(worker.workload).bytes;
    scenario.tree[worker.node].limits[knob] = Amount{*uniform(wanted, 2 * wanted)};
    scenario.tree[scenario.tree[worker.node].parent].limits[knob] = Amount{*log_uniform(4096, 256 << 10)};
  }
}

int64_t draw_limit(Style style, int64_t spared, int64_t workers, const Constraints& constraints) {
  if (style == Style::Exhausted) return spared / 4 * 3 + (workers - 1) * kWorkerOverheadBytes;
  return spared + workers * besides_bytes(constraints) + *log_uniform(kMiB, 3 * kMiB);  // room for the hogs
}

Scenario draw_memory_protection(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 4, 1);
  Scenario scenario = begun_on(ground);
  Tree& tree = scenario.tree;
  Arena arena = draw_arena(ground, constraints);
  Style style = draw_style();
  if (style == Style::Usurped && !draw_usurpers(tree, arena, constraints)) style = Style::Sheltered;
  const auto workers = static_cast<int64_t>(arena.places.size());
  const int64_t spared = *log_uniform(2 * kMiB, 6 * kMiB);
  const int64_t limit = draw_limit(style, spared, workers, constraints);
  tree[arena.limited].limits[Knob::MemoryMax] = Amount{limit / 4096 * 4096};
  protect(tree, arena, style, spared, constraints);
  const int64_t hogs = std::count_if(arena.places.begin(), arena.places.end(),
                                     [&](NodeId node) { return is_within(tree, arena, node); });
  // Half of the limit's excess at least, so that much more than the hogs' room has to be reclaimed.
  const int64_t most = (constraints.max_memory_bytes - spared) / std::max<int64_t>(hogs, 1);
  for (const NodeId node : arena.places) {
    if (node == arena.spared) {
      scenario.workers.push_back({node, hog_of(spared, constraints)});
    } else if (is_within(tree, arena, node)) {
      const int64_t bytes = limit / hogs + *log_uniform(2 * kMiB, 8 * kMiB);
      scenario.workers.push_back({node, hog_of(std::min(most, bytes), constraints)});
    } else {
      scenario.workers.push_back({node, Idle{}});
    }
  }
  if (style == Style::Usurped) claim(scenario, arena);
  scenario.window = settled_window(constraints);
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::MemoryMax, Knob::MemorySwapMax, Knob::MemoryHigh, Knob::MemoryLow, Knob::MemoryMin,
                    Knob::MemoryOomGroup, Knob::CpuMax, Knob::CpuIdle, Knob::Freeze, Knob::IoMax});
  tree = *with_company(tree, menu, constraints);
  return finished(std::move(scenario), constraints);
}

/// Protection that some groups have only later, in place of other or none.
void protect_later(Scenario& scenario, const MachineFacts& machine, int64_t at_us) {
  Tree& tree = scenario.tree;
  for (NodeId node = 0; node < tree.size(); ++node) {
    for (const Knob knob : {Knob::MemoryMin, Knob::MemoryLow}) {
      const auto drawn = get<Amount>(tree[node].limits, knob);
      if (!drawn || !*chance(60)) continue;
      tree[node].limits.erase(knob);
      if (*chance(40)) tree[node].limits[knob] = Amount{*log_uniform(4096, 16 * kMiB)};
      add_change(scenario, {at_us, Action::Kind::SetLimit, node, knob, *drawn}, machine);
    }
  }
}

/// All touch their memory while nothing limits it. Then protection is set, and then what made memory short
/// from the start in the scenario as drawn.
Scenario draw_memory_protection_change(const Constraints& constraints) {
  const MachineFacts& machine = constraints.machine;
  Scenario scenario = draw_memory_protection(constraints);
  const Tree drawn = scenario.tree;
  for (Node& node : scenario.tree.nodes) node.limits.erase(Knob::MemoryMax);
  const int64_t touched_us = std::min(touched_after_us(scenario), constraints.max_window_us - 100'000);
  int64_t at_us = *chance(50) ? touched_us : 1'000 * *uniform<int64_t>(1, 20);
  protect_later(scenario, machine, at_us);
  at_us = touched_us + 1'000 * *uniform<int64_t>(5, 30);
  for (NodeId node = 0; node < drawn.size(); ++node) {
    const auto limit = get<Amount>(drawn[node].limits, Knob::MemoryMax);
    if (!limit) continue;
    if (*chance(30)) scenario.tree[node].limits[Knob::MemoryMax] = Amount{constraints.max_memory_bytes};
    add_change(scenario, {at_us, Action::Kind::SetLimit, node, Knob::MemoryMax, *limit}, machine);
  }
  scenario.window = fixed_window(static_cast<double>(at_us + 50'000), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> memory_protection_change_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_memory_protection_change(constraints); })
      .as("memory_protection_change");
}

rc::Gen<Scenario> memory_protection_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_memory_protection(constraints); }).as("memory_protection");
}

}  // namespace treeline

#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/units.h"

namespace treeline {

namespace {

/// A second place below the group, so that there is somebody to be killed along: at the same node if need be.
std::vector<NodeId> draw_places(const Ground& ground) {
  std::vector<NodeId> places = ground.placement.nodes;
  if (ground.below.size() < 2) places.push_back(*one_of(ground.tree.subtree(ground.target)));
  return places;
}

Scenario draw_oom_group(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 3);
  Scenario scenario = begun_on(ground);
  Tree& tree = scenario.tree;
  const std::vector<NodeId> places = draw_places(ground);
  const auto workers = static_cast<int64_t>(places.size());
  // The demand may be twice the limit, and the others take something, too.
  const int64_t least = std::max(4 * kMiB, 4 * workers * kWorkerOverheadBytes);
  const int64_t most = std::min(std::max(16 * kMiB, 4 * workers * kMiB), constraints.max_memory_bytes / 3);
  const int64_t limit = *log_uniform(least, std::max(least, most));
  tree[ground.target].limits[Knob::MemoryOomGroup] = Amount{*chance(90) ? 1 : 0};
  // The limit that is hit is the group's own, or one above.
  const NodeId limited = *chance(60) ? ground.target : *one_of(tree.lineage(ground.target));
  tree[limited].limits[Knob::MemoryMax] = Amount{limit};
  // What may be swapped out need not be killed.
  if (constraints.machine.swap_bytes > 0) tree[limited].limits[Knob::MemorySwapMax] = Amount{0};
  // Often the flag is on another level, too: the highest below the limit decides.
  if (*chance(60)) tree[*one_of(tree.lineage(ground.below.front()))].limits[Knob::MemoryOomGroup] = Amount{1};
  bool is_first = true;
  for (const NodeId node : places) {
    const bool is_below = tree.is_in_subtree(node, ground.target);
    if (is_below && std::exchange(is_first, false)) {
      const bool over = *chance(90);
      const int64_t demand = *memory_demand_gen(limit, static_cast<int>(workers), over);
      MemoryHog hog = *memory_hog_gen(demand, {MemoryKind::Anonymous, MemoryKind::Shared});
      hog.hold = true;
      scenario.workers.push_back({node, hog});
      continue;
    }
    const Workload small = *memory_hog_gen(*log_uniform(64 << 10, 512 << 10), {MemoryKind::Anonymous});
    scenario.workers.push_back({node, *chance(50) ? small : Workload(Idle{})});
  }
  return finished_memory(std::move(scenario), constraints);
}

/// All touch their memory while nothing limits it. Then flags are set or taken, and then the limit.
Scenario draw_oom_group_change(const Constraints& constraints) {
  const MachineFacts& machine = constraints.machine;
  Scenario scenario = draw_oom_group(constraints);
  const Tree drawn = scenario.tree;
  for (Node& node : scenario.tree.nodes) node.limits.erase(Knob::MemoryMax);
  int64_t at_us = std::min(touched_after_us(scenario), constraints.max_window_us - 200'000);
  for (NodeId node = 0; node < drawn.size(); ++node) {
    const auto flag = amount(drawn[node].limits, Knob::MemoryOomGroup);
    if (!flag || !*chance(80)) continue;
    scenario.tree[node].limits.erase(Knob::MemoryOomGroup);
    if (*flag == 0) scenario.tree[node].limits[Knob::MemoryOomGroup] = Amount{1};
    add_change(scenario, {at_us, Action::Kind::SetLimit, node, Knob::MemoryOomGroup, Amount{flag}}, machine);
    if (*chance(50)) at_us += 1'000 * *uniform<int64_t>(1, 10);
  }
  for (NodeId node = 0; node < drawn.size(); ++node) {
    const auto limit = get<Amount>(drawn[node].limits, Knob::MemoryMax);
    if (limit) add_change(scenario, {at_us, Action::Kind::SetLimit, node, Knob::MemoryMax, *limit}, machine);
  }
  scenario.window = fixed_window(static_cast<double>(at_us + 30'000), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> oom_group_change_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_oom_group_change(constraints); }).as("oom_group_change");
}

rc::Gen<Scenario> oom_group_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_oom_group(constraints); }).as("oom_group");
}

}  // namespace treeline

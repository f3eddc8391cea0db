#include <algorithm>

#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/rules.h"
#include "model/units.h"

namespace treeline {

namespace {

/// Kinds that may occur: mostly those that cannot be reclaimed without swap, so that too much of them must
/// kill.
std::vector<MemoryKind> draw_kinds() {
  const int style = *uniform(0, 99);
  if (style < 55) return {MemoryKind::Anonymous};
  if (style < 75) return {MemoryKind::Anonymous, MemoryKind::Shared};
  if (style < 85) return {MemoryKind::Shared};
  if (style < 92) return {MemoryKind::File};
  return {MemoryKind::Anonymous, MemoryKind::File, MemoryKind::Shared};
}

int64_t draw_limit(int workers, const Constraints& constraints) {
  // Room for every worker's own needs twice over, and as much again to hold something.
  const int64_t least = std::max(2 * kMiB, int64_t{4} * workers * kWorkerOverheadBytes);
  const int64_t most = std::max(least, std::min(64 * kMiB, constraints.max_memory_bytes / 3));
  const int64_t usual = std::clamp<int64_t>(16 * kMiB, least, most);
  const int64_t limit = *log_uniform(least, *chance(80) ? usual : most);
  return *chance(50) ? limit : std::max(least, limit / kMiB * kMiB);
}

/// Limits of other nodes: none below what half of the target's workers need, so that these still live.
void draw_other_limits(Tree& tree, NodeId target, int64_t limit, const Constraints& constraints) {
  const int percent = *one_of(std::vector{0, 0, 25, 50});
  for (NodeId node = 0; node < tree.size(); ++node) {
    if (node == target || !*chance(percent)) continue;
    const bool is_ancestor = tree.is_in_subtree(target, node);
    const int64_t least = is_ancestor && *chance(70) ? 2 * limit : std::max(4 * kMiB, limit / 2);
    tree[node].limits[Knob::MemoryMax] = Amount{*log_uniform(least, 4 * least)};
  }
  if (!constraints.machine.has(Knob::MemorySwapMax)) return;
  const bool has_swap = constraints.machine.swap_bytes > 0;
  // With swap about, a limit alone only moves pages out: what must kill is memory and swap together.
  const int swap_percent = has_swap ? 100 : *one_of(std::vector{0, 0, 50});
  for (Node& node : tree.nodes) {
    if (amount(node.limits, Knob::MemoryMax) && *chance(swap_percent)) {
      node.limits[Knob::MemorySwapMax] = Amount{*one_of(std::vector<int64_t>{0, 0, kMiB})};
    }
  }
}

Scenario draw_memory(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 4);
  Scenario scenario = begun_on(ground);
  const int sharers = static_cast<int>(ground.below.size());
  const int64_t limit = draw_limit(sharers, constraints);
  scenario.tree[ground.target].limits[Knob::MemoryMax] = Amount{limit};
  draw_other_limits(scenario.tree, ground.target, limit, constraints);
  const std::vector<MemoryKind> kinds = draw_kinds();
  const int64_t demand = *memory_demand_gen(limit, sharers, *chance(75));
  const auto hog = [&](int64_t bytes) {
    MemoryHog drawn = *memory_hog_gen(bytes, kinds);
    // What adds up to the demand must stay until the others have theirs.
    drawn.hold = drawn.hold || sharers > 1;
    return drawn;
  };
  share_memory(scenario, ground, demand, hog, [&] {
    const Workload small = *memory_hog_gen(*log_uniform(64 << 10, 2 * kMiB), kinds);
    return *chance(50) ? small : Workload(Idle{});
  });
  return finished_memory(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> memory_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_memory(constraints); }).as("memory");
}

}  // namespace treeline

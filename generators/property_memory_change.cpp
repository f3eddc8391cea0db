#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/units.h"

namespace treeline {

namespace {

std::vector<MemoryKind> draw_mostly_reclaimable_kinds() {
  const int style = *uniform(0, 99);
  if (style < 40) return {MemoryKind::Anonymous};
  if (style < 75) return {MemoryKind::File};
  return {MemoryKind::Anonymous, MemoryKind::File, MemoryKind::Shared};
}

/// Mostly below what is used; else above it, or none.
Amount draw_limit(int64_t used, int sharers) {
  const int64_t least = std::max(kMiB, int64_t{2} * sharers * kWorkerOverheadBytes);
  const int style = *uniform(0, 9);
  if (style == 9) return {};
  if (style >= 6) return {used + *log_uniform(4 * kMiB, 32 * kMiB)};
  return {*log_uniform(least, std::max(least, used * 3 / 4))};
}

Scenario draw_memory_change(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 3);
  Scenario scenario = begun_on(ground);
  const int sharers = static_cast<int>(ground.below.size());
  const std::vector<MemoryKind> kinds = draw_mostly_reclaimable_kinds();
  const int64_t used = std::max<int64_t>(*log_uniform(3 * kMiB, 8 * kMiB), int64_t{2} * sharers * kMiB);
  const auto hog = [&](int64_t bytes) {
    MemoryHog drawn = *memory_hog_gen(bytes, kinds);
    drawn.hold = true;
    return drawn;
  };
  share_memory(
      scenario, ground, used, hog, [] { return Idle{}; }, 256 << 10);
  if (*chance(50)) {
    scenario.tree[ground.target].limits[Knob::MemoryMax] = Amount{used + *log_uniform(4 * kMiB, 32 * kMiB)};
  }
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::MemoryMax, Knob::MemorySwapMax, Knob::MemoryHigh, Knob::MemoryOomGroup,
                    Knob::CpuMax, Knob::CpuIdle, Knob::Freeze, Knob::IoMax});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  int64_t at_us = kTouchedAfterUs;
  const int count = *uniform(1, 3);
  for (int i = 0; i < count; ++i) {
    const NodeId node = changed_node(scenario.tree, ground.target);
    add_change(scenario, {at_us, Action::Kind::SetLimit, node, Knob::MemoryMax, draw_limit(used, sharers)},
               constraints.machine);
    at_us += 1'000 * *uniform<int64_t>(10, 30);
  }
  scenario.window = fixed_window(static_cast<double>(at_us), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> memory_change_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_memory_change(constraints); }).as("memory_change");
}

}  // namespace treeline

#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/units.h"

namespace treeline {

namespace {

/// Far below what the machine has, which all share; or none.
int64_t draw_swap_max(const Constraints& constraints) {
  const int64_t most = std::max(kMiB, std::min(4 * kMiB, constraints.machine.swap_bytes / 8));
  return *chance(25) ? 0 : *log_uniform(128 << 10, most);
}

MemoryHog draw_swapped_hog(int64_t bytes) {
  MemoryHog drawn = *memory_hog_gen(bytes, {MemoryKind::Anonymous, MemoryKind::Shared});
  drawn.hold = true;
  return drawn;
}

Scenario draw_swap(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 3);
  Scenario scenario = begun_on(ground);
  const int sharers = static_cast<int>(ground.below.size());
  const int64_t memory =
      *log_uniform(std::max(2 * kMiB, int64_t{4} * sharers * kWorkerOverheadBytes), 12 * kMiB);
  const int64_t swap = draw_swap_max(constraints);
  scenario.tree[ground.target].limits[Knob::MemoryMax] = Amount{memory};
  scenario.tree[ground.target].limits[Knob::MemorySwapMax] = Amount{swap};
  const int64_t demand = *chance(70) ? memory + swap + *log_uniform(kMiB, 2 * kMiB) : memory + swap / 2;
  share_memory(scenario, ground, demand, draw_swapped_hog, [] { return Idle{}; });
  return finished_memory(std::move(scenario), constraints);
}

/// All is touched while memory.max has room. Then memory.swap.max is set, changed or lifted, and memory.max
/// lowered, once or twice, so that what does not fit goes to swap as far as that lets it.
Scenario draw_swap_change(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 3);
  Scenario scenario = begun_on(ground);
  const int sharers = static_cast<int>(ground.below.size());
  const int64_t held = std::max<int64_t>(*log_uniform(4 * kMiB, 10 * kMiB), int64_t{3} * sharers * kMiB);
  share_memory(
      scenario, ground, held, draw_swapped_hog, [] { return Idle{}; }, 256 << 10);
  if (*chance(50)) {
    scenario.tree[ground.target].limits[Knob::MemorySwapMax] = Amount{draw_swap_max(constraints)};
  }
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::MemoryMax, Knob::MemorySwapMax, Knob::MemoryHigh, Knob::MemoryLow, Knob::MemoryMin,
                    Knob::MemoryOomGroup, Knob::CpuMax, Knob::CpuIdle, Knob::Freeze, Knob::IoMax});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  int64_t at_us = std::min(touched_after_us(scenario), constraints.max_window_us - 200'000);
  int64_t limit = held;
  const int count = *uniform(1, 2);
  for (int i = 0; i < count; ++i) {
    const NodeId node = changed_node(scenario.tree, ground.target);
    const Amount swap = *chance(15) ? Amount{} : Amount{draw_swap_max(constraints)};
    add_change(scenario, {at_us, Action::Kind::SetLimit, node, Knob::MemorySwapMax, swap},
               constraints.machine);
    limit = std::max<int64_t>(limit * *uniform(30, 70) / 100, int64_t{2} * sharers * kWorkerOverheadBytes);
    if (*chance(80)) at_us += 1'000 * *uniform<int64_t>(5, 20);
    add_change(scenario, {at_us, Action::Kind::SetLimit, ground.target, Knob::MemoryMax, Amount{limit}},
               constraints.machine);
    at_us += 1'000 * *uniform<int64_t>(20, 50);
  }
  scenario.window = fixed_window(static_cast<double>(at_us), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> swap_change_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_swap_change(constraints); }).as("swap_change");
}

rc::Gen<Scenario> swap_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_swap(constraints); }).as("swap");
}

}  // namespace treeline

#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/units.h"

namespace treeline {

namespace {

/// Enough for a few sleeps (mm/memcontrol.c, calculate_high_delay) of every worker. A kernel that keeps the
/// limit always takes all of it, mostly asleep.
constexpr int64_t kWindowUs = 600'000;

/// Each worker may exceed the limit by a few batches: small limits of many workers would not be judged.
int64_t draw_high(int sharers, const Constraints& constraints) {
  // Four times the limit, and what the workers need besides, must fit the machine.
  const int64_t most = std::min(8 * kMiB, (constraints.max_memory_bytes - 6 * kMiB) / 4);
  return *log_uniform(std::min(most, std::max(2 * kMiB, int64_t{sharers} * kMiB)), most);
}

/// Slow to stop otherwise: the stop order is seen between two chunks only, and each page may cost a sleep.
MemoryHog draw_high_hog(int64_t bytes) {
  MemoryHog drawn = *memory_hog_gen(bytes, {MemoryKind::Anonymous, MemoryKind::Shared});
  drawn.hold = true;
  drawn.chunk_bytes = std::min<int64_t>(drawn.bytes, 4096);
  return drawn;
}

std::set<Knob> knobs_beside_high(const Constraints& constraints) {
  return all_knobs_but(constraints, {Knob::MemoryMax, Knob::MemoryHigh, Knob::MemorySwapMax, Knob::CpuMax,
                                     Knob::CpuIdle, Knob::Freeze, Knob::IoMax});
}

Scenario draw_memory_high(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 3);
  Scenario scenario = begun_on(ground);
  const int sharers = static_cast<int>(ground.below.size());
  const int64_t high = draw_high(sharers, constraints);
  scenario.tree[ground.target].limits[Knob::MemoryHigh] = Amount{high};
  // Mostly far more than the limit; else below it, where nothing may be held up.
  const int64_t demand = *chance(85) ? high * *uniform<int64_t>(3, 4) + sharers * kMiB : high / 2;
  share_memory(scenario, ground, demand, draw_high_hog, [] { return Idle{}; });
  scenario.window = {std::min(kWindowUs, constraints.max_window_us), true, 20'000};
  scenario.tree = *with_company(scenario.tree, knobs_beside_high(constraints), constraints);
  return finished(std::move(scenario), constraints);
}

/// Lowered, set or lifted while the workers touch their memory, which takes some ms, or while they are held
/// up.
Scenario draw_memory_high_change(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 3);
  Scenario scenario = begun_on(ground);
  const int sharers = static_cast<int>(ground.below.size());
  const bool is_held_up = *chance(40);
  if (is_held_up)
    scenario.tree[ground.target].limits[Knob::MemoryHigh] = Amount{draw_high(sharers, constraints)};
  const int64_t demand = constraints.max_memory_bytes - 6 * kMiB;
  share_memory(scenario, ground, std::min(demand, 32 * kMiB), draw_high_hog, [] { return Idle{}; });
  scenario.tree = *with_company(scenario.tree, knobs_beside_high(constraints), constraints);
  // As often as not it takes much longer, as a quota lets it.
  const bool is_slow = *chance(50);
  if (is_slow) limit_cpu(scenario, ground.target, constraints.machine);
  int64_t at_us =
      is_held_up ? 1'000 * *uniform<int64_t>(20, 100) : *log_uniform(1'000, is_slow ? 20'000 : 8'000);
  const int count = *uniform(1, 3);
  for (int i = 0; i < count; ++i) {
    const NodeId node = changed_node(scenario.tree, ground.target);
    const Amount high = *chance(20) ? Amount{} : Amount{draw_high(sharers, constraints)};
    add_change(scenario, {at_us, Action::Kind::SetLimit, node, Knob::MemoryHigh, high}, constraints.machine);
    at_us += 1'000 * *uniform<int64_t>(50, 200);
  }
  scenario.window = fixed_window(static_cast<double>(at_us), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> memory_high_change_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_memory_high_change(constraints); })
      .as("memory_high_change");
}

rc::Gen<Scenario> memory_high_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_memory_high(constraints); }).as("memory_high");
}

}  // namespace treeline

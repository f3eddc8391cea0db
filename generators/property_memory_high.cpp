#include <algorithm>

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

Scenario draw_memory_high(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 3);
  Scenario scenario = begun_on(ground);
  const int sharers = static_cast<int>(ground.below.size());
  const int64_t high = draw_high(sharers, constraints);
  scenario.tree[ground.target].limits[Knob::MemoryHigh] = Amount{high};
  // Mostly far more than the limit; else below it, where nothing may be held up.
  const int64_t demand = *chance(85) ? high * *uniform<int64_t>(3, 4) + sharers * kMiB : high / 2;
  const auto hog = [](int64_t bytes) {
    MemoryHog drawn = *memory_hog_gen(bytes, {MemoryKind::Anonymous, MemoryKind::Shared});
    drawn.hold = true;
    // The stop order is seen between two chunks only, and each page may cost a sleep.
    drawn.chunk_bytes = std::min<int64_t>(drawn.bytes, 4096);
    return drawn;
  };
  share_memory(scenario, ground, demand, hog, [] { return Idle{}; });
  scenario.window = {std::min(kWindowUs, constraints.max_window_us), true, 20'000};
  const std::set<Knob> menu =
      all_knobs_but(constraints, {Knob::MemoryMax, Knob::MemoryHigh, Knob::MemorySwapMax, Knob::CpuMax,
                                  Knob::CpuIdle, Knob::Freeze, Knob::IoMax});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> memory_high_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_memory_high(constraints); }).as("memory_high");
}

}  // namespace treeline

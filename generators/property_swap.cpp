#include <algorithm>

#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"
#include "model/units.h"

namespace treeline {

namespace {

Scenario draw_swap(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 3);
  Scenario scenario = begun_on(ground);
  const int sharers = static_cast<int>(ground.below.size());
  const int64_t memory =
      *log_uniform(std::max(2 * kMiB, int64_t{4} * sharers * kWorkerOverheadBytes), 12 * kMiB);
  // Far below what the machine has, which all share.
  const int64_t most = std::max(kMiB, std::min(4 * kMiB, constraints.machine.swap_bytes / 8));
  const int64_t swap = *chance(25) ? 0 : *log_uniform(128 << 10, most);
  scenario.tree[ground.target].limits[Knob::MemoryMax] = Amount{memory};
  scenario.tree[ground.target].limits[Knob::MemorySwapMax] = Amount{swap};
  const int64_t demand = *chance(70) ? memory + swap + *log_uniform(kMiB, 2 * kMiB) : memory + swap / 2;
  const auto hog = [](int64_t bytes) {
    MemoryHog drawn = *memory_hog_gen(bytes, {MemoryKind::Anonymous, MemoryKind::Shared});
    drawn.hold = true;
    return drawn;
  };
  share_memory(scenario, ground, demand, hog, [] { return Idle{}; });
  return finished_memory(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> swap_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_swap(constraints); }).as("swap");
}

}  // namespace treeline

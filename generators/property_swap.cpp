#include <algorithm>

#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"

namespace treeline {

namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

Scenario draw(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, 3);
  Scenario scenario;
  scenario.tree = ground.tree;
  scenario.strategy = ground.placement.strategy;
  const int sharers = static_cast<int>(ground.below.size());
  const int64_t memory =
      *log_uniform(std::max(2 * kMiB, int64_t{4} * sharers * kWorkerOverheadBytes), 12 * kMiB);
  // Far below what the machine has, which all share.
  const int64_t most = std::max(kMiB, std::min(4 * kMiB, constraints.machine.swap_bytes / 8));
  const int64_t swap = *chance(25) ? 0 : *log_uniform(128 << 10, most);
  scenario.tree[ground.target].limits[Knob::MemoryMax] = Amount{memory};
  scenario.tree[ground.target].limits[Knob::MemorySwapMax] = Amount{swap};
  const int64_t demand = *chance(70) ? memory + swap + *log_uniform(kMiB, 2 * kMiB) : memory + swap / 2;
  std::vector<int64_t> parts = *parts_of(std::max<int64_t>(demand, int64_t{4096} * sharers), sharers, 4096);
  for (const NodeId node : ground.placement.nodes) {
    if (!scenario.tree.is_in_subtree(node, ground.target)) {
      scenario.workers.push_back({node, Idle{}});
      continue;
    }
    MemoryHog hog = *memory_hog_gen(parts.back(), {MemoryKind::Anonymous, MemoryKind::Shared});
    hog.hold = true;
    scenario.workers.push_back({node, hog});
    parts.pop_back();
  }
  scenario.window = settled_window(constraints);
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::MemoryMax, Knob::MemorySwapMax, Knob::MemoryHigh, Knob::MemoryOomGroup,
                    Knob::CpuMax, Knob::CpuIdle, Knob::Freeze, Knob::IoMax});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> swap_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw(constraints); }).as("swap");
}

}  // namespace treeline

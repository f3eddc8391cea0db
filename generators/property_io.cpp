#include <algorithm>

#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"
#include "generators/workload_gen.h"

namespace treeline {

namespace {

constexpr size_t kMostIoWorkers = 3;

/// One direction or both, by bytes or operations or both: rates that a few throttle slices (HZ/10,
/// block/blk-throttle.c) show, and far below what any disk does.
IoRates draw_rates(int sharers) {
  IoRates rates;
  const int directions = *uniform(1, 3);  // 1 read, 2 write
  const int units = *uniform(1, 3);       // 1 bytes, 2 operations
  const auto bytes = [&]() -> std::optional<int64_t> {
    // Each worker's least block, a page, waits at most for its share of a tenth of a second.
    return *log_uniform(std::max<int64_t>(256 << 10, int64_t{10} * 4096 * sharers), 4 << 20);
  };
  const auto ops = [&]() -> std::optional<int64_t> { return *log_uniform(int64_t{20} * sharers, 200); };
  if (directions & 1) {
    if (units & 1) rates.read_bytes = bytes();
    if (units & 2) rates.read_ops = ops();
  }
  if (directions & 2) {
    if (units & 1) rates.write_bytes = bytes();
    if (units & 2) rates.write_ops = ops();
  }
  return rates;
}

/// Looser or independent limits on some other nodes.
void draw_other_rates(Tree& tree, NodeId target) {
  const int percent = *one_of(std::vector{0, 0, 20, 40});
  for (NodeId node = 0; node < tree.size(); ++node) {
    if (node != target && *chance(percent)) tree[node].limits[Knob::IoMax] = draw_rates(kMostIoWorkers);
  }
}

Scenario draw_io(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, kMostIoWorkers);
  Scenario scenario = begun_on(ground);
  const int sharers = static_cast<int>(ground.below.size());
  const IoRates rates = draw_rates(sharers);
  scenario.tree[ground.target].limits[Knob::IoMax] = rates;
  draw_other_rates(scenario.tree, ground.target);
  for (const NodeId node : ground.placement.nodes) {
    if (!scenario.tree.is_in_subtree(node, ground.target) && *chance(60)) {
      scenario.workers.push_back({node, Idle{}});
      continue;
    }
    IoHog hog = *io_hog_gen(rates, sharers);
    hog.direct = *chance(90);
    scenario.workers.push_back({node, hog});
  }
  scenario.window = fixed_window(static_cast<double>(*uniform<int64_t>(300, 600)) * 1'000, constraints);
  const std::set<Knob> menu = all_knobs_but(constraints, {Knob::IoMax, Knob::CpuMax, Knob::CpuIdle,
                                                          Knob::MemoryHigh, Knob::Freeze, Knob::IoWeight});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> io_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_io(constraints); }).as("io");
}

}  // namespace treeline

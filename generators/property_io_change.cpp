#include <algorithm>

#include "generators/changes_gen.h"
#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/scenario_gen.h"

namespace treeline {

namespace {

/// The lesser of each two.
IoRates tighter(const IoRates& one, const IoRates& other) {
  const auto least = [](const std::optional<int64_t>& a, const std::optional<int64_t>& b) {
    return a && b ? std::min(a, b) : std::max(a, b);
  };
  return {least(one.read_bytes, other.read_bytes), least(one.write_bytes, other.write_bytes),
          least(one.read_ops, other.read_ops), least(one.write_ops, other.write_ops)};
}

Scenario draw_io_change(const Constraints& constraints) {
  const Ground ground = *ground_gen(constraints, kMostIoWorkers);
  Scenario scenario = begun_on(ground);
  const int sharers = static_cast<int>(ground.below.size());
  const IoSides sides = draw_io_sides();
  const auto draw_change = [&] { return *chance(20) ? IoRates{} : draw_slow_rates(sides, sharers); };
  IoRates tightest;
  if (*chance(60)) {
    tightest = draw_slow_rates(sides, sharers);
    scenario.tree[ground.target].limits[Knob::IoMax] = tightest;
  }
  scenario.tree = *with_company(scenario.tree, knobs_beside_io(constraints), constraints);
  int64_t at_us = draw_io_stretch_us();
  const int count = *uniform(1, 2);
  for (int i = 0; i < count; ++i) {
    const NodeId node = changed_node(scenario.tree, ground.target);
    const IoRates rates = draw_change();
    add_change(scenario, {at_us, Action::Kind::SetLimit, node, Knob::IoMax, rates}, constraints.machine);
    tightest = tighter(tightest, rates);
    at_us += draw_io_stretch_us();
  }
  add_io_workers(scenario, ground, tightest);
  scenario.window = fixed_window(static_cast<double>(at_us), constraints);
  return finished(std::move(scenario), constraints);
}

}  // namespace

rc::Gen<Scenario> io_change_gen(const Constraints& constraints) {
  return rc::gen::exec([constraints] { return draw_io_change(constraints); }).as("io_change");
}

}  // namespace treeline

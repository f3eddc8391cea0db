#pragma once

#include <vector>

#include "compare/figures.h"
#include "generators/constraints.h"
#include "generators/transform.h"
#include "machine/machine.h"

/// Where two kernels behave differently, beyond a noise that is measured.
///
/// A deterministic machine repeats itself to the byte, so its noise has to be provoked: the scenario is run
/// with changes that mean nothing to a limit (perturbed()). Noise is what the figures do under those. The two
/// machines are given different changes, in turn, so that a kernel compared with itself is a real test: what
/// that reports is the rate of false alarms.
namespace treeline {

/// What differs in one scenario. Values are in the order of the repeats.
struct Difference {
  FigureId figure;
  std::vector<FigureValue> a;
  std::vector<FigureValue> b;
  /// Distance of the means over the larger of the two, 0 to 1 (2 if their signs differ); 1 for texts.
  double size = 0;
};

/// The scenario with its root renamed, its samples a little further apart (both cost the executor other
/// amounts of work before and in the window), and its window longer by `k` twelfths of a tick.
Scenario perturbed(const Scenario& scenario, int k, const MachineFacts& machine);

/// Numbers differ if the ranges are further apart than the wider of them is wide; texts if none of `a` is
/// among `b`. A figure that a run lacks (no such file in that kernel) is not compared.
std::vector<Difference> differences(const std::vector<Figures>& a, const std::vector<Figures>& b);

/// What is left of the differences where a limit was tightened (generators/transform.h): that the node uses
/// more of it, by more than its own bounds explain where neither limit is felt:
///  - CPU: one period's quota, and a slice and a tick on each CPU (oracle/cpu_bandwidth.h);
///  - memory: what each CPU charges ahead, 64 pages (mm/memcontrol.c, MEMCG_CHARGE_BATCH);
///  - tasks: none.
std::vector<Difference> rises(std::vector<Difference> found, const Tightened& tightened,
                              const Scenario& scenario, const MachineFacts& machine);

/// Runs the scenario kScreened times on each machine; if anything differs, kConfirmed times in all: what
/// still differs counts. The second machine gets the scenario as `transform` makes it; its figures are those
/// of the nodes that each was before.
inline constexpr int kScreened = 3;
inline constexpr int kConfirmed = 6;
Result<std::vector<Difference>> compare_scenario(Machine& a, Machine& b, const Scenario& scenario,
                                                 Transform transform = unchanged);

/// What both machines have: a scenario drawn for these facts can be run on either. InvalidInput if they do
/// not mount cgroups the same way.
Result<MachineFacts> common_facts(const MachineFacts& a, const MachineFacts& b);

}  // namespace treeline

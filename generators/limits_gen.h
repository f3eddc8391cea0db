#pragma once

#include <rapidcheck.h>

#include <set>

#include "generators/constraints.h"
#include "model/tree.h"

/// Limits that the kernel takes, by construction: they are drawn from the root down, within what the
/// ancestors leave (kernel/sched/core.c: tg_cfs_schedulable_down; kernel/cgroup/cpuset-v1.c:
/// validate_change).
namespace treeline {

/// A range of CPU time per period, in CPUs (0.5: half of one), and of the period.
struct BandwidthRange {
  double min_cpus = 0.05;
  double max_cpus = 1.0;
  int64_t min_period_us = 1'000;
  int64_t max_period_us = 1'000'000;
};

/// How hard limits press. Roomy ones are there for company: no workload of the same scenario reaches them.
enum class Pressure : uint8_t { Tight, Roomy };

/// Least memory.max that is drawn: a worker needs some 300 KiB of kernel memory before it does anything.
inline constexpr int64_t kMinMemoryMax = 1 << 20;

/// A period, mostly 1–100 ms, in whole ms as often as not.
rc::Gen<int64_t> period_gen(int64_t least_us, int64_t most_us);
/// A bandwidth in the range; if `ceiling` is given, quota/period is at most the ceiling's.
rc::Gen<CpuBandwidth> bandwidth_gen(BandwidthRange range, std::optional<CpuBandwidth> ceiling = {});
/// The cpu.max with a quota of the nearest proper ancestor that has one: on v1 a child may not exceed its
/// ratio.
std::optional<CpuBandwidth> bandwidth_above(const Tree& tree, NodeId node);

/// Which of the four rates of io.max.
struct IoSides {
  bool reads = false;
  bool writes = false;
  bool bytes = false;
  bool ops = false;
};
/// One direction or both, by bytes or operations or both.
IoSides draw_io_sides();
/// Rates that a few throttle slices (HZ/10, block/blk-throttle.c) show, for workers that share them, and far
/// below what any disk does.
IoRates draw_slow_rates(IoSides sides, int sharers);
/// Of a stretch with one rate: longer than the slices that its bound lets pass (oracle/io_max.h).
int64_t draw_io_stretch_us();

/// A non-empty subset.
rc::Gen<IdSet> subset_gen(const IdSet& of);

/// A value of `knob` for `node` that is legal below the limits of its ancestors and beside those of the node
/// itself that precede it in the table; nullopt if there is none (a burst without quota, no swap).
rc::Gen<std::optional<KnobValue>> limit_gen(const Tree& tree, NodeId node, Knob knob, Pressure pressure,
                                            const Constraints& constraints);

/// Gives each node each knob of the menu with the given chance, unless it has it. The ancestors-first order
/// only holds among the drawn ones: knobs of the menu must not be set below `node`'s in advance (cpu.max,
/// cpuset).
rc::Gen<Tree> with_limits(Tree tree, std::set<Knob> menu, int percent, Pressure pressure,
                          const Constraints& constraints);

}  // namespace treeline

#pragma once

#include <limits>
#include <span>
#include <vector>

#include "model/knob.h"

/// How the kernel divides CPU time, as pure arithmetic: hierarchical water-filling over weights, caps and
/// demand. All rates are in CPUs: 0.5 is half of one.
namespace treeline {

/// A group, or a task or several (a leaf), as its parent's run queue sees it.
struct CpuEntity {
  static constexpr double kNone = std::numeric_limits<double>::infinity();
  int parent = -1;       ///< Index of its parent, which comes before it; the first entity has none.
  double weight = 1024;  ///< In cpu.shares, above 0. With cpu.idle: 3 (sched.h, WEIGHT_IDLEPRIO).
  double cap = kNone;    ///< cpu.max: quota/period.
  double demand = 0;     ///< Of a leaf: threads · duty. A group wants what its children want.
  IdSet cpus;            ///< That its tasks may use. Of several CPUs only.
};

/// Divides `capacity` by weight; who wants less than its part gets what it wants, and what it leaves is
/// divided in the same way among the others: x_i = min(want_i, λ·w_i) with Σ x_i = min(capacity, Σ want_i).
/// This is generalized processor sharing (Parekh and Gallager 1993), from which EEVDF is never further away
/// than a request (kernel/sched/fair.c), and what cgroup-v2.rst, "Weights", says: only children that can make
/// use of the resource take part.
std::vector<double> weighted_max_min(double capacity, std::span<const double> weights,
                                     std::span<const double> wants);

/// What each entity gets of one CPU, or of the part `capacity` of it, in the long run. Exact for the fluid
/// that weights and quotas approximate: an entity below its want is always there to take its part, and one
/// with a want below its part takes all of it. A duty cycle is a demand only as long as it fits its part: a
/// hog that misses a cycle does not make up for it (executor/workload_cpu.cpp), and wants less than it says.
std::vector<double> cpu_rates(std::span<const CpuEntity> entities, double capacity = 1);

/// What an entity can get where there are several CPUs.
struct CpuRange {
  double least = 0;
  double most = 0;
};

/// On several CPUs the kernel's shares depend on how the balancer spreads tasks, so that only a range is
/// certain:
///  - most: its own cap, demand and number of CPUs, those below it, and those above it;
///  - least: one CPU, or all that it wants where that is less, if no task from outside may use its CPUs: a
///    CPU with a runnable task does not idle, and it is on some CPU. Else 0.
std::vector<CpuRange> cpu_rate_ranges(std::span<const CpuEntity> entities);

}  // namespace treeline

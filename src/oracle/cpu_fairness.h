#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// Siblings that always want one and the same CPU share their parent's service by their weights. Between two
/// samples after the warm-up, with S the parent's service and f_i = w_i/Σw of those that compete (child
/// groups by their shares; on v1 also each thread in the parent itself, 1024; on v2 its leaf proxy, which has
/// the default weight, whatever is in it):
///
///   |S_i − f_i·S| ≤ 2·q + skew + residual + rounding,     q = max(base slice, tick) + gap
///
///  - EEVDF (Stoica and Abdel-Wahab 1995; kernel/sched/fair.c, entity_eligible): the lag of an entity is at
///    most the longest request or the quantum, whichever is larger, whatever its weight. The request is the
///    base slice; the quantum a tick, and longer by the gap if one was late. Lag is measured in the parent's
///    service, so that what goes on above does not matter; it counts at both ends of the interval;
///  - skew: the counters of one sample are not read at one instant: what both samples took;
///  - load that its tasks left on another CPU before they were confined (cpu_weight.h). After the warm-up the
///    group's weight is still less by ε = 2^-8·(load left)/(load here); that takes f·(1−f)·ε of S until it is
///    gone, 32 ms/ln 2 and one more balance interval.
///
/// Where weights are changed or workers migrate while work runs, the warm-up begins anew with the last of
/// these, and what counts is who is where, with which weight, from then on: of what left a group, or was
/// reweighted (reweight_entity, propagate_entity_load_avg), no more may stay than ε says.
///
/// CFS, before 6.6, keeps the vruntime of who is reweighted. It may be ahead by a quantum at the old weight
/// (and by as much since it was placed: place_entity, START_DEBIT), which lasts until its siblings have had
/// 2·q·Σ(their weights)/(old weight) of the parent's service: only then does the interval begin.
///
/// A gap that does not last is no violation: the second half of the interval must show it, too.
/// Needs: no quota anywhere in the tree, no freeze and no kill (they would take competitors away), and of
/// several CPUs no partition (a CPU that is alone in its domain does not balance, and old load stays).
/// Conclusive if the bound is less than what ignoring the weights (or, of equal weights, halving one) would
/// do.
std::vector<Finding> judge_cpu_fairness(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

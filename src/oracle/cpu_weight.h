#pragma once

#include <cstdint>
#include <span>

#include "model/observation.h"
#include "model/scenario.h"

namespace treeline {

/// What a group weighs on one CPU (kernel/sched/fair.c, calc_group_shares): the part of its weight that its
/// load on this CPU is of its load on all,
///
///   shares = set · here / (here + elsewhere + left).
///
/// A task loads its group with 1024, a child group with its own shares on that CPU. Elsewhere counts what may
/// be on another CPU. What has been on another CPU, before it was confined or moved, leaves load there, 1024
/// for each thread and each group's first weight: it decays by half in 32 ms (PELT), but is looked at only
/// when that CPU balances, at the latest after 100 ms for each CPU (update_max_interval). Where the group's
/// load is small (cpu.idle: 3, a cpu.weight of 1: 10) its weight may thus be next to nothing for a while.
/// In v1 shares. `until` holds the scenario as it was in each stretch up to now; the last one is in force.

inline constexpr int64_t kHalfLifeNs = 32'000'000;
/// Of the load left on other CPUs 2^-8 is there at most once the warm-up is over.
inline constexpr int kHalfLives = 8;

int64_t balance_interval_ns(const Observation& observation);
/// From the start, or the last change of a weight or a place: eight half-lives and one balance interval.
int64_t warm_up_ns(const Observation& observation);

/// CFS, before 6.6, keeps the vruntime of who is reweighted, and with it the lead that a little weight gave.
bool keeps_lead(const MachineFacts& machine);

/// The most that may be left of a group's load elsewhere, from any time at which it had tasks.
double most_left(std::span<const Scenario> until, const MachineFacts& machine, NodeId group);

enum class LoadLeft { All, Decayed };
enum class Others { Run, MayStandStill };

/// The least that `group` weighs on the CPU of a thread of a worker in `node`, which is in it, while that
/// thread wants to run. Of others nothing is surely here if they may be frozen, or gone.
double least_weight(std::span<const Scenario> until, const Observation& observation, NodeId group,
                    NodeId node, LoadLeft left, Others others);
/// The same of the leaf proxy of `node`, which the thread is in.
double least_leaf_proxy_weight(std::span<const Scenario> until, const Observation& observation, NodeId node,
                               LoadLeft left, Others others);

/// The least part of that CPU that the tree gets there against all outside. The tree's root is the only child
/// of the run's owner group, which has the greatest weight there is (v1: 262144 shares, v2: a cpu.weight of
/// 10000). Beside it and beside each group above it (--cgroup-root) are at most `running_tasks` tasks of 1024
/// each, and groups, each with at most its own weight, however many tasks it runs.
double least_part_of_cpu(std::span<const Scenario> until, const Observation& observation, NodeId node,
                         LoadLeft left, Others others);

}  // namespace treeline

#pragma once

#include <rapidcheck.h>

#include <functional>

#include "generators/constraints.h"
#include "generators/placement.h"
#include "generators/property.h"
#include "generators/swarm.h"
#include "generators/tree_gen.h"
#include "model/scenario.h"

namespace treeline {

/// The property's generator as a labelled value: valid scenarios that can run on `constraints.machine`, with
/// the hand-written shrinks (generators/shrink.h) and no others. Trees grow with RapidCheck's size.
rc::Gen<Scenario> scenario_gen(const Property& property, const Constraints& constraints);

/// One function a property, each in property_<name>.cpp; without shrinks.
rc::Gen<Scenario> cpu_bandwidth_gen(const Constraints& constraints);
rc::Gen<Scenario> cpu_entitlement_gen(const Constraints& constraints);
rc::Gen<Scenario> cpu_no_throttle_gen(const Constraints& constraints);
rc::Gen<Scenario> cpu_fairness_gen(const Constraints& constraints);
rc::Gen<Scenario> cpuset_gen(const Constraints& constraints);
rc::Gen<Scenario> memory_gen(const Constraints& constraints);
rc::Gen<Scenario> pids_gen(const Constraints& constraints);
rc::Gen<Scenario> io_gen(const Constraints& constraints);
rc::Gen<Scenario> freezer_gen(const Constraints& constraints);
rc::Gen<Scenario> rules_gen(const Constraints& constraints);
rc::Gen<Scenario> mixed_gen(const Constraints& constraints);
rc::Gen<Scenario> memory_high_gen(const Constraints& constraints);
rc::Gen<Scenario> oom_group_gen(const Constraints& constraints);
rc::Gen<Scenario> swap_gen(const Constraints& constraints);
rc::Gen<Scenario> hierarchy_gen(const Constraints& constraints);
rc::Gen<Scenario> kill_gen(const Constraints& constraints);
rc::Gen<Scenario> partition_gen(const Constraints& constraints);
rc::Gen<Scenario> cpu_bandwidth_change_gen(const Constraints& constraints);
rc::Gen<Scenario> cpu_fairness_change_gen(const Constraints& constraints);
rc::Gen<Scenario> memory_change_gen(const Constraints& constraints);
rc::Gen<Scenario> memory_high_change_gen(const Constraints& constraints);
rc::Gen<Scenario> io_change_gen(const Constraints& constraints);
rc::Gen<Scenario> memory_protection_change_gen(const Constraints& constraints);
rc::Gen<Scenario> oom_group_change_gen(const Constraints& constraints);
rc::Gen<Scenario> swap_change_gen(const Constraints& constraints);
rc::Gen<Scenario> pids_change_gen(const Constraints& constraints);
rc::Gen<Scenario> cpu_migration_gen(const Constraints& constraints);
rc::Gen<Scenario> memory_migration_gen(const Constraints& constraints);
rc::Gen<Scenario> pids_migration_gen(const Constraints& constraints);
rc::Gen<Scenario> thread_migration_gen(const Constraints& constraints);
rc::Gen<Scenario> memory_protection_gen(const Constraints& constraints);
rc::Gen<Scenario> cpuset_change_gen(const Constraints& constraints);
rc::Gen<Scenario> cpu_hotplug_gen(const Constraints& constraints);
rc::Gen<Scenario> groups_gen(const Constraints& constraints);
rc::Gen<Scenario> cpu_contention_gen(const Constraints& constraints);
/// The controller can be switched, and its limits could bind: with one CPU a cpuset shows nothing, nor does
/// io.max without a disk.
bool switching_shows(const MachineFacts& machine, Controller controller);
rc::Gen<Scenario> controllers_gen(const Constraints& constraints);
rc::Gen<Scenario> refusals_gen(const Constraints& constraints);

/// What most of them start from: a tree, workers' places in it, and one of the nodes above (or at) the first
/// worker's place, whose limit the scenario is about.
struct Ground {
  Tree tree;
  Placement placement;
  NodeId target = kRoot;
  std::vector<NodeId> below;  ///< The places in the target's subtree; never empty.
};
/// The target is at depth ≥ 2 in about half of the draws, as far as the constraints allow.
rc::Gen<Ground> ground_gen(const Constraints& constraints, int max_workers, int min_depth = 0);

/// With the ground's tree and strategy, and nothing in it yet.
Scenario begun_on(const Ground& ground);

/// Limits far above what any workload of the scenario takes, on knobs of `menu` that the machine has: company
/// that must change nothing.
rc::Gen<Tree> with_company(const Tree& tree, const std::set<Knob>& menu, const Constraints& constraints);

/// Gives each worker below the target its part of `demand` bytes, `least_bytes` or more, as `hog` makes one
/// of that many, and each other place what `other` draws.
void share_memory(Scenario& scenario, const Ground& ground, int64_t demand,
                  const std::function<Workload(int64_t)>& hog, const std::function<Workload()>& other,
                  int64_t least_bytes = 4096);

inline constexpr size_t kMostIoWorkers = 3;
/// Gives each worker below the target blocks to move that `rates` bind, and the others too, or nothing to do.
void add_io_workers(Scenario& scenario, const Ground& ground, const IoRates& rates);

/// The end of a scenario about memory that runs until settled: window, company, requirements.
Scenario finished_memory(Scenario scenario, const Constraints& constraints);

/// Every knob of the machine but those given.
std::set<Knob> all_knobs_but(const Constraints& constraints, const std::set<Knob>& without);
/// Those that leave alone how hogs share a CPU, and let them run.
std::set<Knob> knobs_beside_contention(const Constraints& constraints);
/// Those that let blocks move as fast as io.max does.
std::set<Knob> knobs_beside_io(const Constraints& constraints);

/// A window of fixed length, in whole ms: `early_us`, and at most constraints.max_window_us after it.
Window fixed_window(double length_us, const Constraints& constraints, int64_t early_us = 0);
/// What tasks left on other CPUs has decayed by then, from the start on (oracle/cpu_weight.h, warm_up_ns).
int64_t warm_up_ms(const MachineFacts& machine);
/// A window that ends when all workers have settled; the deadline is generous, since it is only paid by a
/// defect.
Window settled_window(const Constraints& constraints);

/// The most tasks that can run at once in the subtree of `node`: its CPUs, or fewer threads.
int parallelism(const Scenario& scenario, NodeId node, const MachineFacts& machine);

/// Fills in what follows from the rest (requirements).
Scenario finished(Scenario scenario, const Constraints& constraints);

}  // namespace treeline

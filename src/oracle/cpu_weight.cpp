#include "oracle/cpu_weight.h"

#include <algorithm>
#include <cmath>

#include "model/kernel_range.h"
#include "model/rules.h"
#include "model/tree.h"
#include "oracle/demand.h"

namespace treeline {

namespace {

constexpr double kOwnerSharesV1 = 262'144;
constexpr int64_t kOwnerWeightV2 = 10'000;

/// Also who is idle now and then is a task when it runs.
double most_tasks(const Worker& worker) {
  return static_cast<double>(std::max<int64_t>(competing_tasks(worker.workload), 1));
}

/// On each of them it may have left its load.
double other_cpus(const MachineFacts& machine) { return std::max(machine.kernel_cpus() - 1, 1); }

/// The most that tasks and child groups weighed, of one stretch and of the next.
double weight_of_tasks(std::span<const Scenario> until, NodeId group) {
  double sum = 0;
  for (const Scenario& then : until) {
    for (const size_t i : workers_at(then, group)) sum += kTaskShares * most_tasks(then.workers[i]);
  }
  return sum;
}

double set_shares(const Scenario& scenario, NodeId group) {
  return static_cast<double>(shares_of(scenario.tree[group].limits));
}

/// A group has 1024 when it is made.
double first_or_set_shares(const Scenario& scenario, NodeId group) {
  return std::max(set_shares(scenario, group), kTaskShares);
}

double weight_of_children(std::span<const Scenario> until, NodeId group) {
  double sum = 0;
  for (const Scenario& then : until) {
    for (const NodeId child : then.tree.children(group)) {
      if (workers_in(then, child).empty()) continue;
      sum += first_or_set_shares(then, child);
    }
  }
  return sum;
}

double owner_shares(const MachineFacts& machine) {
  const bool is_v2 = machine.knob_context(Controller::Cpu).version == CgroupVersion::V2;
  return is_v2 ? static_cast<double>(shares_from_weight(kOwnerWeightV2)) : kOwnerSharesV1;
}

struct Load {
  double here = 0;
  double elsewhere = 0;
  /// calc_group_shares: the load here is the queue's weight in whole shares, and two at least.
  double part_of(double set) const {
    const double counted = std::max(std::floor(here), 2.0);
    return here > 0 ? set * counted / (counted + elsewhere) : 0;
  }
};

/// The loads of groups, seen from a thread in `node` that wants to run.
class Loads {
 public:
  Loads(std::span<const Scenario> until, const Observation& observation, NodeId node, LoadLeft left,
        Others others)
      : until_(until),
        now_(until.back()),
        machine_(observation.machine),
        observed_(observation.workers),
        node_(node),
        itself_(who_wants_to_run(now_, node)),
        remains_(std::ldexp(1, left == LoadLeft::All ? 0 : -kHalfLives) * other_cpus(machine_)) {
    const IdSet cpus = effective_cpus(now_.tree, node, machine_);
    for (size_t i = 0; i < now_.workers.size(); ++i) {
      is_here_.push_back(others == Others::Run && cpus.ids.size() == 1 && is_surely_on(cpus, i));
    }
  }

  double weight(NodeId group) const { return load_of(group).part_of(set_shares(now_, group)); }
  double weight_of_leaf_proxy(NodeId group) const { return load_of_tasks(group).part_of(kTaskShares); }
  double weight_of_owner() const {
    Load load{weight(kRoot), 0};
    if (tasks_elsewhere(workers_in(now_, kRoot)) > 0) load.elsewhere = set_shares(now_, kRoot);
    for (const Scenario& then : until_) load.elsewhere += remains_ * first_or_set_shares(then, kRoot);
    return load.part_of(owner_shares(machine_));
  }

 private:
  /// A worker in the node, a hog if there is one.
  static size_t who_wants_to_run(const Scenario& scenario, NodeId node) {
    const std::vector<size_t> workers = workers_at(scenario, node);
    const auto hog = std::find_if(workers.begin(), workers.end(),
                                  [&](size_t i) { return always_wants_cpu(scenario.workers[i].workload); });
    return hog == workers.end() ? workers.at(0) : *hog;
  }

  /// Its load is there whenever the thread's is.
  bool is_surely_on(const IdSet& cpus, size_t i) const {
    const Worker& worker = now_.workers[i];
    const std::vector<NodeId> lineage = now_.tree.lineage(worker.node);
    const WorkerObservation& seen = observed_[i];
    return always_wants_cpu(worker.workload) && seen.end == WorkerEnd::Stopped && seen.forks_refused == 0 &&
           effective_cpus(now_.tree, worker.node, machine_) == cpus &&
           std::none_of(lineage.begin(), lineage.end(), [&](NodeId above) {
             return has_quota(now_.tree[above].limits) && !now_.tree.is_in_subtree(node_, above);
           });
  }

  double tasks_here(const std::vector<size_t>& workers) const {
    double tasks = 0;
    for (const size_t i : workers)
      tasks += is_here_[i] ? most_tasks(now_.workers[i]) : (i == itself_ ? 1 : 0);
    return tasks;
  }

  double tasks_elsewhere(const std::vector<size_t>& workers) const {
    double tasks = 0;
    for (const size_t i : workers) tasks += most_tasks(now_.workers[i]);
    return tasks - tasks_here(workers);
  }

  Load load_of_tasks(NodeId group) const {
    const std::vector<size_t> workers = workers_at(now_, group);
    Load load{kTaskShares * tasks_here(workers), kTaskShares * tasks_elsewhere(workers)};
    load.elsewhere += remains_ * weight_of_tasks(until_, group);
    return load;
  }

  Load load_of(NodeId group) const {
    Load load = load_of_tasks(group);
    if (has_leaf_proxy(now_, group, machine_, Controller::Cpu)) {
      const bool is_elsewhere = tasks_elsewhere(workers_at(now_, group)) > 0;
      const double left = remains_ * kTaskShares * static_cast<double>(until_.size());
      load = {weight_of_leaf_proxy(group), (is_elsewhere ? kTaskShares : 0) + left};
    }
    for (const NodeId child : now_.tree.children(group)) {
      const std::vector<size_t> workers = workers_in(now_, child);
      if (tasks_here(workers) > 0) load.here += weight(child);
      if (tasks_elsewhere(workers) > 0) load.elsewhere += set_shares(now_, child);
    }
    load.elsewhere += remains_ * weight_of_children(until_, group);
    return load;
  }

  std::span<const Scenario> until_;
  const Scenario& now_;
  const MachineFacts& machine_;
  const std::vector<WorkerObservation>& observed_;
  NodeId node_;
  size_t itself_;   ///< A worker of `node`: one of its tasks is the thread.
  double remains_;  ///< Of what a task or group weighed: on each other CPU it may have been.
  std::vector<bool> is_here_;
};

/// A group of which nothing is known but its weight and who is beside it.
struct Level {
  double set = 0;
  double beside = 0;
  double here = 0;  ///< The least that it weighs on the CPU.

  double part() const { return here / (here + beside); }
  /// Who is beside it may be on each other CPU, and it may have been there itself.
  Level above(double cpus, double shares, double next_to_it) const {
    return {shares, next_to_it, Load{here, (cpus - 1) * (set + beside)}.part_of(shares)};
  }
};

}  // namespace

int64_t balance_interval_ns(const Observation& observation) {
  return 100'000'000 * int64_t{observation.machine.kernel_cpus()};
}

int64_t warm_up_ns(const Observation& observation) {
  return kHalfLives * kHalfLifeNs + balance_interval_ns(observation);
}

bool keeps_lead(const MachineFacts& machine) {
  static const KernelRange kCfs{std::nullopt, "6.5"};
  return kCfs.holds(machine.kernel_release);
}

double most_left(std::span<const Scenario> until, const MachineFacts& machine, NodeId group) {
  return other_cpus(machine) * (weight_of_tasks(until, group) + weight_of_children(until, group));
}

double least_weight(std::span<const Scenario> until, const Observation& observation, NodeId group,
                    NodeId node, LoadLeft left, Others others) {
  if (observation.machine.kernel_cpus() == 1) return set_shares(until.back(), group);
  return Loads(until, observation, node, left, others).weight(group);
}

double least_leaf_proxy_weight(std::span<const Scenario> until, const Observation& observation, NodeId node,
                               LoadLeft left, Others others) {
  if (observation.machine.kernel_cpus() == 1) return kTaskShares;
  return Loads(until, observation, node, left, others).weight_of_leaf_proxy(node);
}

double least_part_of_cpu(std::span<const Scenario> until, const Observation& observation, NodeId node,
                         LoadLeft left, Others others) {
  const MachineFacts& machine = observation.machine;
  const auto cpus = static_cast<double>(machine.kernel_cpus());
  const double set = owner_shares(machine);
  const double here = cpus == 1 ? set : Loads(until, observation, node, left, others).weight_of_owner();
  const double tasks = kTaskShares * observation.running_tasks;
  const double beside = tasks + static_cast<double>(observation.outside_shares);
  Level level{set, beside, here};
  double part = level.part();
  for (const GroupAbove& group : observation.groups_above) {
    level = level.above(cpus, static_cast<double>(group.shares), tasks + static_cast<double>(group.beside));
    part *= level.part();
  }
  return part;
}

}  // namespace treeline

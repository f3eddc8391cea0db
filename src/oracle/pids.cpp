#include "oracle/pids.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/controllers.h"
#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

/// Processes: what they are, and not what they fork or what threads they create.
int64_t attached_in(const Scenario& scenario, NodeId node) {
  const std::vector<size_t> workers = workers_in(scenario, node);
  return std::count_if(workers.begin(), workers.end(), [&](size_t i) {
    const std::optional<ThreadId>& id = scenario.workers[i].stands_for;
    return !id || id->thread == 0;
  });
}

/// What a node's limit lets its subtree have: nullopt if it has none.
std::optional<int64_t> tasks_allowed(const Scenario& scenario, NodeId node) {
  const std::optional<int64_t> limit = amount(scenario.tree[node].limits, Knob::PidsMax);
  if (!limit) return std::nullopt;
  return std::max(*limit, attached_in(scenario, node));
}

bool is_exceeded(const Scenario& scenario, NodeId node) {
  const auto allowed = tasks_allowed(scenario, node);
  return allowed && tasks_wanted_in(scenario, node) > *allowed;
}

/// All forks were tried, and nobody died in between and so made room.
bool forks_are_complete(const Scenario& scenario, const Observation& observation, NodeId node) {
  const std::vector<size_t> workers = workers_in(scenario, node);
  return std::all_of(workers.begin(), workers.end(), [&](size_t i) {
    const WorkerObservation& worker = observation.workers[i];
    const bool lived = worker.end == WorkerEnd::Stopped || worker.end == WorkerEnd::Finished;
    const int64_t tried = worker.forks_ok + worker.forks_refused;
    return lived && worker.first_errno == 0 && tried == tasks_wanted(scenario.workers[i].workload) - 1;
  });
}

bool has_threads(const Scenario& scenario, NodeId node) {
  const std::vector<size_t> workers = workers_in(scenario, node);
  return std::any_of(workers.begin(), workers.end(), [&](size_t i) {
    const auto* hog = std::get_if<CpuHog>(&scenario.workers[i].workload);
    return hog && hog->threads > 1;
  });
}

}  // namespace

namespace {

/// Some other pids.max is in force above or below the node.
bool other_limit_near(const Tree& tree, NodeId node) {
  for (NodeId id = 0; id < tree.size(); ++id) {
    if (id != node && tree.are_on_one_path(id, node) && amount(tree[id].limits, Knob::PidsMax)) return true;
  }
  return false;
}

/// Forks that the workers below the node surely tried between the segment's readings: progress of a storm
/// counts its tries.
int64_t tries_in(const Observation& observation, const Segment& segment, NodeId node) {
  const Scenario& scenario = segment.scenario;
  int64_t tries = 0;
  for (const size_t i : workers_in(scenario, node)) {
    if (!std::holds_alternative<ForkStorm>(scenario.workers[i].workload)) continue;
    std::optional<int64_t> first = segment.is_first ? std::optional<int64_t>(0) : std::nullopt;
    int64_t last = 0;
    for (const WorkerSample& sample : observation.workers[i].series) {
      if (sample.at_ns < segment.from_ns || sample.at_ns > segment.to_ns) continue;
      first = first.value_or(sample.progress);
      last = sample.progress;
    }
    tries += std::max<int64_t>(last - first.value_or(last), 0);
  }
  return tries;
}

/// A limit below the present count lets nobody in, and nobody has to go.
void judge_max_in(const Observation& observation, const Segment& segment, std::vector<Finding>& findings) {
  const Scenario& scenario = segment.scenario;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
    const auto limit = amount(scenario.tree[node].limits, Knob::PidsMax);
    const auto most = most_in(segment, seen, Counter::PidsCurrent);
    const int64_t attached = attached_in(scenario, node);
    if (!limit || !most || workers_in(scenario, node).empty()) continue;
    const int64_t there =
        segment.is_first ? attached : get(first_reading(segment, seen), Counter::PidsCurrent).value_or(0);
    const int64_t allowed = std::max(*limit, there);
    std::string why;
    if (there + tries_in(observation, segment, node) <= allowed) why = "no more tasks were wanted";
    if (other_limit_near(scenario.tree, node)) why = "another limit may have refused them";
    findings.push_back(at_most(
        {"pids.max", Controller::Pids, node, "tasks"}, static_cast<double>(*most),
        static_cast<double>(allowed),
        fmt::format("most tasks in {} with pids.max {} from {:.1f} ms on, when it had {}",
                    scenario.tree.path(node), *limit, static_cast<double>(segment.from_ns) / 1e6, there),
        why));
  }
}

}  // namespace

std::vector<Finding> judge_pids_max(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  if (changes(scenario, Knob::PidsMax) || migrates(scenario) || moves_groups(scenario) ||
      switches_controllers(scenario)) {
    for (const Segment& segment : segments_of(scenario, observation)) {
      judge_max_in(observation, segment, findings);
    }
    return findings;
  }
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const auto allowed = tasks_allowed(scenario, node);
    if (!allowed || workers_in(scenario, node).empty()) continue;
    const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
    if (!get(seen.after, Counter::PidsCurrent) && !get(seen.after, Counter::PidsPeak)) continue;
    int64_t most = get(seen.after, Counter::PidsCurrent).value_or(0);
    most = std::max(most, get(seen.after, Counter::PidsPeak).value_or(0));
    for (const Sample& sample : seen.series) {
      most = std::max(most, get(sample.counters, Counter::PidsCurrent).value_or(0));
    }
    const double would_have = potential(
        scenario, node,
        [&](size_t i) { return static_cast<double>(tasks_wanted(scenario.workers[i].workload)); },
        [&](NodeId id) -> std::optional<double> {
          const auto other = tasks_allowed(scenario, id);
          return other ? std::optional<double>(static_cast<double>(*other)) : std::nullopt;
        });
    std::string why;
    if (would_have <= static_cast<double>(*allowed)) why = "no more tasks were wanted";
    if (!forks_are_complete(scenario, observation, node)) why = "not all forks were tried";
    findings.push_back(at_most({"pids.max", Controller::Pids, node, "tasks"}, static_cast<double>(most),
                               static_cast<double>(*allowed),
                               fmt::format("most tasks in {} with pids.max {}", scenario.tree.path(node),
                                           *amount(scenario.tree[node].limits, Knob::PidsMax)),
                               why));
  }
  return findings;
}

namespace {

/// Of a group that wants too many tasks: exactly so many forks succeed as there is room.
std::optional<Finding> judge_full_group(const Scenario& scenario, const Observation& observation,
                                        NodeId node) {
  if (!is_exceeded(scenario, node)) return std::nullopt;
  for (NodeId other = 0; other < scenario.tree.size(); ++other) {
    const bool related = other != node && scenario.tree.are_on_one_path(other, node);
    if (related && is_exceeded(scenario, other)) return std::nullopt;
  }
  int64_t forked = 0;
  for (const size_t i : workers_in(scenario, node)) forked += observation.workers[i].forks_ok;
  const int64_t room = *tasks_allowed(scenario, node) - attached_in(scenario, node);
  std::string why;
  if (!forks_are_complete(scenario, observation, node)) why = "not all forks were tried";
  if (has_threads(scenario, node)) why = "threads that end early make room";
  Finding finding = equal_within({"pids.fork", Controller::Pids, node, "forks"}, static_cast<double>(forked),
                                 static_cast<double>(room), 0,
                                 fmt::format("forks that succeeded in {}", scenario.tree.path(node)), why);
  if (!why.empty()) finding.status = Status::Inconclusive;
  return finding;
}

}  // namespace

std::vector<Finding> judge_pids_fork(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  // Whether a fork was tried before or after a change is not known to the fork.
  if (changes(scenario, Knob::PidsMax)) return findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    if (std::optional<Finding> finding = judge_full_group(scenario, observation, node)) {
      findings.push_back(std::move(*finding));
    }
  }
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    const NodeId node = scenario.workers[i].node;
    if (tasks_wanted(scenario.workers[i].workload) < 2) continue;
    const std::vector<NodeId> lineage = scenario.tree.lineage(node);
    const bool may_refuse = std::any_of(lineage.begin(), lineage.end(),
                                        [&](NodeId above) { return is_exceeded(scenario, above); });
    const bool limited = std::any_of(lineage.begin(), lineage.end(), [&](NodeId above) {
      return tasks_allowed(scenario, above).has_value();
    });
    if (may_refuse || !limited) continue;
    findings.push_back(
        at_most({"pids.fork", Controller::Pids, node, "refused forks"},
                static_cast<double>(observation.workers[i].forks_refused), 0,
                fmt::format("worker {} in {}, above which no group is full", i, scenario.tree.path(node))));
  }
  return findings;
}

namespace {

/// Children of a worker that died may not have been reaped yet, and go between the readings of parent and
/// child. It may have been killed before it could count its last one.
bool any_left_children(const Scenario& scenario, const Observation& observation, NodeId node) {
  const std::vector<size_t> workers = workers_in(scenario, node);
  return std::any_of(workers.begin(), workers.end(), [&](size_t i) {
    const WorkerEnd end = observation.workers[i].end;
    const bool died = end == WorkerEnd::OomKilled || end == WorkerEnd::Killed;
    return died && tasks_wanted(scenario.workers[i].workload) > 1;
  });
}

/// Threads of hogs that have been joined and may still be charged: pthread_join returns at mm_release(), the
/// task is uncharged in release_task(). Between the readings of parent and child they may go, too.
int64_t ending_threads(const Scenario& scenario, const std::vector<size_t>& workers) {
  int64_t threads = 0;
  for (const size_t i : workers) {
    if (const auto* hog = std::get_if<CpuHog>(&scenario.workers[i].workload)) threads += hog->threads - 1;
  }
  return threads;
}

/// Children stay in the group in which their parent was when it forked them: of one that moved it is not
/// known how many are where.
bool was_left_by_children(const Scenario& scenario, const Observation& observation, NodeId node) {
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    if (action.kind != Action::Kind::Migrate) continue;
    const auto worker = static_cast<size_t>(action.worker);
    const bool was_here = action.node == node || scenario.workers[worker].node == node;
    if (was_here && observation.workers[worker].forks_ok > 0) return true;
  }
  return false;
}

}  // namespace

std::vector<Finding> judge_pids_conservation(const Scenario& whole, const Observation& observation) {
  const Scenario scenario = scenario_at_end(whole, observation);
  const std::set<NodeId> lacking = lacking_after(whole, Controller::Pids, whole.actions.size(),
                                                 [&](size_t i) { return was_changed(observation, i); });
  std::vector<Finding> findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const auto current = get(observation.nodes[static_cast<size_t>(node)].after, Counter::PidsCurrent);
    std::vector<NodeId> children = scenario.tree.children(node);
    // Tasks of groups without the controller are the node's own (pids_can_attach).
    const bool counts_all = !children.empty() && lacking.contains(children.front());
    if (counts_all) children.clear();
    const std::vector<size_t> own = counts_all ? workers_in(scenario, node) : workers_at(scenario, node);
    const bool all_read = std::all_of(children.begin(), children.end(), [&](NodeId child) {
      return get(observation.nodes[static_cast<size_t>(child)].after, Counter::PidsCurrent).has_value();
    });
    if (!current || !all_read) continue;
    if (workers_in(scenario, node).empty() && workers_in(whole, node).empty()) continue;
    int64_t tasks = 0;
    const auto own_threads = static_cast<double>(ending_threads(scenario, own));
    const auto all_threads = static_cast<double>(ending_threads(scenario, workers_in(scenario, node)));
    std::string why;
    if (any_left_children(scenario, observation, node)) why = "a killed worker left children";
    if (was_left_by_children(whole, observation, node)) why = "a worker that moved has children here";
    for (const size_t i : own) {
      const WorkerObservation& worker = observation.workers[i];
      const bool lived = worker.end == WorkerEnd::Stopped || worker.end == WorkerEnd::Finished;
      const bool threads_ended = std::holds_alternative<CpuHog>(scenario.workers[i].workload);
      if (lived || worker.end == WorkerEnd::Failed) tasks += 1 + (threads_ended ? 0 : worker.forks_ok);
    }
    for (const NodeId child : children) {
      tasks += *get(observation.nodes[static_cast<size_t>(child)].after, Counter::PidsCurrent);
    }
    if (!all_still(scenario, observation, node)) why = "its workers were not still when it was read";
    Finding finding = equal_within(
        {"pids.conservation", Controller::Pids, node, "tasks"}, static_cast<double>(*current),
        static_cast<double>(tasks) + own_threads / 2, all_threads - own_threads / 2,
        fmt::format("pids.current of {} against its own tasks and its children's", scenario.tree.path(node)),
        why);
    if (!why.empty()) finding.status = Status::Inconclusive;
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace treeline

#include "oracle/migration.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

#include "model/rules.h"
#include "model/threads.h"
#include "model/units.h"
#include "oracle/cpu_potential.h"
#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/memory_support.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

/// A worker's clock at one end of a segment, and how long after the groups' counters it was read at most.
struct Clock {
  int64_t cpu_ns = 0;
  int64_t late_ns = 0;
};

/// The worker's reading that belongs to a sample; nullopt if it was dead by then.
std::optional<Clock> clock_with(const WorkerObservation& worker, const Sample& sample) {
  const auto found = std::find_if(worker.series.begin(), worker.series.end(),
                                  [&](const WorkerSample& own) { return own.at_ns >= sample.at_ns; });
  if (found == worker.series.end()) return std::nullopt;
  return Clock{found->cpu_ns, found->at_ns - (sample.at_ns - sample.took_ns)};
}

std::optional<Clock> clock_at_start(const WorkerObservation& worker, const Observation& observation,
                                    const Segment& segment) {
  if (segment.is_first) return Clock{worker.attached_cpu_ns, 0};
  return clock_with(worker, observation.nodes[kRoot].series[segment.first_sample]);
}

std::optional<Clock> clock_at_end(const WorkerObservation& worker, const Observation& observation,
                                  const Segment& segment) {
  if (segment.is_last) return Clock{worker.cpu_clock_ns, 0};  // all hold still by then
  return clock_with(worker, observation.nodes[kRoot].series[segment.end_sample - 1]);
}

/// What some workers' clocks grew by in a segment.
struct Growth {
  double sum_ns = 0;
  double late_ns = 0;  ///< Of the worker that was read last, at the later end.
  bool is_known = true;
};

Growth growth_of(const std::vector<size_t>& workers, const Observation& observation, const Segment& segment) {
  Growth growth;
  for (const size_t i : workers) {
    const WorkerObservation& worker = observation.workers[i];
    const auto first = clock_at_start(worker, observation, segment);
    const auto last = clock_at_end(worker, observation, segment);
    const bool lived = worker.end == WorkerEnd::Stopped || worker.end == WorkerEnd::Finished;
    const bool has_children = tasks_wanted(segment.scenario.workers[i].workload) > 1 &&
                              !std::holds_alternative<CpuHog>(segment.scenario.workers[i].workload);
    if (!first || !last || !lived || has_children || (segment.is_last && !worker.held_still)) {
      growth.is_known = false;
      return growth;
    }
    growth.sum_ns += static_cast<double>(last->cpu_ns - first->cpu_ns);
    growth.late_ns = std::max(growth.late_ns, static_cast<double>(std::max(first->late_ns, last->late_ns)));
  }
  return growth;
}

int64_t runnable_of(const Scenario& scenario, const std::vector<size_t>& workers) {
  int64_t threads = 0;
  for (const size_t i : workers)
    threads += std::max<int64_t>(competing_tasks(scenario.workers[i].workload), 1);
  return threads;
}

double tolerance_ns(const Observation& observation, const Scenario& scenario,
                    const std::vector<size_t>& workers, double late_ns) {
  const auto running = static_cast<double>(std::min<int64_t>(
      runnable_of(scenario, workers), static_cast<int64_t>(observation.machine.cpus.size())));
  const double tick_ns =
      std::max(static_cast<double>(observation.machine.tick_ns()), max_gap_ns(observation));
  return running * (tick_ns + late_ns) + 2 * usage_rounding_ns(observation);
}

void judge_cpu_segment(const Observation& observation, const Segment& segment, const Segment& before,
                       std::vector<Finding>& findings) {
  const Tree& tree = segment.scenario.tree;
  for (NodeId node = 0; node < tree.size(); ++node) {
    const auto used = used_ns(observation, segment, node);
    std::vector<size_t> either = workers_in(segment.scenario, node);
    const Growth own = growth_of(either, observation, segment);
    const std::vector<size_t> old = workers_in(before.scenario, node);
    if (!used || old == either) continue;
    const Growth others = growth_of(old, observation, segment);
    either.insert(either.end(), old.begin(), old.end());
    std::sort(either.begin(), either.end());
    either.erase(std::unique(either.begin(), either.end()), either.end());
    const double tolerance =
        tolerance_ns(observation, segment.scenario, either, std::max(own.late_ns, others.late_ns));
    std::string why;
    if (std::fabs(own.sum_ns - others.sum_ns) <= tolerance) why = "who moved ran too little to tell";
    const bool is_known = own.is_known && others.is_known;
    if (!is_known) why = "not all of its workers' clocks could be read";
    Finding finding = equal_within(
        {"cpu.migration", Controller::Cpu, node, "ms"}, *used / 1e6, own.sum_ns / 1e6, tolerance / 1e6,
        fmt::format("CPU time of {} from {:.1f} to {:.1f} ms against its workers' clocks", tree.path(node),
                    static_cast<double>(segment.from_ns) / 1e6, static_cast<double>(segment.to_ns) / 1e6),
        why);
    if (!is_known) finding.status = Status::Inconclusive;
    findings.push_back(std::move(finding));
  }
}

}  // namespace

std::vector<Finding> judge_cpu_migration(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  if (!migrates(scenario)) return findings;
  const std::vector<Segment> segments = segments_of(scenario, observation);
  for (size_t i = 1; i < segments.size(); ++i) {
    judge_cpu_segment(observation, segments[i], segments[i - 1], findings);
  }
  return findings;
}

namespace {

/// All that the worker's memory will ever be was touched before `at_ns`, and nothing of it comes or goes.
bool is_at_rest(const Workload& workload, const WorkerObservation& seen, int64_t at_ns) {
  if (std::holds_alternative<Idle>(workload) || std::holds_alternative<CpuHog>(workload)) return true;
  const auto* hog = std::get_if<MemoryHog>(&workload);
  return hog && hog->hold && seen.settled_ns >= 0 && seen.settled_ns < at_ns &&
         (seen.end == WorkerEnd::Stopped || seen.end == WorkerEnd::Finished);
}

/// The segments that the migration ends and begins; none if a reading between is missing.
struct Around {
  const Segment* before = nullptr;
  const Segment* after = nullptr;
};

Around segments_around(const std::vector<Segment>& segments, const ActionObservation& migration) {
  for (size_t i = 1; i < segments.size(); ++i) {
    if (segments[i].change_ns == migration.started_ns) return {&segments[i - 1], &segments[i]};
  }
  return {};
}

void judge_memory_of(const Scenario& scenario, const Observation& observation, size_t action,
                     const Around& around, std::vector<Finding>& findings) {
  const Tree& tree = scenario.tree;
  const auto worker = static_cast<size_t>(scenario.actions[action].worker);
  const NodeId from = around.before->scenario.workers[worker].node;
  const NodeId to = scenario.actions[action].node;
  const bool all_rest = std::all_of(scenario.workers.begin(), scenario.workers.end(), [&](const Worker& one) {
    const auto i = static_cast<size_t>(&one - scenario.workers.data());
    return is_at_rest(one.workload, observation.workers[i], around.before->to_ns);
  });
  for (NodeId node = 0; node < tree.size(); ++node) {
    if (tree.is_in_subtree(from, node) == tree.is_in_subtree(to, node)) continue;
    const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
    const auto before = get(last_reading(*around.before, seen), Counter::MemoryCurrent);
    const auto after = get(first_reading(*around.after, seen), Counter::MemoryCurrent);
    if (!before || !after) continue;
    const int groups =
        std::min(groups_in(scenario, node, observation.machine, Controller::Memory), kStockSlots);
    const auto tolerance = static_cast<double>(groups * stock_bytes(observation));
    std::string why;
    if (static_cast<double>(observation.workers[worker].bytes_touched) <= tolerance) {
      why = "who moved held too little to tell";
    }
    if (!all_rest) why = "memory was still being touched or freed";
    Finding finding =
        equal_within(memory_subject("memory.migration", node), mib(*after), mib(*before), tolerance / kMiB,
                     fmt::format("memory of {} after worker {} has gone from {} to {} at {:.1f} ms",
                                 tree.path(node), worker, tree.path(from), tree.path(to),
                                 static_cast<double>(observation.actions[action].started_ns) / 1e6),
                     why);
    if (!all_rest) finding.status = Status::Inconclusive;
    findings.push_back(std::move(finding));
  }
}

}  // namespace

std::vector<Finding> judge_memory_migration(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  const std::vector<Segment> segments = segments_of(scenario, observation);
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    if (scenario.actions[i].kind != Action::Kind::Migrate || !was_changed(observation, i)) continue;
    const auto worker = static_cast<size_t>(scenario.actions[i].worker);
    if (!std::holds_alternative<MemoryHog>(scenario.workers[worker].workload)) continue;
    const Around around = segments_around(segments, observation.actions[i]);
    if (around.before) judge_memory_of(scenario, observation, i, around, findings);
  }
  return findings;
}

namespace {

/// A thread that its leader may not have come to create.
bool is_yet_to_begin(const Worker& worker, const WorkerObservation& seen, int64_t at_ns) {
  const bool is_thread = worker.stands_for && worker.stands_for->thread > 0;
  return is_thread && std::none_of(seen.series.begin(), seen.series.end(), [&](const WorkerSample& sample) {
           return sample.at_ns <= at_ns && sample.cpu_ns > 0;
         });
}

}  // namespace

std::vector<Finding> judge_cgroup_migration(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    const ActionObservation& seen = observation.actions[i];
    if (action.kind != Action::Kind::Migrate || seen.started_ns == ActionObservation::kNotTried) continue;
    const auto mover = static_cast<size_t>(action.worker);
    const WorkerObservation& worker = observation.workers[mover];
    const bool had_ended = worker.ended_ns <= seen.completed_ns || worker.end == WorkerEnd::NotStarted;
    const bool may_be_gone = had_ended || is_yet_to_begin(scenario.workers[mover], worker, seen.started_ns);
    const bool is_due = seen.write_errno == 0 || (seen.write_errno == ESRCH && may_be_gone);
    // Of a thread it was read which groups list it, unless it ended meanwhile.
    const bool was_read = !seen.read.empty() && seen.write_errno == 0;
    const std::string path = scenario.tree.path(action.node);
    std::string what = fmt::format("{} goes to {} at {:.1f} ms: {}", worker_name(scenario, mover), path,
                                   static_cast<double>(seen.started_ns) / 1e6, errno_name(seen.write_errno));
    if (was_read) what += fmt::format("; then it is listed in {}", seen.read);
    findings.push_back(is_true({"cgroup.migration", Controller::Core, action.node, ""},
                               is_due && (!was_read || seen.read == path), what));
  }
  return findings;
}

}  // namespace treeline

#include "oracle/thread_view.h"

namespace treeline {

namespace {

/// Of each stretch between two actions of the view; none is seen of what lies within one of the original.
std::vector<IdSet> stretches_of(const std::vector<IdSet>& seen, const ThreadView& view) {
  std::vector<IdSet> stretches;
  if (seen.empty()) return stretches;
  stretches.push_back(seen.front());
  for (size_t i = 0; i < view.action.size(); ++i) {
    const size_t of = view.action[i];
    const bool is_last = i + 1 == view.action.size() || view.action[i + 1] != of;
    stretches.push_back(is_last && of + 1 < seen.size() ? seen[of + 1] : IdSet{});
  }
  return stretches;
}

/// `own`, which began as what was seen of the whole process, becomes what was seen of the one thread.
void narrow(WorkerObservation& own, const ThreadView& view, size_t thread) {
  const ThreadObservation seen = thread < own.threads.size() ? own.threads[thread] : ThreadObservation{};
  own.cpu_clock_ns = seen.cpu_clock_ns;
  own.cpus_seen = seen.cpus_seen;
  own.cpus_by_stretch = stretches_of(seen.cpus_by_stretch, view);
  own.cpus_allowed = seen.cpus_allowed;
  for (WorkerSample& sample : own.series) {
    sample.cpu_ns = thread < sample.thread_cpu_ns.size() ? sample.thread_cpu_ns[thread] : 0;
    sample.thread_cpu_ns.clear();
  }
  own.threads.clear();
  own.forks_ok = own.forks_refused = 0;
  if (thread > 0) own.user_ns = own.system_ns = own.attached_cpu_ns = 0;
  if (seen.cpu_clock_ns < 0) own.end = WorkerEnd::NotStarted;
}

}  // namespace

ThreadRun seen_by_threads(const Scenario& scenario, const Observation& observation) {
  ThreadView view = by_threads(scenario);
  Observation seen = observation;
  seen.actions.clear();
  for (const size_t of : view.action) seen.actions.push_back(observation.actions[of]);
  for (size_t i = 0; i < view.scenario.workers.size(); ++i) {
    const std::optional<ThreadId>& id = view.scenario.workers[i].stands_for;
    if (i >= scenario.workers.size())
      seen.workers.push_back(observation.workers[static_cast<size_t>(id->worker)]);
    if (id) {
      narrow(seen.workers[i], view, static_cast<size_t>(id->thread));
    } else {
      seen.workers[i].cpus_by_stretch = stretches_of(seen.workers[i].cpus_by_stretch, view);
    }
  }
  return {std::move(view.scenario), std::move(seen)};
}

}  // namespace treeline

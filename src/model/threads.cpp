#include "model/threads.h"

#include <fmt/format.h>

#include <algorithm>

namespace treeline {

bool moves_threads(const Scenario& scenario) { return !parted_workers(scenario).empty(); }

std::set<size_t> parted_workers(const Scenario& scenario) {
  std::set<size_t> parted;
  for (const Action& action : scenario.actions) {
    if (action.kind == Action::Kind::MigrateThread) parted.insert(static_cast<size_t>(action.worker));
  }
  return parted;
}

int threads_of(const Workload& workload) {
  const auto* hog = std::get_if<CpuHog>(&workload);
  return hog ? hog->threads : 1;
}

NodeId place_of(const Scenario& scenario, ThreadId id, size_t actions,
                const std::function<bool(size_t)>& taken) {
  NodeId place = scenario.workers[static_cast<size_t>(id.worker)].node;
  for (size_t i = 0; i < actions; ++i) {
    const Action& action = scenario.actions[i];
    const bool is_its = moves_a_worker(action) && action.worker == id.worker &&
                        (action.kind == Action::Kind::Migrate || action.thread == id.thread);
    if (is_its && taken(i)) place = action.node;
  }
  return place;
}

ThreadView by_threads(const Scenario& scenario) {
  ThreadView view{scenario, {}};
  std::vector<Worker>& workers = view.scenario.workers;
  std::vector<size_t> second_thread(workers.size());  // where the threads of a worker begin
  const std::set<size_t> parted = parted_workers(scenario);
  for (const size_t i : parted) {
    const auto hog = std::get<CpuHog>(workers[i].workload);
    const int process = static_cast<int>(i);
    second_thread[i] = workers.size();
    const CpuHog one{1, hog.duty_percent, hog.cycle_us};
    workers[i].workload = one;
    workers[i].stands_for = ThreadId{process, 0};
    for (int thread = 1; thread < hog.threads; ++thread) {
      workers.push_back({scenario.workers[i].node, one, ThreadId{process, thread}});
    }
  }
  view.scenario.actions.clear();
  const auto add = [&](Action action, size_t of, size_t worker) {
    action.kind = Action::Kind::Migrate;
    action.worker = static_cast<int>(worker);
    view.scenario.actions.push_back(action);
    view.action.push_back(of);
  };
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    const auto worker = static_cast<size_t>(action.worker);
    if (!moves_a_worker(action) || !parted.contains(worker)) {
      view.scenario.actions.push_back(action);
      view.action.push_back(i);
      continue;
    }
    const auto thread = static_cast<size_t>(action.thread);
    if (action.kind == Action::Kind::MigrateThread) {
      add(action, i, second_thread[worker] + thread - 1);
      continue;
    }
    const auto threads = static_cast<size_t>(threads_of(scenario.workers[worker].workload));
    add(action, i, worker);
    for (size_t other = 1; other < threads; ++other) add(action, i, second_thread[worker] + other - 1);
  }
  return view;
}

std::string worker_name(const Scenario& scenario, size_t worker) {
  const std::optional<ThreadId>& id = scenario.workers[worker].stands_for;
  if (!id) return fmt::format("worker {}", worker);
  return fmt::format("thread {} of worker {}", id->thread, id->worker);
}

bool is_threaded(Controller controller) {
  return controller == Controller::Cpu || controller == Controller::Cpuset ||
         controller == Controller::Pids || controller == Controller::Core ||
         controller == Controller::Freezer;
}

}  // namespace treeline

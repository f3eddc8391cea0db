#include "oracle/demand.h"

#include <algorithm>
#include <iterator>

namespace treeline {

int64_t tasks_wanted(const Workload& workload) {
  if (const auto* hog = std::get_if<CpuHog>(&workload)) return hog->threads;
  if (const auto* storm = std::get_if<ForkStorm>(&workload)) return 1 + storm->forks;
  if (const auto* mixed = std::get_if<Mixed>(&workload)) return 1 + mixed->forks;
  return 1;
}

int64_t competing_tasks(const Workload& workload) {
  return std::holds_alternative<Idle>(workload) ? 0 : tasks_wanted(workload);
}

int64_t unreclaimable_bytes(const Workload& workload) {
  if (const auto* mixed = std::get_if<Mixed>(&workload)) return mixed->bytes;
  const auto* hog = std::get_if<MemoryHog>(&workload);
  return hog && hog->kind != MemoryKind::File ? hog->bytes : 0;
}

int64_t touched_bytes(const Workload& workload) {
  if (const auto* hog = std::get_if<MemoryHog>(&workload)) return hog->bytes;
  return unreclaimable_bytes(workload);
}

double cpus_wanted(const Workload& workload) {
  if (const auto* hog = std::get_if<CpuHog>(&workload)) return hog->threads * hog->duty_percent / 100.0;
  const auto* mixed = std::get_if<Mixed>(&workload);
  return mixed ? mixed->duty_percent / 100.0 : 0;
}

bool always_wants_cpu(const Workload& workload) {
  const auto* hog = std::get_if<CpuHog>(&workload);
  return hog && hog->duty_percent == 100;
}

bool holds_memory(const Workload& workload) {
  const auto* hog = std::get_if<MemoryHog>(&workload);
  return hog ? hog->hold : true;
}

std::vector<size_t> workers_in(const Scenario& scenario, NodeId top) {
  std::vector<size_t> result;
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    if (scenario.tree.is_in_subtree(scenario.workers[i].node, top)) result.push_back(i);
  }
  return result;
}

std::vector<size_t> workers_at(const Scenario& scenario, NodeId node) {
  std::vector<size_t> result;
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    if (scenario.workers[i].node == node) result.push_back(i);
  }
  return result;
}

int64_t tasks_wanted_in(const Scenario& scenario, NodeId top) {
  int64_t sum = 0;
  for (const size_t i : workers_in(scenario, top)) sum += tasks_wanted(scenario.workers[i].workload);
  return sum;
}

double potential(const Scenario& scenario, NodeId judged, const std::function<double(size_t)>& wanted,
                 const std::function<std::optional<double>(NodeId)>& cap) {
  const auto below = [&](const auto& self, NodeId node) -> double {
    double sum = 0;
    for (const size_t worker : workers_at(scenario, node)) sum += wanted(worker);
    for (const NodeId child : scenario.tree.children(node)) sum += self(self, child);
    const std::optional<double> most = node == judged ? std::nullopt : cap(node);
    return most ? std::min(sum, *most) : sum;
  };
  double result = below(below, judged);
  for (const NodeId above : scenario.tree.lineage(judged)) {
    const std::optional<double> most = above == judged ? std::nullopt : cap(above);
    if (most) result = std::min(result, *most);
  }
  return result;
}

bool all_settled(const Scenario& scenario, const Observation& observation, NodeId top) {
  const std::vector<size_t> workers = workers_in(scenario, top);
  return std::all_of(workers.begin(), workers.end(), [&](size_t i) {
    const WorkerObservation& worker = observation.workers[i];
    const bool died = worker.end == WorkerEnd::OomKilled || worker.end == WorkerEnd::Killed;
    const int64_t bytes = touched_bytes(scenario.workers[i].workload);
    if (settles(scenario.workers[i].workload)) return died || worker.settled_ns >= 0;
    return died || worker.bytes_touched >= bytes;  // Mixed
  });
}

bool all_still(const Scenario& scenario, const Observation& observation, NodeId top) {
  const std::vector<size_t> workers = workers_in(scenario, top);
  return std::all_of(workers.begin(), workers.end(), [&](size_t i) {
    const WorkerObservation& worker = observation.workers[i];
    // Held still by itself, and was killed all the same: it was on its way out.
    const bool died = worker.end == WorkerEnd::OomKilled || worker.end == WorkerEnd::Killed;
    return worker.held_still && !(died && worker.ended_ns > observation.final_at_ns);
  });
}

std::optional<int64_t> grown(const Counters& from, const Counters& to, Counter counter) {
  const std::optional<int64_t> first = get(from, counter);
  const std::optional<int64_t> last = get(to, counter);
  return first && last ? std::optional<int64_t>(*last - *first) : std::nullopt;
}

double tick_or_gap_ns(const Observation& observation, int cpu) {
  auto most = static_cast<double>(observation.machine.tick_ns());
  for (const CpuNoise& noise : observation.noise) {
    if (noise.cpu == cpu) most = std::max(most, static_cast<double>(noise.max_gap_ns));
  }
  return most;
}

std::vector<double> ticks_or_gaps_ns(const Observation& observation, const IdSet& cpus) {
  std::vector<double> ticks;
  for (const int cpu : cpus.ids) ticks.push_back(tick_or_gap_ns(observation, cpu));
  return ticks;
}

double usage_rounding_ns(const Observation& observation) {
  constexpr double kMicrosecond = 1'000;
  return observation.machine.knob_context(Controller::Cpu).version == CgroupVersion::V2 ? kMicrosecond : 0;
}

std::vector<CpuNoise> noise_on(const Observation& observation, const IdSet& cpus) {
  std::vector<CpuNoise> seen;
  std::copy_if(
      observation.noise.begin(), observation.noise.end(), std::back_inserter(seen),
      [&](const CpuNoise& noise) { return std::binary_search(cpus.ids.begin(), cpus.ids.end(), noise.cpu); });
  return seen;
}

double max_gap_ns(const Observation& observation) {
  double most = 0;
  for (const CpuNoise& noise : observation.noise) {
    most = std::max(most, static_cast<double>(noise.max_gap_ns));
  }
  return most;
}

}  // namespace treeline

#include "oracle/segments.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/controllers.h"
#include "model/rules.h"
#include "oracle/memory_support.h"

namespace treeline {

namespace {

/// The first sample all of which was read at `at_ns` or later.
size_t sample_from(const std::vector<Sample>& series, int64_t at_ns) {
  const auto found = std::find_if(series.begin(), series.end(), [at_ns](const Sample& sample) {
    return sample.at_ns - sample.took_ns >= at_ns;
  });
  return static_cast<size_t>(found - series.begin());
}

/// One behind the last sample all of which was read by `at_ns`.
size_t sample_until(const std::vector<Sample>& series, int64_t at_ns) {
  const auto found = std::find_if(series.begin(), series.end(),
                                  [at_ns](const Sample& sample) { return sample.at_ns > at_ns; });
  return static_cast<size_t>(found - series.begin());
}

}  // namespace

bool was_changed(const Observation& observation, size_t action) {
  const ActionObservation& seen = observation.actions[action];
  return seen.started_ns != ActionObservation::kNotTried && seen.write_errno == 0;
}

int64_t last_change_ns(const Scenario& scenario, const Observation& observation,
                       const std::function<bool(const Action&)>& counts) {
  int64_t last_ns = 0;
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    if (was_changed(observation, i) && counts(scenario.actions[i]))
      last_ns = std::max(last_ns, observation.actions[i].completed_ns);
  }
  return last_ns;
}

Scenario begun_in_force(const Scenario& scenario, const Observation& observation) {
  Scenario begun = scenario;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    if (memory_limit_was_refused(scenario, observation, node)) {
      begun.tree[node].limits.erase(Knob::MemoryMax);
      begun.tree[node].limits.erase(Knob::MemorySwapMax);
    }
  }
  return begun;
}

Scenario scenario_in_force(const Scenario& scenario, const Observation& observation, size_t actions) {
  return scenario_after(begun_in_force(scenario, observation), actions,
                        [&](size_t i) { return was_changed(observation, i); });
}

MachineFacts machine_in_force(const Scenario& scenario, const Observation& observation, size_t actions) {
  return machine_after(scenario, observation.machine, actions,
                       [&](size_t i) { return was_changed(observation, i); });
}

namespace {

bool begins_a_segment(const Action& action) {
  return action.kind == Action::Kind::SetLimit || action.kind == Action::Kind::Migrate ||
         action.kind == Action::Kind::Create || action.kind == Action::Kind::Remove ||
         switches_a_controller(action);
}

}  // namespace

Tree tree_in_force(const Scenario& scenario, const Observation& observation, size_t actions) {
  return scenario_in_force(scenario, observation, actions).tree;
}

Scenario scenario_at_end(const Scenario& scenario, const Observation& observation) {
  return scenario_in_force(scenario, observation, scenario.actions.size());
}

std::string span_of(const Segment& segment) {
  std::string length = fmt::format("{:.1f} ms", static_cast<double>(segment.to_ns - segment.from_ns) / 1e6);
  if (segment.is_first && segment.is_last) return length;
  return fmt::format("the {} from {:.1f} ms on", length, static_cast<double>(segment.from_ns) / 1e6);
}

std::vector<Segment> segments_of(const Scenario& scenario, const Observation& observation) {
  const std::vector<Sample>& series = observation.nodes[kRoot].series;
  std::vector<Segment> segments;
  Segment next;
  next.scenario = scenario_in_force(scenario, observation, 0);
  next.change_ns = next.from_ns = observation.first_attach_ns;
  next.is_first = true;
  const auto add = [&](int64_t to_ns, size_t end_sample) {
    next.to_ns = to_ns;
    next.end_sample = end_sample;
    const bool begins = next.is_first || next.first_sample < series.size();
    const bool ends = next.is_last || next.end_sample > next.first_sample;
    if (begins && ends) segments.push_back(next);
    next.is_first = false;
  };
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    if (!begins_a_segment(scenario.actions[i]) || !was_changed(observation, i)) continue;
    const ActionObservation& seen = observation.actions[i];
    add(seen.started_ns, sample_until(series, seen.started_ns));
    next.change_ns = seen.started_ns;
    next.scenario = scenario_in_force(scenario, observation, i + 1);
    next.first_sample = sample_from(series, seen.completed_ns);
    const bool is_read = next.first_sample < series.size();
    next.from_ns = is_read ? series[next.first_sample].at_ns - series[next.first_sample].took_ns : 0;
  }
  next.is_last = true;
  add(observation.final_at_ns, series.size());
  return segments;
}

std::vector<Segment> stretches_of(const Scenario& scenario, const Observation& observation, Knob knob) {
  if (changes(scenario, knob) || switches(scenario, knob_info(knob).controller))
    return segments_of(scenario, observation);
  Scenario still = scenario;
  still.actions.clear();
  return segments_of(still, observation);
}

int64_t grown_in(const Segment& segment, const Observation& observation, const WorkerObservation& worker,
                 int64_t WorkerSample::*figure, int64_t begun, int64_t ended) {
  int64_t first = begun;
  if (!segment.is_first) {
    const int64_t from_ns = observation.nodes[kRoot].series[segment.first_sample].at_ns;
    const auto found = std::find_if(worker.series.begin(), worker.series.end(),
                                    [=](const WorkerSample& sample) { return sample.at_ns >= from_ns; });
    if (found == worker.series.end()) return 0;
    first = (*found).*figure;
  }
  int64_t last = segment.is_last ? ended : first;
  for (const WorkerSample& sample : worker.series) {
    if (!segment.is_last && sample.at_ns <= segment.to_ns) last = sample.*figure;
  }
  return std::max<int64_t>(last - first, 0);
}

namespace {

const Counters& reading(const NodeObservation& node, size_t sample) {
  static const Counters kNone;  // of a file that was tampered with
  return sample < node.series.size() ? node.series[sample].counters : kNone;
}

}  // namespace

const Counters& first_reading(const Segment& segment, const NodeObservation& node) {
  return segment.is_first ? node.before : reading(node, segment.first_sample);
}

const Counters& last_reading(const Segment& segment, const NodeObservation& node) {
  return segment.is_last ? node.after : reading(node, segment.end_sample - 1);
}

std::optional<int64_t> most_in(const Segment& segment, const NodeObservation& node, Counter counter) {
  std::optional<int64_t> most = segment.is_last ? get(node.after, counter) : std::nullopt;
  for (size_t i = segment.first_sample; i < std::min(segment.end_sample, node.series.size()); ++i) {
    const std::optional<int64_t> value = get(node.series[i].counters, counter);
    if (value) most = std::max(most.value_or(*value), *value);
  }
  return most;
}

std::vector<std::optional<int64_t>> amounts_of(const Scenario& scenario, const Observation& observation,
                                               NodeId node, Knob knob) {
  const Tree begun = tree_in_force(scenario, observation, 0);
  std::vector<std::optional<int64_t>> amounts{amount(begun[node].limits, knob)};
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    const bool is_of_it = is_change_of(action, knob) && action.node == node;
    if (is_of_it && was_changed(observation, i)) amounts.push_back(std::get<Amount>(action.value).value);
  }
  return amounts;
}

}  // namespace treeline

#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "model/observation.h"
#include "model/scenario.h"

namespace treeline {

/// A stretch of a run in which no limit changed, no worker moved and no group or controller came or went,
/// between two readings of all counters. A run without any such action that the kernel took is one stretch.
/// The time in which a change is written belongs to none.
struct Segment {
  Scenario scenario;      ///< With the limits in force and the workers where they are; without actions.
  int64_t change_ns = 0;  ///< When the write that it begins with began; the first attach in the first one.
  int64_t from_ns = 0;    ///< Before the first reading of it began.
  int64_t to_ns = 0;      ///< After the last reading of it.
  bool is_first = false;
  bool is_last = false;
  size_t first_sample =
      0;  ///< Of NodeObservation::series: the first reading, unless it is the run's first segment.
  size_t end_sample = 0;  ///< One behind the last reading in the window.
};

/// In order of time; those for which a reading is missing are left out.
std::vector<Segment> segments_of(const Scenario& scenario, const Observation& observation);

/// The segments, if some action changes the knob or switches its controller; else the whole run as one,
/// whatever else changes in it: for what no other change touches.
std::vector<Segment> stretches_of(const Scenario& scenario, const Observation& observation, Knob knob);

/// "80.2 ms", or of one among several: "the 80.2 ms from 31.4 ms on".
std::string span_of(const Segment& segment);

/// The readings with which the segment begins and ends.
const Counters& first_reading(const Segment& segment, const NodeObservation& node);
const Counters& last_reading(const Segment& segment, const NodeObservation& node);

/// How much a worker's own figure grew between the two readings. `begun` and `ended` are its values at the
/// ends of the run. A dead worker's last reading stands.
int64_t grown_in(const Segment& segment, const Observation& observation, const WorkerObservation& worker,
                 int64_t WorkerSample::*figure, int64_t begun, int64_t ended);

/// The greatest value that any reading within the segment showed.
std::optional<int64_t> most_in(const Segment& segment, const NodeObservation& node, Counter counter);

/// The kernel took this action.
bool was_changed(const Observation& observation, size_t action);
/// When the last such change, of those that count, was over; 0 if there was none.
int64_t last_change_ns(
    const Scenario& scenario, const Observation& observation,
    const std::function<bool(const Action&)>& counts = [](const Action&) { return true; });
/// With the limits that stand, and the workers where they are, when the first `actions` actions are over:
/// those that the kernel took. Without actions.
Scenario scenario_in_force(const Scenario& scenario, const Observation& observation, size_t actions);
/// With the limits that stood before the first action, and its actions.
Scenario begun_in_force(const Scenario& scenario, const Observation& observation);
/// With the CPUs that are online by then.
MachineFacts machine_in_force(const Scenario& scenario, const Observation& observation, size_t actions);
Tree tree_in_force(const Scenario& scenario, const Observation& observation, size_t actions);
/// With the workers where the last of the migrations that the kernel took left them.
Scenario scenario_at_end(const Scenario& scenario, const Observation& observation);
/// All limits that the node had in the run, in order of time; nullopt where it had none.
std::vector<std::optional<int64_t>> amounts_of(const Scenario& scenario, const Observation& observation,
                                               NodeId node, Knob knob);

}  // namespace treeline

#include "oracle/io_max.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "oracle/cpu_potential.h"
#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

constexpr double kSliceSeconds = 0.1;

/// One of the four rates, and where its consumption can be seen.
struct Rate {
  const char* name;
  std::optional<int64_t> IoRates::*limit;
  std::optional<int64_t> IoRates::*beside;  ///< The same direction's in the other unit.
  IoDirection direction;
  bool bytes;
  Counter counter;
};
constexpr Rate kRates[] = {
    {"bytes read", &IoRates::read_bytes, &IoRates::read_ops, IoDirection::Read, true, Counter::IoReadBytes},
    {"bytes written", &IoRates::write_bytes, &IoRates::write_ops, IoDirection::Write, true,
     Counter::IoWriteBytes},
    {"reads", &IoRates::read_ops, &IoRates::read_bytes, IoDirection::Read, false, Counter::IoReadOps},
    {"writes", &IoRates::write_ops, &IoRates::write_bytes, IoDirection::Write, false, Counter::IoWriteOps}};

bool is_attributed(const IoHog& hog, IoDirection direction) {
  return hog.direction == direction && (hog.direct || direction == IoDirection::Read);
}

struct Moved {
  double moved = 0;        ///< By the workers' own count.
  double in_flight = 0;    ///< At most.
  double block_bytes = 0;  ///< The greatest block.
  double could = 0;        ///< At the speed of each worker's fastest block.
};

bool is_hierarchical(const Observation& observation) {
  return observation.machine.knob_context(Controller::Io).version == CgroupVersion::V2;
}

std::vector<size_t> workers_limited_by(const Scenario& scenario, const Observation& observation,
                                       NodeId node) {
  return is_hierarchical(observation) ? workers_in(scenario, node) : workers_at(scenario, node);
}

Moved moved_in(const Segment& segment, const Observation& observation, NodeId node, const Rate& rate) {
  Moved sum;
  const Scenario& scenario = segment.scenario;
  const auto length_ns = static_cast<double>(running_ns(observation, segment));
  for (const size_t i : workers_limited_by(scenario, observation, node)) {
    const auto* hog = std::get_if<IoHog>(&scenario.workers[i].workload);
    const WorkerObservation& worker = observation.workers[i];
    if (!hog || !is_attributed(*hog, rate.direction)) continue;
    const double unit = rate.bytes ? static_cast<double>(hog->block_bytes) : 1;
    sum.moved += unit * static_cast<double>(grown_in(segment, observation, worker, &WorkerSample::progress, 0,
                                                     worker.io_ops));
    sum.in_flight += unit;
    sum.block_bytes = std::max(sum.block_bytes, static_cast<double>(hog->block_bytes));
    if (worker.fastest_op_ns > 0) sum.could += unit * length_ns / static_cast<double>(worker.fastest_op_ns);
  }
  return sum;
}

IoRates rates_at(const Segment& segment, NodeId node) {
  return get<IoRates>(segment.scenario.tree[node].limits, Knob::IoMax).value_or(IoRates{});
}

/// What a group may have saved of the rate when a stretch begins while its work runs (io_max.h); `earlier`:
/// the stretches before it.
double saved(const Rate& rate, std::span<const Segment> earlier, const Observation& observation, NodeId node,
             const Moved& moved) {
  constexpr double kUntrimmedSeconds = 3 * kSliceSeconds;
  const double late_seconds =
      std::max(max_gap_ns(observation), static_cast<double>(observation.machine.tick_ns())) / 1e9;
  const double one_block = rate.bytes ? moved.block_bytes : 1;
  const double one_beside = rate.bytes ? 1 : moved.block_bytes;
  double most = 0;
  double owed = 0;
  for (const Segment& stretch : earlier) {
    const IoRates rates = rates_at(stretch, node);
    const auto own = static_cast<double>((rates.*rate.limit).value_or(0));
    double seconds = late_seconds + kUntrimmedSeconds;
    if (const std::optional<int64_t> other = rates.*rate.beside) {
      owed = std::max(owed, static_cast<double>(*other) * kSliceSeconds);
      seconds += (one_beside + owed) / static_cast<double>(*other);
    }
    most = std::max(most, own * seconds);
  }
  return earlier.empty() ? 0 : one_block + most;
}

void judge_rate(const Rate& rate, std::span<const Segment> until, const Observation& observation, NodeId node,
                std::vector<Finding>& findings) {
  const Segment& segment = until.back();
  const Scenario& scenario = segment.scenario;
  const std::optional<int64_t> limit = rates_at(segment, node).*rate.limit;
  const Moved moved = moved_in(segment, observation, node, rate);
  if (!limit || moved.in_flight == 0) return;
  const double seconds = static_cast<double>(segment.to_ns - segment.from_ns) / 1e9;
  const double bound = static_cast<double>(*limit) * (seconds + 2 * kSliceSeconds) + moved.in_flight +
                       saved(rate, until.first(until.size() - 1), observation, node, moved);
  const std::string why = moved.could <= 2 * bound ? "the disk may be no faster than the limit" : "";
  const Subject subject{"io.max", Controller::Io, node, rate.bytes ? "bytes" : "operations"};
  const std::string what =
      fmt::format("{} below {} at {}/s in {}", rate.name, scenario.tree.path(node), *limit, span_of(segment));
  findings.push_back(at_most(subject, moved.moved, bound, what + ", by its workers' own count", why));
  // The counter is recursive: on v1 it also has what the limit does not reach.
  if (workers_limited_by(scenario, observation, node) != workers_in(scenario, node)) return;
  const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
  const auto counted = grown(first_reading(segment, seen), last_reading(segment, seen), rate.counter);
  if (counted) {
    findings.push_back(
        at_most(subject, static_cast<double>(*counted), bound, what + ", by its counter", why));
  }
}

}  // namespace

std::vector<Finding> judge_io_max(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  const std::vector<Segment> stretches = stretches_of(scenario, observation, Knob::IoMax);
  for (size_t i = 0; i < stretches.size(); ++i) {
    const std::span<const Segment> until = std::span(stretches).first(i + 1);
    for (NodeId node = 0; node < scenario.tree.size(); ++node) {
      for (const Rate& rate : kRates) judge_rate(rate, until, observation, node, findings);
    }
  }
  return findings;
}

}  // namespace treeline

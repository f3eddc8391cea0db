#include "oracle/io_max.h"

#include <fmt/format.h>

#include <algorithm>

#include "oracle/cpu_potential.h"
#include "oracle/demand.h"
#include "oracle/finding.h"

namespace treeline {

namespace {

constexpr double kSliceSeconds = 0.1;

/// One of the four rates, and where its consumption can be seen.
struct Rate {
  const char* name;
  std::optional<int64_t> IoRates::*limit;
  IoDirection direction;
  bool bytes;
  Counter counter;
};
constexpr Rate kRates[] = {
    {"bytes read", &IoRates::read_bytes, IoDirection::Read, true, Counter::IoReadBytes},
    {"bytes written", &IoRates::write_bytes, IoDirection::Write, true, Counter::IoWriteBytes},
    {"reads", &IoRates::read_ops, IoDirection::Read, false, Counter::IoReadOps},
    {"writes", &IoRates::write_ops, IoDirection::Write, false, Counter::IoWriteOps}};

bool is_attributed(const IoHog& hog, IoDirection direction) {
  return hog.direction == direction && (hog.direct || direction == IoDirection::Read);
}

struct Moved {
  double moved = 0;      ///< By the workers' own count.
  double in_flight = 0;  ///< At most.
  double could = 0;      ///< At the speed of each worker's fastest block.
};

bool is_hierarchical(const Observation& observation) {
  return observation.machine.knob_context(Controller::Io).version == CgroupVersion::V2;
}

std::vector<size_t> workers_limited_by(const Scenario& scenario, const Observation& observation,
                                       NodeId node) {
  return is_hierarchical(observation) ? workers_in(scenario, node) : workers_at(scenario, node);
}

Moved moved_in(const Scenario& scenario, const Observation& observation, NodeId node, const Rate& rate) {
  Moved sum;
  for (const size_t i : workers_limited_by(scenario, observation, node)) {
    const auto* hog = std::get_if<IoHog>(&scenario.workers[i].workload);
    const WorkerObservation& worker = observation.workers[i];
    if (!hog || !is_attributed(*hog, rate.direction)) continue;
    const double unit = rate.bytes ? static_cast<double>(hog->block_bytes) : 1;
    sum.moved += static_cast<double>(rate.bytes ? worker.bytes_moved : worker.io_ops);
    sum.in_flight += unit;
    if (worker.fastest_op_ns > 0) {
      sum.could +=
          unit * static_cast<double>(observation.window_ns) / static_cast<double>(worker.fastest_op_ns);
    }
  }
  return sum;
}

}  // namespace

std::vector<Finding> judge_io_max(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const auto limits = get<IoRates>(scenario.tree[node].limits, Knob::IoMax);
    if (!limits) continue;
    for (const Rate& rate : kRates) {
      const std::optional<int64_t> limit = (*limits).*rate.limit;
      const Moved moved = moved_in(scenario, observation, node, rate);
      if (!limit || moved.in_flight == 0) continue;
      const double seconds = measured_ns(observation) / 1e9;
      const double bound = static_cast<double>(*limit) * (seconds + 2 * kSliceSeconds) + moved.in_flight;
      const std::string why = moved.could <= 2 * bound ? "the disk may be no faster than the limit" : "";
      const Subject subject{"io.max", Controller::Io, node, rate.bytes ? "bytes" : "operations"};
      const std::string what = fmt::format("{} below {} at {}/s in {:.0f} ms", rate.name,
                                           scenario.tree.path(node), *limit, seconds * 1e3);
      findings.push_back(at_most(subject, moved.moved, bound, what + ", by its workers' own count", why));
      const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
      // The counter is recursive: on v1 it also has what the limit does not reach.
      const bool counts_others =
          workers_limited_by(scenario, observation, node) != workers_in(scenario, node);
      const auto counted = grown(seen.before, seen.after, rate.counter);
      if (counted && !counts_others) {
        findings.push_back(
            at_most(subject, static_cast<double>(*counted), bound, what + ", by its counter", why));
      }
    }
  }
  return findings;
}

}  // namespace treeline

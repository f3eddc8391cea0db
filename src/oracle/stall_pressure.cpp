#include "oracle/stall_pressure.h"

#include <fmt/format.h>

#include <algorithm>

#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/pressure.h"

namespace treeline {

namespace {

struct Kind {
  const char* invariant;
  const char* name;
  Controller controller;
  Counter some;
  Counter full;
  bool is_memory;
};

constexpr Kind kMemory{"memory.pressure",
                       "memory",
                       Controller::Memory,
                       Counter::MemorySomePressureNs,
                       Counter::MemoryFullPressureNs,
                       true};
constexpr Kind kIo{"io.pressure", "I/O", Controller::Io, Counter::IoSomePressureNs, Counter::IoFullPressureNs,
                   false};

/// total= is in whole microseconds, and so is each end of what has grown.
constexpr double kTotalRoundingNs = 1'000;

bool asks_for_io(const Workload& workload) {
  const auto* hog = std::get_if<MemoryHog>(&workload);
  return std::holds_alternative<IoHog>(workload) || (hog && hog->kind == MemoryKind::File);
}

/// Nobody killed it. It may still have slept in a delay of memory.high when it was told to stop.
bool ran_on(const WorkerObservation& worker) {
  return worker.end == WorkerEnd::Stopped || worker.end == WorkerEnd::Finished;
}

class Judge {
 public:
  Judge(const Scenario& scenario, const Observation& observation, const Kind& kind)
      : scenario_(scenario), observation_(observation), kind_(kind) {}

  std::vector<Finding> all() {
    for (NodeId node = 0; node < scenario_.tree.size(); ++node) {
      const auto some = grown_ns(node, kind_.some);
      if (!some) continue;
      judge_full(node, *some);
      judge_most(node, *some);
      if (observation_.machine.cpus.size() != 1) continue;
      judge_parent(node, *some);
      judge_least(node, *some);
    }
    return std::move(findings_);
  }

 private:
  std::optional<double> grown_ns(NodeId node, Counter counter) const {
    const NodeObservation& seen = this->seen(node);
    const auto ns = grown(seen.before, seen.after, counter);
    return ns ? std::optional<double>(static_cast<double>(*ns)) : std::nullopt;
  }
  const NodeObservation& seen(NodeId node) const { return observation_.nodes[static_cast<size_t>(node)]; }
  Subject subject(NodeId node) const { return {kind_.invariant, kind_.controller, node, "ms"}; }
  std::string pressure_of(NodeId node) const {
    return fmt::format("{} pressure of {}", kind_.name, scenario_.tree.path(node));
  }

  void judge_full(NodeId node, double some_ns) {
    const auto full = grown_ns(node, kind_.full);
    if (!full) return;
    const bool is_one_cpu = observation_.machine.cpus.size() == 1;
    const double between_ns = is_one_cpu ? 0 : static_cast<double>(observation_.machine.tick_ns());
    const double slack_ns = kTotalRoundingNs + between_ns;
    findings_.push_back(at_most(subject(node), *full / 1e6, (some_ns + slack_ns) / 1e6,
                                fmt::format("full {} against some", pressure_of(node)),
                                some_ns <= 2 * slack_ns ? "nothing stalled" : ""));
  }

  /// nullopt: not bounded.
  std::optional<double> most_stalled_ns(size_t i) const {
    const Workload& workload = scenario_.workers[i].workload;
    const WorkerObservation& worker = observation_.workers[i];
    if (!ran_on(worker) || !worker.held_still || asks_for_io(workload)) return std::nullopt;
    if (kind_.is_memory) {
      if (!std::holds_alternative<Idle>(workload) || worker.run_delay_ns < 0) return std::nullopt;
      return static_cast<double>(worker.cpu_clock_ns + worker.run_delay_ns) + picks_ns(worker);
    }
    if (observation_.machine.swap_bytes > 0) return std::nullopt;
    const NodeId node = scenario_.workers[i].node;
    return static_cast<double>(worker.voluntary_switches) * longest_absence_ns(scenario_, observation_, node);
  }

  void judge_most(NodeId node, double some_ns) {
    double most_ns = kTotalRoundingNs;
    for (const size_t i : workers_in(scenario_, node)) {
      const auto own = most_stalled_ns(i);
      if (!own) return;
      most_ns += *own;
    }
    const bool is_wide = most_ns > static_cast<double>(observation_.window_ns) / 2;
    findings_.push_back(at_most(subject(node), some_ns / 1e6, most_ns / 1e6,
                                fmt::format("{} against what its tasks can have stalled", pressure_of(node)),
                                is_wide ? "its tasks may have stalled for too much of the window" : ""));
  }

  void judge_parent(NodeId node, double some_ns) {
    const NodeId parent = scenario_.tree[node].parent;
    if (parent == kNoParent || !all_still(scenario_, observation_, node)) return;
    const auto above = grown_ns(parent, kind_.some);
    if (!above) return;
    const double slack_ns = lost_ns(seen(parent), observation_) + 2 * kTotalRoundingNs;
    findings_.push_back(
        at_least(subject(parent), *above / 1e6, std::max(some_ns - slack_ns, 0.0) / 1e6,
                 fmt::format("{} against that of {}", pressure_of(parent), scenario_.tree.path(node)),
                 some_ns <= 2 * slack_ns ? "its child stalled too little to tell" : ""));
  }

  /// Sleeps by itself for what this judges only, until it settles or is stopped.
  bool sleeps_for_it(const Workload& workload) const {
    if (const auto* hog = std::get_if<MemoryHog>(&workload)) {
      return kind_.is_memory && hog->kind != MemoryKind::File && observation_.machine.swap_bytes == 0;
    }
    const auto* hog = std::get_if<IoHog>(&workload);
    return !kind_.is_memory && hog && hog->direct && hog->direction == IoDirection::Read;
  }

  /// What else would keep it from running.
  bool is_left_alone(NodeId node) const {
    if (!scenario_.actions.empty()) return false;
    if (kind_.is_memory) return true;
    const std::vector<NodeId> lineage = scenario_.tree.lineage(node);
    return std::none_of(lineage.begin(), lineage.end(), [&](NodeId above) {
      const Limits& limits = scenario_.tree[above].limits;
      return limits.contains(Knob::MemoryHigh) || limits.contains(Knob::MemoryMax);
    });
  }

  struct Stall {
    double slept_ns = 0;  ///< By the worker's own account.
    double sure_ns = 0;   ///< Of that, less what each switch may be off.
  };

  Stall stall_of(size_t i) const {
    const WorkerObservation& worker = observation_.workers[i];
    const Worker& drawn = scenario_.workers[i];
    if (!sleeps_for_it(drawn.workload) || !is_left_alone(drawn.node) || !ran_on(worker)) return {};
    if (worker.first_errno != 0 || worker.run_delay_ns < 0 || worker.started_ns < 0) return {};
    if (worker.wants_cpu) return {};  // the wait in which it is counts once it is over
    int64_t until_ns = std::min(observation_.window_ns, scenario_.window.length_us * 1'000);
    if (worker.settled_ns >= 0) until_ns = std::min(until_ns, worker.settled_ns);
    const auto slept_ns =
        static_cast<double>(until_ns - worker.started_ns - worker.cpu_clock_ns - worker.run_delay_ns);
    return {slept_ns, slept_ns - picks_ns(worker)};
  }

  void judge_least(NodeId node, double some_ns) {
    Stall longest;
    for (const size_t i : workers_in(scenario_, node)) {
      const Stall own = stall_of(i);
      if (own.sure_ns > longest.sure_ns) longest = own;
    }
    if (longest.slept_ns <= 0) return;
    const double sure_ns = longest.sure_ns - lost_ns(seen(node), observation_) - kTotalRoundingNs;
    findings_.push_back(at_least(subject(node), some_ns / 1e6, std::max(sure_ns, 0.0) / 1e6,
                                 fmt::format("{} against what one of its tasks slept", pressure_of(node)),
                                 2 * sure_ns <= longest.slept_ns ? "no task slept long enough to tell" : ""));
  }

  const Scenario& scenario_;
  const Observation& observation_;
  const Kind& kind_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> judge_memory_pressure(const Scenario& scenario, const Observation& observation) {
  return Judge(scenario, observation, kMemory).all();
}

std::vector<Finding> judge_io_pressure(const Scenario& scenario, const Observation& observation) {
  return Judge(scenario, observation, kIo).all();
}

}  // namespace treeline

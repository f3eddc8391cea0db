#include "oracle/cpu_stall.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "model/rules.h"
#include "model/rules_partition.h"
#include "oracle/cpu_potential.h"
#include "oracle/cpu_turn.h"
#include "oracle/cpu_weight.h"
#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

IdSet cpus_of(const Scenario& scenario, const Observation& observation, size_t worker) {
  return effective_cpus(scenario.tree, scenario.workers[worker].node, observation.machine);
}

/// What else may run on the hog's CPU.
struct Company {
  bool is_known = true;  ///< Nothing but CPU hogs and idle workers.
  bool sleeps = false;   ///< Something of it goes to sleep and comes back.
};

Company company_on(const Scenario& scenario, const Observation& observation, int cpu) {
  Company company;
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    const IdSet cpus = cpus_of(scenario, observation, i);
    if (!std::binary_search(cpus.ids.begin(), cpus.ids.end(), cpu)) continue;
    const Workload& workload = scenario.workers[i].workload;
    if (std::holds_alternative<Idle>(workload)) continue;
    if (!std::holds_alternative<CpuHog>(workload)) company.is_known = false;
    if (!always_wants_cpu(workload)) company.sleeps = true;
  }
  company.sleeps = company.sleeps || has_quota(scenario.tree, kRoot);
  return company;
}

/// All workers of the subtree may use this CPU and no other.
bool are_all_on(const Scenario& scenario, const Observation& observation, NodeId top, int cpu) {
  const std::vector<size_t> workers = workers_in(scenario, top);
  return std::all_of(workers.begin(), workers.end(),
                     [&](size_t i) { return cpus_of(scenario, observation, i) == IdSet{{cpu}}; });
}

/// Some limit above makes even a hog sleep.
bool may_sleep(const Scenario& scenario, NodeId node) {
  const std::vector<NodeId> lineage = scenario.tree.lineage(node);
  return std::any_of(lineage.begin(), lineage.end(), [&](NodeId above) {
    const Limits& limits = scenario.tree[above].limits;
    return limits.contains(Knob::MemoryHigh) || limits.contains(Knob::Freeze);
  });
}

/// What the executor leaves of the CPU while it samples.
double share_against_executor(const Segment& segment, const Observation& observation) {
  const std::vector<Sample>& series = observation.nodes[kRoot].series;
  double took_ns = 0;
  for (size_t i = segment.first_sample; i < std::min(segment.end_sample, series.size()); ++i) {
    took_ns += static_cast<double>(series[i].took_ns);
  }
  const auto length_ns = static_cast<double>(segment.to_ns - segment.from_ns);
  return std::max(1 - took_ns / std::max(length_ns, 1.0), 0.01);
}

/// What throttling adds for who uses `turn` ns before the hog runs; nullopt: nothing can be said.
std::optional<double> throttled_ns(const Scenario& scenario, const Observation& observation, NodeId node,
                                   int cpu, double turn) {
  double sum = 0;
  int quotas = 0;
  for (const NodeId above : scenario.tree.lineage(node)) {
    if (!has_quota(scenario.tree[above].limits)) continue;
    if (++quotas > 1 || !are_all_on(scenario, observation, above, cpu)) return std::nullopt;
    const auto limit = *get<CpuBandwidth>(scenario.tree[above].limits, Knob::CpuMax);
    const double debt = static_cast<double>(observation.machine.tick_ns()) + max_gap_ns(observation);
    const double throttlings = std::ceil((turn + debt) / (static_cast<double>(*limit.quota_us) * 1'000)) + 1;
    sum += throttlings * static_cast<double>(limit.period_us) * 1'000;
  }
  return sum;
}

struct Wait {
  int64_t longest_ns = 0;
  int64_t from_ns = 0;
  int64_t seen_ns = 0;     ///< From the first sample to the last.
  int64_t spacing_ns = 0;  ///< The longest time between two samples.
};

/// Whether the worker ran or waited from one sample to the next.
class Turns {
 public:
  /// How often it surely began or ended to run. It waits at first.
  int changes() const { return changes_; }

  /// `lost_ns`: what the machine may have kept from whoever ran.
  void add(int64_t ran_ns, int64_t elapsed_ns, int64_t lost_ns) {
    const bool ran = ran_ns > 0;
    const bool did_both = ran && ran_ns + lost_ns < elapsed_ns / 2;
    if (did_both || (last_ran_ && *last_ran_ != ran)) ++changes_;
    last_ran_ = did_both ? std::nullopt : std::optional(ran);
  }

 private:
  int changes_ = 0;
  std::optional<bool> last_ran_ = false;  ///< nullopt: it did both, and which last is not known.
};

/// When the worker had its `turns`-th turn from `from_ns` on, which it begins at the earliest by the last of
/// 2 · turns - 1 changes, and ran for as long as a tick: a tick weighs its groups anew (fair.c, entity_tick).
/// Behind the window if it had none.
int64_t had_turns_ns(const WorkerObservation& worker, int turns, int64_t from_ns, const Observation& seen) {
  const WorkerSample* first = nullptr;
  const WorkerSample* last = nullptr;
  Turns had;
  const auto lost_ns = static_cast<int64_t>(max_gap_ns(seen));
  for (const WorkerSample& sample : worker.series) {
    if (sample.at_ns < from_ns) continue;
    if (!first) first = &sample;
    if (last) had.add(sample.cpu_ns - last->cpu_ns, sample.at_ns - last->at_ns, lost_ns);
    const bool runs = last && sample.cpu_ns > last->cpu_ns;
    const bool was_ticked = sample.cpu_ns - first->cpu_ns >= seen.machine.tick_ns();
    if (runs && was_ticked && had.changes() >= 2 * turns - 1) return sample.at_ns;
    last = &sample;
  }
  return seen.window_ns + 1;
}

/// The longest time from `from_ns` to `to_ns` in which the worker's clock stood still.
Wait longest_wait(const WorkerObservation& worker, int64_t from_ns, int64_t to_ns) {
  Wait wait;
  const WorkerSample* last = nullptr;
  const WorkerSample* last_grown = nullptr;
  for (const WorkerSample& sample : worker.series) {
    if (sample.at_ns < from_ns || sample.at_ns > to_ns) continue;
    if (last) {
      wait.seen_ns += sample.at_ns - last->at_ns;
      wait.spacing_ns = std::max(wait.spacing_ns, sample.at_ns - last->at_ns);
    }
    last = &sample;
    if (!last_grown || sample.cpu_ns > last_grown->cpu_ns) last_grown = &sample;
    const int64_t still_ns = sample.at_ns - last_grown->at_ns;
    if (still_ns > wait.longest_ns) {
      wait.longest_ns = still_ns;
      wait.from_ns = last_grown->at_ns;
    }
  }
  return wait;
}

class StallJudge {
 public:
  StallJudge(const Scenario& whole, const Segment& segment, const Observation& observation,
             std::vector<Finding>& findings)
      : whole_(whole),
        segment_(segment),
        observation_(observation),
        share_(share_against_executor(segment, observation)),
        findings_(findings) {}

  void judge(size_t i) {
    const Scenario& scenario = segment_.scenario;
    const NodeId node = scenario.workers[i].node;
    const WorkerObservation& worker = observation_.workers[i];
    const IdSet cpus = cpus_of(scenario, observation_, i);
    if (!always_wants_cpu(scenario.workers[i].workload) || cpus.ids.size() != 1) return;
    if (worker.end != WorkerEnd::Stopped || may_sleep(scenario, node)) return;
    const Company company = company_on(scenario, observation_, cpus.ids[0]);
    if (!company.is_known) return;
    const Hog hog{i, cpus.ids[0], company.sleeps || !whole_.actions.empty() ? 2 : 1};
    judge_waits(hog, worker.started_ns, turn_ns({&scenario, 1}, observation_, node));
    if (observation_.machine.kernel_cpus() == 1 || has_partitions(scenario.tree)) return;
    const int turns = keeps_lead(observation_.machine) ? 2 : 1;
    const int64_t warm_ns = worker.started_ns + warm_up_ns(observation_);
    judge_waits(hog, had_turns_ns(worker, turns, warm_ns, observation_),
                warm_turn_ns(scenario, observation_, node));
  }

 private:
  struct Hog {
    size_t worker;
    int cpu;
    int turns;  ///< That it may wait: c.
  };

  /// Those that begin at `from_ns` or later.
  void judge_waits(const Hog& hog, int64_t from_ns, double turn) {
    const Scenario& scenario = segment_.scenario;
    const NodeId node = scenario.workers[hog.worker].node;
    const auto throttled = throttled_ns(scenario, observation_, node, hog.cpu, turn);
    if (!throttled) return;
    double bound = hog.turns * turn / share_ + max_gap_ns(observation_) + *throttled;
    if (*throttled > 0) bound += period_before_ns(whole_, segment_);
    const Wait wait = longest_wait(observation_.workers[hog.worker], std::max(segment_.from_ns, from_ns),
                                   std::min(segment_.to_ns, observation_.window_ns));
    std::string why;
    if (static_cast<double>(wait.seen_ns) < 2 * bound) why = "there was too little time for it to show";
    if (static_cast<double>(2 * wait.spacing_ns) > bound) why = "it was sampled too seldom";
    findings_.push_back(at_most(
        {"cpu.stall", Controller::Cpu, node, "ms"}, static_cast<double>(wait.longest_ns) / 1e6, bound / 1e6,
        fmt::format("longest wait of worker {} in {} for CPU {}, from {:.1f} ms on", hog.worker,
                    scenario.tree.path(node), hog.cpu, static_cast<double>(wait.from_ns) / 1e6),
        why));
  }

  const Scenario& whole_;
  const Segment& segment_;
  const Observation& observation_;
  double share_;
  std::vector<Finding>& findings_;
};

}  // namespace

std::vector<Finding> judge_cpu_stall(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  if (!observation.machine.controllers.contains(Controller::Cpu)) return findings;
  if (!std::all_of(scenario.actions.begin(), scenario.actions.end(), is_of_cpu_max)) return findings;
  for (const Segment& segment : segments_of(scenario, observation)) {
    StallJudge judge(scenario, segment, observation, findings);
    for (size_t i = 0; i < scenario.workers.size(); ++i) judge.judge(i);
  }
  return findings;
}

}  // namespace treeline

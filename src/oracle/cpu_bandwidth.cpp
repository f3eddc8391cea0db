#include "oracle/cpu_bandwidth.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/rules.h"
#include "oracle/cpu_potential.h"
#include "oracle/demand.h"
#include "oracle/finding.h"

namespace treeline {

double cpu_bandwidth_bound_ns(const CpuBandwidth& limit, int64_t burst_us, double window_ns,
                              const std::vector<double>& tick_ns_by_cpu, int64_t slice_us) {
  const double quota_ns = static_cast<double>(*limit.quota_us) * 1'000;
  const double period_ns = static_cast<double>(limit.period_us) * 1'000;
  const double periods = std::floor(window_ns / period_ns);
  const double rest_ns = window_ns - periods * period_ns;
  const auto cpus = static_cast<double>(tick_ns_by_cpu.size());
  double bound = quota_ns * (periods + 1);
  bound +=
      burst_us > 0 ? quota_ns + static_cast<double>(burst_us) * 1'000 : std::min(quota_ns, rest_ns * cpus);
  for (const double tick_ns : tick_ns_by_cpu) bound += static_cast<double>(slice_us) * 1'000 + tick_ns;
  return bound;
}

namespace {

bool period_was_scaled(const Observation& observation) {
  const auto& log = observation.health.log;
  return std::any_of(log.begin(), log.end(), [](const std::string& line) {
    return line.find("period too short, scaling up") != std::string::npos;
  });
}

template <typename Used>
std::vector<Finding> judge_all(const Scenario& scenario, const Observation& observation, const char* name,
                               const char* by, const Used& used_ns) {
  std::vector<Finding> findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const auto limit = get<CpuBandwidth>(scenario.tree[node].limits, Knob::CpuMax);
    const std::optional<double> used = used_ns(node);
    if (!limit || !limit->quota_us || !used || workers_in(scenario, node).empty()) continue;
    std::vector<double> ticks;
    for (const int cpu : effective_cpus(scenario.tree, node, observation.machine).ids) {
      ticks.push_back(tick_or_gap_ns(observation, cpu));
    }
    const int64_t burst = amount(scenario.tree[node].limits, Knob::CpuMaxBurst).value_or(0);
    const double bound = cpu_bandwidth_bound_ns(*limit, burst, measured_ns(observation), ticks,
                                                observation.machine.cfs_slice_us) +
                         usage_rounding_ns(observation);
    const Subject subject{name, Controller::Cpu, node, "ms"};
    const std::string what = fmt::format("CPU time of {} under {} in {:.1f} ms, {}", scenario.tree.path(node),
                                         describe(Knob::CpuMax, *limit), measured_ns(observation) / 1e6, by);
    const double could = cpu_potential_ns(scenario, observation, node);
    std::string why;
    if (could <= bound) {
      why = fmt::format("without the limit it would surely have used only {:.1f} ms", could / 1e6);
    }
    Finding finding = at_most(subject, *used / 1e6, bound / 1e6, what, why);
    if (period_was_scaled(observation)) {
      finding.status = Status::Inconclusive;
      finding.sentence = what + ": the kernel says that it changed quota and period";
    }
    findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace

std::vector<Finding> judge_cpu_bandwidth(const Scenario& scenario, const Observation& observation) {
  return judge_all(scenario, observation, "cpu.bandwidth", "by its counter",
                   [&](NodeId node) -> std::optional<double> {
                     const NodeObservation& seen = observation.nodes[static_cast<size_t>(node)];
                     return grown(seen.before, seen.after, Counter::CpuUsageNs);
                   });
}

std::vector<Finding> judge_cpu_bandwidth_witness(const Scenario& scenario, const Observation& observation) {
  return judge_all(
      scenario, observation, "cpu.bandwidth_witness", "by its workers' own clocks",
      [&](NodeId node) -> std::optional<double> {
        double sum = 0;
        for (const size_t i : workers_in(scenario, node)) {
          const WorkerObservation& worker = observation.workers[i];
          sum += static_cast<double>(std::max<int64_t>(worker.cpu_clock_ns - worker.attached_cpu_ns, 0));
        }
        return sum;
      });
}

}  // namespace treeline

#include "cpu_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "model/rules.h"
#include "oracle/oracle.h"

namespace treeline::cpu_test {

namespace {

MachineFacts machine_with(int cpus) {
  MachineFacts machine;
  machine.kernel_release = "6.12.0";
  machine.mode = "v1";
  machine.cpus.resize(static_cast<size_t>(cpus));
  std::iota(machine.cpus.begin(), machine.cpus.end(), 0);
  machine.mems = {0};
  machine.memory_bytes = int64_t{4} << 30;
  machine.base_slice_ns = 2'800'000;
  for (const Controller controller : {Controller::Cpu, Controller::Cpuacct, Controller::Memory,
                                      Controller::Pids, Controller::Cpuset, Controller::Freezer}) {
    machine.controllers[controller] = CgroupVersion::V1;
  }
  for (const KnobInfo& info : knob_table()) {
    if (!info.v1_files.empty()) machine.knobs.insert(info.knob);
  }
  machine.config["CFS_BANDWIDTH"] = "y";
  return machine;
}

int threads_of(const Workload& workload) {
  const auto* hog = std::get_if<CpuHog>(&workload);
  return hog ? hog->threads : 0;
}

}  // namespace

CpuWorld::CpuWorld(int cpus) {
  seen.machine = machine_with(cpus);
  add(kNoParent, "t");
}

NodeId CpuWorld::add(NodeId parent, std::string name, Limits limits) {
  scenario.tree.nodes.push_back({std::move(name), parent, std::move(limits)});
  throttled_.push_back(0);
  return scenario.tree.size() - 1;
}

void CpuWorld::cap(NodeId node, int64_t quota_us, int64_t period_us, int64_t burst_us) {
  Limits& limits = scenario.tree[node].limits;
  limits[Knob::CpuMax] = CpuBandwidth{quota_us, period_us};
  if (burst_us > 0) limits[Knob::CpuMaxBurst] = Amount{burst_us};
}

void CpuWorld::pin(NodeId node, std::vector<int> cpus) {
  scenario.tree[node].limits[Knob::CpusetCpus] = IdSet{std::move(cpus)};
}

void CpuWorld::weigh(NodeId node, int64_t weight) {
  scenario.tree[node].limits[Knob::CpuWeight] = Amount{weight};
}

size_t CpuWorld::hog(NodeId node, int threads, int duty_percent, int64_t cycle_us) {
  scenario.workers.push_back({node, CpuHog{threads, duty_percent, cycle_us}});
  ran_.emplace_back();
  return scenario.workers.size() - 1;
}

size_t CpuWorld::idler(NodeId node) {
  scenario.workers.push_back({node, Idle{}});
  ran_.emplace_back();
  return scenario.workers.size() - 1;
}

void CpuWorld::freeze(NodeId node, int64_t at_ms) {
  scenario.actions.push_back({at_ms * 1'000, Action::Kind::Freeze, node});
  seen.actions.push_back({at_ms * kMs, (at_ms + 1) * kMs, 0, {}});
}

void CpuWorld::ran_ms(size_t worker, double ms) { ran_[worker] = {0, 0, ms * kMs}; }

void CpuWorld::ran_ms(size_t worker, double early_ms, double from_ms, double ms) {
  ran_[worker] = {early_ms * kMs, from_ms * kMs, (early_ms + ms) * kMs};
}

double CpuWorld::ran_until(size_t worker, int64_t at_ns, int64_t window_ns) const {
  const Ran& ran = ran_[worker];
  const auto at = static_cast<double>(std::clamp<int64_t>(at_ns, 0, window_ns));
  if (at < ran.from_ns) return ran.early_ns * at / ran.from_ns;
  return ran.early_ns +
         (ran.total_ns - ran.early_ns) * (at - ran.from_ns) / (static_cast<double>(window_ns) - ran.from_ns);
}

double CpuWorld::used_until(NodeId node, int64_t at_ns, int64_t window_ns) const {
  double used = 0;
  for (size_t i = 0; i < ran_.size(); ++i) {
    if (scenario.tree.is_in_subtree(scenario.workers[i].node, node)) used += ran_until(i, at_ns, window_ns);
  }
  return used;
}

Counters CpuWorld::counters(NodeId node, int64_t at_ns, int64_t window_ns) const {
  Counters result{{Counter::CpuUsageNs, static_cast<int64_t>(used_until(node, at_ns, window_ns))}};
  const auto bandwidth = get<CpuBandwidth>(scenario.tree[node].limits, Knob::CpuMax);
  const int64_t in_window = std::clamp<int64_t>(at_ns, 0, window_ns);
  result[Counter::CpuPeriods] = bandwidth ? in_window / (bandwidth->period_us * 1'000) : 0;
  const auto throttled = static_cast<double>(throttled_[static_cast<size_t>(node)]);
  const double part = static_cast<double>(in_window) / static_cast<double>(window_ns);
  result[Counter::CpuThrottled] = static_cast<int64_t>(throttled * part);
  result[Counter::CpuThrottledNs] = static_cast<int64_t>(throttled * part) * kMs;
  return result;
}

void CpuWorld::observe_worker(size_t i, int64_t window_ns) {
  WorkerObservation& worker = seen.workers[i];
  const Worker& wanted = scenario.workers[i];
  const auto cpu_ns = static_cast<int64_t>(ran_[i].total_ns);
  const IdSet cpus = effective_cpus(scenario.tree, wanted.node, seen.machine);
  worker.end = std::holds_alternative<Idle>(wanted.workload) ? WorkerEnd::Finished : WorkerEnd::Stopped;
  worker.started_ns = 20'000;
  worker.held_still = true;
  worker.ended_ns = window_ns + 5 * kMs;
  worker.user_ns = cpu_ns;
  worker.cpu_clock_ns = cpu_ns;
  worker.progress = cpu_ns / 10'000;
  worker.cpus_allowed = format_id_set(cpus);
  const size_t most = static_cast<size_t>(std::max(1, threads_of(wanted.workload)));
  worker.cpus_seen.ids.assign(
      cpus.ids.begin(), cpus.ids.begin() + static_cast<std::ptrdiff_t>(std::min(most, cpus.ids.size())));
  worker.voluntary_switches = 3;
  worker.involuntary_switches = 100;
  worker.series.clear();
  for (int64_t at = 10 * kMs; at <= window_ns; at += 10 * kMs) {
    const auto used = static_cast<int64_t>(ran_until(i, at, window_ns));
    worker.series.push_back({at + 100'000, used, used / 10'000, 1 << 20});
  }
}

void CpuWorld::observe_noise() {
  const int64_t total_ns = seen.final_at_ns - seen.first_attach_ns;
  for (const int cpu : seen.machine.cpus) {
    double busy_ns = 0;
    for (size_t i = 0; i < ran_.size(); ++i) {
      const IdSet cpus = effective_cpus(scenario.tree, scenario.workers[i].node, seen.machine);
      if (std::find(cpus.ids.begin(), cpus.ids.end(), cpu) == cpus.ids.end()) continue;
      busy_ns += ran_[i].total_ns / static_cast<double>(cpus.ids.size());
    }
    const auto busy = std::min(static_cast<int64_t>(busy_ns), total_ns);
    seen.noise.push_back({cpu, 500'000, 0, total_ns - busy, busy});
  }
}

void CpuWorld::run_for_ms(int64_t window_ms) {
  const int64_t window_ns = window_ms * kMs;
  scenario.window = {window_ms * 1'000, false, 10'000};
  seen.first_attach_ns = -2 * kMs;
  seen.final_at_ns = window_ns + kMs;
  seen.noise_began_ns = seen.first_attach_ns;
  seen.window_ns = window_ns;
  seen.overhead_ns = 20 * kMs;
  seen.noise_is_realtime = true;
  seen.nodes.assign(scenario.tree.nodes.size(), {});
  seen.workers.assign(scenario.workers.size(), {});
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    NodeObservation& own = seen.nodes[static_cast<size_t>(node)];
    own.before = counters(node, 0, window_ns);
    own.after = own.drained = counters(node, window_ns, window_ns);
    for (int64_t at = 10 * kMs; at <= window_ns; at += 10 * kMs) {
      own.series.push_back({at, counters(node, at, window_ns)});
    }
  }
  for (size_t i = 0; i < ran_.size(); ++i) {
    observe_worker(i, window_ns);
    seen.running_tasks += threads_of(scenario.workers[i].workload);
  }
  observe_noise();
}

void CpuWorld::report_usage(NodeId node, double factor) {
  NodeObservation& own = seen.nodes[static_cast<size_t>(node)];
  const auto spoil = [factor](Counters& counters) {
    int64_t& usage = counters.at(Counter::CpuUsageNs);
    usage = static_cast<int64_t>(static_cast<double>(usage) * factor);
  };
  spoil(own.after);
  spoil(own.drained);
  for (Sample& sample : own.series) spoil(sample.counters);
}

void CpuWorld::steal_ms(int64_t ms) {
  for (CpuNoise& cpu : seen.noise) {
    cpu.steal_ns = ms * kMs;
    cpu.idle_ns = std::max<int64_t>(0, cpu.idle_ns - ms * kMs);
  }
}

void CpuWorld::gap_ms(int64_t ms) {
  for (CpuNoise& cpu : seen.noise) cpu.max_gap_ns = ms * kMs;
}

std::vector<Finding> CpuWorld::judge_all(std::string_view invariant) const {
  for (const Invariant& known : invariants()) {
    if (known.name == invariant) return known.judge(scenario, seen);
  }
  throw std::logic_error(fmt::format("there is no invariant {}", invariant));
}

Finding CpuWorld::judge(std::string_view invariant, NodeId node) const {
  Finding worst;
  for (Finding& finding : judge_all(invariant)) {
    if (finding.node == node && finding.status > worst.status) worst = std::move(finding);
  }
  return worst;
}

std::string explain(const Finding& finding) {
  return fmt::format("{} at node {}: {}, bound {}, observed {} {}, margin {}: {}", finding.invariant,
                     finding.node, status_name(finding.status), finding.bound, finding.observed, finding.unit,
                     finding.margin, finding.sentence);
}

}  // namespace treeline::cpu_test

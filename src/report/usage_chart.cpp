#include "report/usage_chart.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "model/rules.h"
#include "oracle/cpu_bandwidth.h"
#include "oracle/demand.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

/// More children than this are not drawn.
constexpr size_t kMaxChildren = 4;

struct Shown {
  Counter counter;
  const char* title;
  const char* unit;
  double scale;  ///< Of the unit, in the counter's own.
  bool is_gauge = false;
  std::optional<int64_t> IoRates::*rate = nullptr;  ///< Which limits it, of io.max.
};

/// Knobs of which the amount is drawn as the bound of a gauge.
constexpr std::pair<Counter, Knob> kGauges[] = {{Counter::MemoryCurrent, Knob::MemoryMax},
                                                {Counter::MemorySwapCurrent, Knob::MemorySwapMax},
                                                {Counter::PidsCurrent, Knob::PidsMax}};

std::optional<Shown> shown_by(const Finding& finding, const IoRates& rates) {
  switch (finding.controller) {
    case Controller::Cpu:
    case Controller::Cpuacct:
    case Controller::Cpuset:
    case Controller::Freezer:
      return Shown{Counter::CpuUsageNs, "CPU time", "ms", 1e6};
    case Controller::Memory:
      return finding.invariant == "memory.swap_max"
                 ? Shown{Counter::MemorySwapCurrent, "swap", "MiB", 1 << 20, true}
                 : Shown{Counter::MemoryCurrent, "memory", "MiB", 1 << 20, true};
    case Controller::Pids:
      return Shown{Counter::PidsCurrent, "tasks", "tasks", 1, true};
    case Controller::Io:
      if (finding.unit == "operations") {
        return rates.read_ops
                   ? Shown{Counter::IoReadOps, "reads", "operations", 1, false, &IoRates::read_ops}
                   : Shown{Counter::IoWriteOps, "writes", "operations", 1, false, &IoRates::write_ops};
      }
      return rates.read_bytes
                 ? Shown{Counter::IoReadBytes, "bytes read", "MiB", 1 << 20, false, &IoRates::read_bytes}
                 : Shown{Counter::IoWriteBytes, "bytes written", "MiB", 1 << 20, false,
                         &IoRates::write_bytes};
    case Controller::Core:
    case Controller::Hugetlb:
      break;
  }
  return std::nullopt;
}

class Chart {
 public:
  Chart(const Scenario& scenario, const Observation& seen, const Finding& finding, const Shown& shown)
      : scenario_(scenario), seen_(seen), finding_(finding), shown_(shown) {}

  std::optional<UsageChart> draw() && {
    read_instants();
    chart_.title = shown_.title;
    chart_.unit = shown_.unit;
    add_usage(finding_.node);
    if (chart_.series.empty()) return std::nullopt;
    std::vector<NodeId> children = scenario_.tree.children(finding_.node);
    if (children.size() > kMaxChildren) children.resize(kMaxChildren);
    for (const NodeId child : children) add_usage(child);
    for (const auto& [counter, knob] : kGauges) {
      if (counter == shown_.counter) add_limit(knob);
    }
    if (!add_cpu_bound() && !add_rate_bound()) add_bound_of_finding();
    add_events();
    thin_out();
    return std::move(chart_);
  }

 private:
  const NodeObservation& node(NodeId id) const { return seen_.nodes[static_cast<size_t>(id)]; }

  void read_instants() {
    instants_.push_back(seen_.first_attach_ns);
    for (const Sample& sample : node(finding_.node).series) instants_.push_back(sample.at_ns);
    instants_.push_back(seen_.final_at_ns);
    for (const int64_t at : instants_) chart_.at_ms.push_back(static_cast<double>(at) / 1e6);
  }

  /// What was there before any worker is no usage of a counter that only grows.
  void add_usage(NodeId id) {
    const NodeObservation& observed = node(id);
    if (observed.series.size() + 2 != instants_.size()) return;
    std::vector<const Counters*> readings{&observed.before};
    for (const Sample& sample : observed.series) readings.push_back(&sample.counters);
    readings.push_back(&observed.after);
    const int64_t from = shown_.is_gauge ? 0 : get(observed.before, shown_.counter).value_or(0);
    UsageChart::Series series{scenario_.tree.path(id), {}};
    for (const Counters* reading : readings) {
      const std::optional<int64_t> value = get(*reading, shown_.counter);
      series.values.push_back(value ? std::optional(static_cast<double>(*value - from) / shown_.scale)
                                    : std::nullopt);
    }
    const bool has_any = std::any_of(series.values.begin(), series.values.end(),
                                     [](const auto& value) { return value.has_value(); });
    if (has_any) chart_.series.push_back(std::move(series));
  }

  void add_bound(std::string label, std::vector<std::optional<double>> values) {
    chart_.series.push_back({std::move(label), std::move(values), UsageChart::Kind::Bound});
  }

  bool sets(const Action& action, Knob knob) const {
    return action.kind == Action::Kind::SetLimit && action.knob == knob && action.node == finding_.node;
  }
  /// The limit goes with its controller.
  bool clears(const Action& action, Knob knob) const {
    return action.kind == Action::Kind::DisableController && action.node != finding_.node &&
           action.controller == knob_info(knob).controller &&
           scenario_.tree.is_in_subtree(finding_.node, action.node);
  }
  bool is_changed(Knob knob) const {
    return std::any_of(scenario_.actions.begin(), scenario_.actions.end(),
                       [&](const Action& action) { return sets(action, knob) || clears(action, knob); });
  }

  /// What the limit allows up to each instant, as the oracle bounds it; false where that is not in question.
  bool add_cpu_bound() {
    const Limits& limits = scenario_.tree[finding_.node].limits;
    const auto limit = get<CpuBandwidth>(limits, Knob::CpuMax);
    const bool is_bandwidth = finding_.invariant.starts_with("cpu.bandwidth");
    if (!is_bandwidth || !limit || !limit->quota_us || is_changed(Knob::CpuMax)) return false;
    std::vector<double> ticks;
    for (const int cpu : effective_cpus(scenario_.tree, finding_.node, seen_.machine).ids) {
      ticks.push_back(tick_or_gap_ns(seen_, cpu));
    }
    const int64_t burst = amount(limits, Knob::CpuMaxBurst).value_or(0);
    std::vector<std::optional<double>> values;
    for (const int64_t at : instants_) {
      const auto window = static_cast<double>(at - instants_.front());
      values.emplace_back(cpu_bandwidth_bound_ns(*limit, burst, window, ticks, seen_.machine.cfs_slice_us) /
                          shown_.scale);
    }
    add_bound("most that cpu.max allows", std::move(values));
    return true;
  }

  /// How many actions were over.
  size_t done_by(int64_t at_ns) const {
    const auto next =
        std::find_if(seen_.actions.begin(), seen_.actions.end(),
                     [=](const ActionObservation& action) { return action.completed_ns > at_ns; });
    return static_cast<size_t>(next - seen_.actions.begin());
  }
  Limits limits_at(int64_t at_ns) const {
    return tree_in_force(scenario_, seen_, done_by(at_ns))[finding_.node].limits;
  }

  /// A limit as it was in force, also where actions changed it.
  void add_limit(Knob knob) {
    if (!amount(scenario_.tree[finding_.node].limits, knob) && !is_changed(knob)) return;
    std::vector<std::optional<double>> values;
    for (const int64_t at : instants_) {
      const auto limit = get<Amount>(limits_at(at), knob).value_or(Amount{}).value;
      values.push_back(limit ? std::optional(static_cast<double>(*limit) / shown_.scale) : std::nullopt);
    }
    add_bound(std::string(knob_info(knob).name), std::move(values));
  }

  /// Where io.max is changed: what each rate lets pass from when it was set, on top of what had passed.
  bool add_rate_bound() {
    if (finding_.invariant != "io.max" || !is_changed(Knob::IoMax) || chart_.series.empty()) return false;
    const std::vector<std::optional<double>> usage = chart_.series.front().values;
    std::vector<std::optional<double>> values;
    size_t begun = 0;
    for (size_t k = 0; k < instants_.size(); ++k) {
      if (k > 0 && done_by(instants_[k]) != done_by(instants_[k - 1])) begun = k;
      const auto rate = get<IoRates>(limits_at(instants_[k]), Knob::IoMax).value_or(IoRates{}).*shown_.rate;
      const double seconds = static_cast<double>(instants_[k] - instants_[begun]) / 1e9;
      values.push_back(rate && usage[begun] ? std::optional(*usage[begun] + static_cast<double>(*rate) *
                                                                                seconds / shown_.scale)
                                            : std::nullopt);
    }
    add_bound("io.max since it was set", std::move(values));
    return true;
  }

  void add_bound_of_finding() {
    const bool in_bytes = finding_.unit == "bytes" && shown_.scale > 1;
    if (finding_.bound <= 0 || (finding_.unit != shown_.unit && !in_bytes)) return;
    const double scale = in_bytes ? shown_.scale : 1;
    const auto flat = [&](double value) {
      return std::vector<std::optional<double>>(instants_.size(), value / scale);
    };
    add_bound("bound, as judged", flat(finding_.bound));
    // A peak lies between two readings as often as not.
    if (shown_.is_gauge)
      chart_.series.push_back({"observed, as judged", flat(finding_.observed), UsageChart::Kind::Judged});
  }

  void add_events() {
    for (size_t i = 0; i < scenario_.actions.size(); ++i) {
      const ActionObservation& done = seen_.actions[i];
      if (done.started_ns == ActionObservation::kNotTried) continue;
      std::string text = describe(scenario_.actions[i], scenario_.tree);
      if (done.write_errno > 0) text += fmt::format(" (refused: errno {})", done.write_errno);
      chart_.events.push_back({static_cast<double>(done.started_ns) / 1e6, std::move(text)});
    }
    for (size_t i = 0; i < scenario_.workers.size(); ++i) {
      const WorkerObservation& worker = seen_.workers[i];
      if (worker.end != WorkerEnd::OomKilled && worker.end != WorkerEnd::Killed) continue;
      chart_.events.push_back({static_cast<double>(worker.ended_ns) / 1e6,
                               fmt::format("{}: {} {}", scenario_.tree.path(scenario_.workers[i].node),
                                           describe(scenario_.workers[i].workload), end_name(worker.end))});
    }
    std::stable_sort(chart_.events.begin(), chart_.events.end(),
                     [](const auto& a, const auto& b) { return a.at_ms < b.at_ms; });
  }

  void thin_out() {
    const size_t readings = chart_.at_ms.size();
    if (readings <= kMaxReadings) return;
    const auto& usage = chart_.series.front().values;
    const auto is_less = [&](size_t a, size_t b) { return usage[a].value_or(0) < usage[b].value_or(0); };
    std::vector<size_t> kept{0};
    constexpr size_t kStretches = kMaxReadings / 2 - 1;
    for (size_t stretch = 0; stretch < kStretches; ++stretch) {
      std::vector<size_t> indices;
      for (size_t i = 1 + (readings - 2) * stretch / kStretches;
           i < 1 + (readings - 2) * (stretch + 1) / kStretches; ++i) {
        indices.push_back(i);
      }
      const auto [least, most] = std::minmax_element(indices.begin(), indices.end(), is_less);
      kept.push_back(std::min(*least, *most));
      if (*least != *most) kept.push_back(std::max(*least, *most));
    }
    kept.push_back(readings - 1);
    const auto keep = [&](auto& values) {
      for (size_t i = 0; i < kept.size(); ++i) values[i] = values[kept[i]];
      values.resize(kept.size());
    };
    keep(chart_.at_ms);
    for (UsageChart::Series& series : chart_.series) keep(series.values);
  }

  const Scenario& scenario_;
  const Observation& seen_;
  const Finding& finding_;
  const Shown shown_;
  std::vector<int64_t> instants_;
  UsageChart chart_;
};

/// What io.max limits at the node at any time.
IoRates rates_of(const Scenario& scenario, NodeId node) {
  IoRates any = get<IoRates>(scenario.tree[node].limits, Knob::IoMax).value_or(IoRates{});
  for (const Action& action : scenario.actions) {
    const auto* rates = std::get_if<IoRates>(&action.value);
    if (!rates || action.node != node || action.kind != Action::Kind::SetLimit) continue;
    for (const auto rate :
         {&IoRates::read_bytes, &IoRates::write_bytes, &IoRates::read_ops, &IoRates::write_ops}) {
      if (!(any.*rate)) any.*rate = (*rates).*rate;
    }
  }
  return any;
}

}  // namespace

const Finding* main_finding(const Counterexample& failure) {
  if (!failure.verdict) return nullptr;
  const auto& findings = failure.verdict->findings;
  const auto found = std::find_if(findings.begin(), findings.end(), [&](const Finding& finding) {
    return finding.status == Status::Violated &&
           (!failure.signature || finding.invariant == failure.signature->invariant);
  });
  return found == findings.end() ? failure.verdict->worst() : &*found;
}

std::optional<UsageChart> usage_chart(const Counterexample& failure) {
  const Finding* finding = main_finding(failure);
  if (!finding || !failure.observation || failure.observation->kernel_died()) return std::nullopt;
  const std::optional<Shown> shown = shown_by(*finding, rates_of(failure.scenario, finding->node));
  if (!shown) return std::nullopt;
  return Chart(failure.scenario, *failure.observation, *finding, *shown).draw();
}

}  // namespace treeline

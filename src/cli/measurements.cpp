#include "cli/measurements.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "model/units.h"
#include "oracle/segments.h"
#include "oracle/sibling_fairness.h"

namespace treeline::cli {

namespace {

constexpr size_t kColumns = 40;

double ms(int64_t ns) { return static_cast<double>(ns) / 1e6; }
double ms(double ns) { return ns / 1e6; }

std::string latency_text(const char* name, const Latency& latency) {
  if (latency.count == 0) return "";
  return fmt::format("; {} p50 {:.3f}, p99 {:.3f}, max {:.3f} ms of {}", name, ms(latency.p50_ns),
                     ms(latency.p99_ns), ms(latency.max_ns), latency.count);
}

std::string latencies_text(const Latency& wakeup, const Latency& run_delay) {
  const std::string text = latency_text("wake-up", wakeup) + latency_text("run delay", run_delay);
  return text.empty() ? "" : fmt::format("    latency   {}\n", text.substr(2));
}

struct Reading {
  int64_t at_ns = 0;
  double value = 0;
};

/// The window in columns, each with the greatest of its readings.
std::vector<std::optional<double>> columns_of(const std::vector<Reading>& readings, int64_t window_ns) {
  std::vector<std::optional<double>> columns(std::min(kColumns, readings.size()));
  for (const Reading& reading : readings) {
    const double part =
        static_cast<double>(reading.at_ns) / static_cast<double>(std::max<int64_t>(window_ns, 1));
    // A reading belongs to the time before it.
    const double place = std::ceil(std::clamp(part, 0.0, 1.0) * static_cast<double>(columns.size())) - 1;
    auto& column = columns[static_cast<size_t>(std::max(place, 0.0))];
    column = std::max(column.value_or(reading.value), reading.value);
  }
  return columns;
}

/// Growth per ns between one reading and the next.
std::vector<Reading> rates_of(const std::vector<Reading>& totals) {
  std::vector<Reading> rates;
  for (size_t i = 1; i < totals.size(); ++i) {
    const auto length = static_cast<double>(totals[i].at_ns - totals[i - 1].at_ns);
    if (length > 0) rates.push_back({totals[i].at_ns, (totals[i].value - totals[i - 1].value) / length});
  }
  return rates;
}

using ToText = std::function<std::string(double)>;

/// One line; none where nothing ever was.
std::string course_text(const char* name, const std::vector<Reading>& readings, std::optional<double> bound,
                        const std::string& of_bound, int64_t window_ns, const ToText& text) {
  double most = 0;
  for (const Reading& reading : readings) most = std::max(most, reading.value);
  if (most <= 0) return "";
  const double full = std::max(most, bound.value_or(0));
  return fmt::format("    {:<9} |{}| at most {}{}\n", name, sparkline(columns_of(readings, window_ns), full),
                     text(most), bound ? fmt::format(", {} {}", of_bound, text(*bound)) : "");
}

std::string cpus_text(double cpus) { return fmt::format("{:.2f} CPUs", cpus); }
std::string bytes_text(double bytes) { return fmt::format("{:.2f} MiB", bytes / (1 << 20)); }
std::string number_text(double number) { return fmt::format("{:.0f}", number); }
/// From bytes per ns.
std::string speed_text(double rate) { return fmt::format("{:.2f} MiB/s", rate * 1e9 / (1 << 20)); }

class Courses {
 public:
  Courses(const Scenario& scenario, const Observation& seen, NodeId node)
      : scenario_(scenario), seen_(seen), node_(node) {}

  std::string text() const {
    const auto quota = least([](const Limits& limits) -> std::optional<double> {
      const auto limit = get<CpuBandwidth>(limits, Knob::CpuMax);
      if (!limit || !limit->quota_us) return std::nullopt;
      return static_cast<double>(*limit->quota_us) / static_cast<double>(limit->period_us);
    });
    return rate("cpu", Counter::CpuUsageNs, quota, Knob::CpuMax, cpus_text) +
           level("memory", Counter::MemoryCurrent, Knob::MemoryMax, bytes_text) +
           level("swap", Counter::MemorySwapCurrent, Knob::MemorySwapMax, bytes_text) +
           level("tasks", Counter::PidsCurrent, Knob::PidsMax, number_text) +
           rate("read", Counter::IoReadBytes, speed(&IoRates::read_bytes), Knob::IoMax, speed_text) +
           rate("write", Counter::IoWriteBytes, speed(&IoRates::write_bytes), Knob::IoMax, speed_text);
  }

 private:
  std::vector<Reading> readings(Counter counter) const {
    std::vector<Reading> result;
    for (const Sample& sample : seen_.nodes[static_cast<size_t>(node_)].series) {
      const auto value = get(sample.counters, counter);
      if (value) result.push_back({sample.at_ns, static_cast<double>(*value)});
    }
    return result;
  }

  /// What binds the node is the least over its ancestors.
  std::optional<double> least(const std::function<std::optional<double>(const Limits&)>& limit) const {
    std::optional<double> result;
    for (const NodeId above : scenario_.tree.lineage(node_)) {
      const std::optional<double> own = limit(scenario_.tree[above].limits);
      if (own && (!result || *own < *result)) result = own;
    }
    return result;
  }

  std::optional<double> speed(std::optional<int64_t> IoRates::*field) const {
    return least([&](const Limits& limits) -> std::optional<double> {
      const auto rates = get<IoRates>(limits, Knob::IoMax);
      if (!rates || !((*rates).*field)) return std::nullopt;
      return static_cast<double>(*((*rates).*field)) / 1e9;
    });
  }

  std::string of_bound(Knob knob) const {
    return fmt::format("{}{}", knob_info(knob).name, changes(scenario_, knob) ? " at first" : "");
  }

  std::string rate(const char* name, Counter counter, std::optional<double> bound, Knob knob,
                   const ToText& text) const {
    return course_text(name, rates_of(readings(counter)), bound, of_bound(knob), seen_.window_ns, text);
  }

  std::string level(const char* name, Counter counter, Knob knob, const ToText& text) const {
    const auto bound = least([&](const Limits& limits) -> std::optional<double> {
      const auto number = amount(limits, knob);
      return number ? std::optional<double>(static_cast<double>(*number)) : std::nullopt;
    });
    return course_text(name, readings(counter), bound, of_bound(knob), seen_.window_ns, text);
  }

  const Scenario& scenario_;
  const Observation& seen_;
  NodeId node_;
};

std::string node_text(const Scenario& scenario, const Observation& seen, NodeId node) {
  const NodeObservation& observed = seen.nodes[static_cast<size_t>(node)];
  const auto after = [&](Counter counter) { return get(observed.after, counter).value_or(0); };
  return fmt::format(
             "  {:<16} cpu {:.1f} ms, throttled {}; memory peak {}, OOM kills {}; tasks {}; {} samples\n",
             scenario.tree.path(node), ms(after(Counter::CpuUsageNs)), after(Counter::CpuThrottled),
             bytes_text(static_cast<double>(after(Counter::MemoryPeak))), after(Counter::MemoryOomKills),
             after(Counter::PidsCurrent), observed.series.size()) +
         latencies_text(observed.wakeup_latency, observed.run_delay) + Courses(scenario, seen, node).text();
}

std::string worker_text(const Scenario& scenario, const Observation& seen, size_t i) {
  const WorkerObservation& worker = seen.workers[i];
  std::vector<Reading> cpu;
  std::vector<Reading> rss;
  for (const WorkerSample& sample : worker.series) {
    cpu.push_back({sample.at_ns, static_cast<double>(sample.cpu_ns)});
    rss.push_back({sample.at_ns, static_cast<double>(sample.rss_bytes)});
  }
  return fmt::format(
             "  worker {:<2} in {:<12} {}: cpu {:.1f} ms, touched {}, moved {}, forks {} ({} refused)\n", i,
             scenario.tree.path(scenario.workers[i].node), end_name(worker.end),
             ms(worker.user_ns + worker.system_ns), format_bytes(worker.bytes_touched),
             format_bytes(worker.bytes_moved), worker.forks_ok, worker.forks_refused) +
         latencies_text(worker.wakeup_latency, worker.run_delay) +
         course_text("cpu", rates_of(cpu), {}, "", seen.window_ns, cpus_text) +
         course_text("rss", rss, {}, "", seen.window_ns, bytes_text);
}

std::string fairness_text(const Scenario& scenario, const Observation& seen) {
  std::string text;
  for (const SiblingFairness& fairness : sibling_fairness(scenario, seen)) {
    text += fmt::format(
        "  among {} children of {}: Jain's index {:.4f}, worst lag {:+.2f} ms of {} at {:.0f} ms\n",
        fairness.shares.size(), scenario.tree.path(fairness.parent), fairness.jain, ms(fairness.worst_lag_ns),
        scenario.tree.path(fairness.worst), ms(fairness.worst_at_ns));
    const std::vector<double> lags = lags_ns(fairness.shares);
    for (size_t i = 0; i < lags.size(); ++i) {
      const SiblingShare& share = fairness.shares[i];
      text += fmt::format("    {:<14} weight {:<7.0f} got {:.1f} ms, lag {:+.2f} ms\n",
                          scenario.tree.path(share.node), share.weight, ms(share.service_ns), ms(lags[i]));
    }
  }
  return text.empty() ? "" : "fairness, by weight (as cpu.shares)\n" + text;
}

}  // namespace

std::string sparkline(const std::vector<std::optional<double>>& values, double full) {
  constexpr std::array<const char*, 9> kBlocks{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::string text;
  for (const std::optional<double>& value : values) {
    if (!value) {
      text += "·";
      continue;
    }
    const double eighths = full > 0 ? std::ceil(std::clamp(*value / full, 0.0, 1.0) * 8) : 0;
    text += kBlocks[static_cast<size_t>(eighths)];
  }
  return text;
}

std::string observation_text(const Scenario& scenario, const Observation& seen) {
  std::string text = fmt::format("measured on Linux {}, cgroup {}, {} CPUs, HZ {}, in {:.1f} ms\n",
                                 seen.machine.kernel_release, seen.machine.mode, seen.machine.cpus.size(),
                                 seen.machine.hz, ms(seen.window_ns));
  if (seen.kernel_died()) return text;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) text += node_text(scenario, seen, node);
  for (size_t i = 0; i < seen.workers.size(); ++i) text += worker_text(scenario, seen, i);
  return text + fairness_text(scenario, seen);
}

}  // namespace treeline::cli

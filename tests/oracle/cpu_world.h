#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

/// Hand-made runs for the tests of the CPU invariants: a scenario, and what a healthy kernel would have shown
/// of it. A test says how long each worker ran; counters, witnesses and noise follow from that, and the test
/// then spoils what it is about.
namespace treeline::cpu_test {

inline constexpr int64_t kMs = 1'000'000;

class CpuWorld {
 public:
  explicit CpuWorld(int cpus = 2);

  NodeId add(NodeId parent, std::string name, Limits limits = {});
  /// Sets cpu.max of a node; `burst_us` 0: no burst.
  void cap(NodeId node, int64_t quota_us, int64_t period_us, int64_t burst_us = 0);
  void pin(NodeId node, std::vector<int> cpus);
  void weigh(NodeId node, int64_t weight);
  /// Index of the new worker.
  size_t hog(NodeId node, int threads = 1, int duty_percent = 100, int64_t cycle_us = 10'000);
  size_t idler(NodeId node);
  void freeze(NodeId node, int64_t at_ms);

  /// CPU time that the worker used in the window, evenly spread over it and over its CPUs.
  void ran_ms(size_t worker, double ms);
  /// The same, but only from `from_ms` on; before, it used `early_ms`.
  void ran_ms(size_t worker, double early_ms, double from_ms, double ms);
  void throttled(NodeId node, int64_t periods) { throttled_[static_cast<size_t>(node)] = periods; }

  /// Fills the observation for a window of this length. Call last; spoil `seen` after it.
  void run_for_ms(int64_t window_ms);

  /// Multiplies a node's usage in every reading after `before`.
  void report_usage(NodeId node, double factor);
  /// Steals this much from each CPU, out of its idle time.
  void steal_ms(int64_t ms);
  void gap_ms(int64_t ms);

  /// The invariant's finding for the node; NotApplicable if it has none.
  Finding judge(std::string_view invariant, NodeId node) const;
  Status status(std::string_view invariant, NodeId node) const { return judge(invariant, node).status; }
  std::vector<Finding> judge_all(std::string_view invariant) const;

  Scenario scenario;
  Observation seen;

 private:
  struct Ran {
    double early_ns = 0;
    double from_ns = 0;
    double total_ns = 0;
  };
  double ran_until(size_t worker, int64_t at_ns, int64_t window_ns) const;
  double used_until(NodeId node, int64_t at_ns, int64_t window_ns) const;
  Counters counters(NodeId node, int64_t at_ns, int64_t window_ns) const;
  void observe_worker(size_t worker, int64_t window_ns);
  void observe_noise();

  std::vector<Ran> ran_;
  std::vector<int64_t> throttled_;
};

/// Findings that a failed expectation should show.
std::string explain(const Finding& finding);

}  // namespace treeline::cpu_test

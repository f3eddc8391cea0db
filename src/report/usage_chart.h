#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/counterexample.h"

namespace treeline {

/// What a cgroup used over time, against its bound. Instants are ms since the scenario's common start.
struct UsageChart {
  enum class Kind : uint8_t { Usage, Bound, Judged };  ///< Judged: the one number that the finding compares.
  struct Series {
    std::string label;
    std::vector<std::optional<double>> values;  ///< By `at_ms`.
    Kind kind = Kind::Usage;
  };
  struct Event {
    double at_ms = 0;
    std::string text;
  };
  std::string title;  ///< "CPU time"
  std::string unit;   ///< "ms"
  std::vector<double> at_ms;
  std::vector<Series> series;  ///< The violated cgroup's usage first.
  std::vector<Event> events;   ///< Actions as they happened, and workers that were killed.
};

/// More readings than this are thinned out; of each stretch the least and the greatest usage stay.
inline constexpr size_t kMaxReadings = 400;

/// Of the first violated finding of the signature, or of any: the finding's cgroup and its children.
/// nullopt where there is none, or no counter of its controller was read over time.
std::optional<UsageChart> usage_chart(const Counterexample& failure);

/// The violated finding that a failure is about; nullptr if it recorded none.
const Finding* main_finding(const Counterexample& failure);

}  // namespace treeline

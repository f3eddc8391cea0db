#include <algorithm>

#include "generators/shrink_steps.h"

namespace treeline {

namespace {

/// Below these a run says nothing: processes must start (a CPU may be away for 40 ms), and stop and go be
/// seen.
constexpr int64_t kLeastUs = 1'000;
constexpr int64_t kLeastWithWorkersUs = 20'000;
constexpr int64_t kLeastWithActionsUs = 60'000;

int64_t least_length_us(const Scenario& scenario) {
  if (!scenario.actions.empty()) return kLeastWithActionsUs;
  return scenario.workers.empty() ? kLeastUs : kLeastWithWorkersUs;
}

/// Actions keep their place in the window.
Scenario with_length(const Scenario& scenario, int64_t length_us) {
  Scenario shorter = scenario;
  for (Action& action : shorter.actions) {
    action.at_us = action.at_us * length_us / scenario.window.length_us / 1'000 * 1'000;
  }
  shorter.window.length_us = length_us;
  shorter.window.sample_every_us = std::min(shorter.window.sample_every_us, length_us);
  return shorter;
}

}  // namespace

Candidates shorten_window(const Scenario& scenario) {
  Candidates candidates;
  // A deadline costs nothing: the run ends when all is settled.
  if (scenario.window.until_settled) return candidates;
  const int64_t length = scenario.window.length_us;
  const int64_t least = least_length_us(scenario);
  for (const int64_t shorter : {least, length / 4, length / 2, length * 3 / 4}) {
    const std::vector<int64_t> plain = plainer(shorter, least, false);
    for (const int64_t candidate : {plain.empty() ? shorter : plain.front(), shorter}) {
      if (candidate < length && candidate >= least) candidates.push_back(with_length(scenario, candidate));
    }
  }
  return candidates;
}

}  // namespace treeline

#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "generators/property.h"
#include "tests/generators/fake_machine.h"

/// What the tests of a generator's reach ask of a drawn scenario.
namespace treeline {

using Predicate = std::function<bool(const Scenario&)>;

/// The number of draws until one fits, from 1; 0 if none of `most` does.
inline int draws_until(const char* property, const Constraints& constraints, uint64_t seed, int most,
                       const Predicate& fits) {
  for (int i = 0; i < most; ++i) {
    if (fits(draw_scenario(*find_property(property), constraints, seed, static_cast<uint64_t>(i))))
      return i + 1;
  }
  return 0;
}

/// Within the stated number of draws, whatever the seed.
inline void expect_reach(const char* property, int most, const Predicate& fits,
                         const Constraints& constraints = FakeMachine().constraints()) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    EXPECT_GT(draws_until(property, constraints, seed, most, fits), 0) << property << ", seed " << seed;
  }
}

inline bool any_node(const Scenario& scenario, const std::function<bool(NodeId)>& fits) {
  for (NodeId id = 0; id < scenario.tree.size(); ++id) {
    if (fits(id)) return true;
  }
  return false;
}

template <typename Fits>
inline bool has_worker_below(const Scenario& scenario, NodeId top, Fits fits) {
  return std::any_of(scenario.workers.begin(), scenario.workers.end(), [&](const Worker& worker) {
    return scenario.tree.is_in_subtree(worker.node, top) && fits(worker.workload);
  });
}
inline bool has_worker_below(const Scenario& scenario, NodeId top) {
  return has_worker_below(scenario, top, [](const Workload&) { return true; });
}

inline bool is_endless(const Workload& workload) {
  const auto* hog = std::get_if<CpuHog>(&workload);
  return hog && hog->duty_percent == 100;
}

/// Bytes that the memory hogs of the subtree touch, of those that fit.
template <typename Fits>
int64_t memory_below(const Scenario& scenario, NodeId top, Fits fits) {
  int64_t bytes = 0;
  for (const Worker& worker : scenario.workers) {
    const auto* hog = std::get_if<MemoryHog>(&worker.workload);
    if (hog && fits(*hog) && scenario.tree.is_in_subtree(worker.node, top)) bytes += hog->bytes;
  }
  return bytes;
}

/// Some migration of the scenario, with what stands before it, fits.
inline bool any_migration(const Scenario& scenario,
                          const std::function<bool(const Scenario& before, const Action&)>& fits) {
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    if (action.kind == Action::Kind::Migrate && fits(scenario_after(scenario, i, every_action), action)) {
      return true;
    }
  }
  return false;
}

}  // namespace treeline

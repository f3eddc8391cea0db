#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "generators/constraints.h"
#include "model/scenario.h"

namespace treeline {

/// A family of scenarios drawn so that certain invariants can be violated by them. Every invariant judges
/// every run; the property only decides what is worth drawing.
struct Property {
  std::string_view name;  ///< "cpu_bandwidth"
  std::string_view summary;
  std::span<const Knob> needs;  ///< Knobs without which it says nothing.
  /// Invariants (oracle/oracle.h) that it is drawn for: a run that judged none of them says nothing.
  std::span<const std::string_view> aims;
};

/// cpu_bandwidth, cpu_entitlement, cpu_no_throttle, cpu_fairness, cpuset, memory, pids, io, freezer, rules
/// (read-back and refusals), mixed (everything at once); on v2 also memory_high, oom_group, swap, hierarchy,
/// partition, kill, memory_protection; cpu_contention. In motion: cpu_bandwidth_change, cpu_fairness_change,
/// memory_change, memory_high_change, memory_protection_change, oom_group_change, swap_change, io_change,
/// pids_change, cpu_migration, memory_migration, pids_migration, thread_migration, cpuset_change,
/// cpu_hotplug, groups, controllers, refusals. Of those with actions a part has attempts (model/attempts.h),
/// too.
std::span<const Property> properties();
const Property* find_property(std::string_view name);

/// Why the property cannot be tested on the machine ("memory controller is not mounted"); nullopt if it can.
std::optional<std::string> why_untestable(const Property& property, const MachineFacts& machine);

/// The scenario of (property, seed, index): the same on every machine with the same constraints.
Scenario draw_scenario(const Property& property, const Constraints& constraints, uint64_t seed,
                       uint64_t index);

}  // namespace treeline

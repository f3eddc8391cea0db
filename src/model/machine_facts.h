#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/knob.h"

namespace treeline {

/// The machine that a scenario runs on: what generators may use, what bounds rest on, and the fingerprint
/// that a report shows. Detected by cgroup/detect.h.
struct MachineFacts {
  std::string kernel_release;
  std::string libcgroup_version;
  std::string mode;  ///< "v1", "v2" or "hybrid"
  int64_t hz = 250;  ///< CONFIG_HZ, or measured where the configuration cannot be read.
  int64_t page_size = 4096;
  std::vector<int> cpus;  ///< Online CPUs that workers may use.
  int online_cpus = 0;    ///< Of the whole machine; 0 in old observations.
  /// Those of `cpus` that an action may take offline: in the lab all that the kernel lets go, on the host
  /// none.
  std::vector<int> hotplug_cpus;
  std::vector<int> mems;         ///< NUMA nodes that workers may use.
  int64_t memory_bytes = 0;      ///< MemAvailable when detected.
  int64_t swap_bytes = 0;        ///< SwapTotal.
  int64_t cfs_slice_us = 5'000;  ///< sched_cfs_bandwidth_slice_us
  int64_t base_slice_ns = 0;     ///< Scheduler's base slice: debugfs, else the default for this CPU count.
  std::string device;            ///< "major:minor" of the block device below the scratch folder; "" if none.
  std::map<Controller, CgroupVersion> controllers;  ///< Absent: not mounted, or not writable.
  std::map<Controller, std::string> mount_flags;
  std::set<Knob> knobs;                       ///< Knobs whose files exist in a child cgroup.
  std::map<std::string, std::string> config;  ///< Kernel configuration facts: "CFS_BANDWIDTH": "y".
  bool operator==(const MachineFacts&) const = default;

  bool has(Knob knob) const { return knobs.contains(knob); }
  KnobContext knob_context(Controller controller) const;
  /// CPUs that the kernel may run a task on before it is confined.
  int kernel_cpus() const { return std::max(online_cpus, static_cast<int>(cpus.size())); }
  /// One scheduler tick, in ns.
  int64_t tick_ns() const { return 1'000'000'000 / hz; }
};

}  // namespace treeline

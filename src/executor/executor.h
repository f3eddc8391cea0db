#pragma once

#include <optional>
#include <string>

#include "cgroup/hierarchies.h"
#include "model/error.h"
#include "model/observation.h"
#include "model/planted_fault.h"
#include "model/scenario.h"

namespace treeline {

struct ExecutorOptions {
  std::string owner;        ///< Run group's name (cgroup/run_group.h).
  std::string scratch_dir;  ///< Folder for this run's I/O files: made, and removed at the end.
  std::optional<PlantedFault> fault;
  int64_t noise_period_us = 1'000;  ///< How often it looks whether CPUs were taken away.
};

/// Actualizes the tree, runs probes, starts the workers together, performs the actions, samples, stops,
/// collects and tears down, in this process, which should have nothing else to do.
Result<Observation> execute(const Hierarchies& hierarchies, const MachineFacts& machine,
                            const Scenario& scenario, const ExecutorOptions& options);

}  // namespace treeline

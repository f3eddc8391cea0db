#pragma once

#include <cstdint>
#include <optional>

#include "model/machine_facts.h"
#include "model/scenario.h"

namespace treeline {

/// How large a scenario may get on a given machine.
struct Constraints {
  MachineFacts machine;
  int max_depth = 4;  ///< Of a node; the root has 0.
  int max_children = 4;
  int max_nodes = 12;
  int max_workers = 8;
  int max_processes = 64;                ///< Workers and their children together.
  int64_t max_memory_bytes = 256 << 20;  ///< Of all workers together.
  int64_t max_window_us = 2'000'000;
  /// Only this placement is drawn (leaves, where it gives no node of a tree); nullopt: any.
  std::optional<Strategy> placement;
};

/// Defaults cut down to what the machine has (CPUs, available memory).
Constraints constraints_for(const MachineFacts& machine);

}  // namespace treeline

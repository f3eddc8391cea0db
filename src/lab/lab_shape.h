#pragma once

#include <cstdint>
#include <string>

#include "model/error.h"

namespace treeline {

/// The virtual machine, and how its cgroups are mounted.
struct LabShape {
  std::string mode = "v2";  ///< "v1", "v2" or "hybrid"
  int cpus = 1;             ///< 1 to 64; more than the host has is fine.
  int numa_nodes = 1;       ///< At most `cpus`, which are dealt out in equal blocks.
  int64_t memory_bytes = 512 << 20;
  int64_t swap_bytes = 0;  ///< zram; 0: none.
  std::string cmdline;     ///< More words for the kernel's command line.
  bool operator==(const LabShape&) const = default;
};

/// InvalidInput, with what is out of range.
Result<void> check_shape(const LabShape& shape);

}  // namespace treeline

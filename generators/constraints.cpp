#include "generators/constraints.h"

#include <algorithm>

namespace treeline {

Constraints constraints_for(const MachineFacts& machine) {
  Constraints constraints;
  constraints.machine = machine;
  // A quarter of what is free, so that the machine itself never comes near its own OOM killer.
  constexpr int64_t kLeastBytes = int64_t{16} << 20;
  constraints.max_memory_bytes =
      std::clamp(machine.memory_bytes / 4, kLeastBytes, constraints.max_memory_bytes);
  // More hogs than a few per CPU only wait for each other.
  const int cpus = std::max(1, static_cast<int>(machine.cpus.size()));
  constraints.max_workers = std::clamp(4 * cpus, 4, constraints.max_workers);
  return constraints;
}

}  // namespace treeline

#include "lab/lab_shape.h"

#include <string>

#include "model/units.h"

namespace treeline {

Result<void> check_shape(const LabShape& shape) {
  constexpr int64_t kLeastMemory = 128 * kMiB;
  constexpr int64_t kMost = (int64_t{1} << 18) * kMiB;
  if (shape.mode != "v1" && shape.mode != "v2" && shape.mode != "hybrid") {
    return fail(ErrorKind::InvalidInput, "use the cgroup mode", shape.mode, 0, "write v1, v2 or hybrid");
  }
  if (shape.cpus < 1 || shape.cpus > 64 || shape.numa_nodes < 1 || shape.numa_nodes > shape.cpus) {
    return fail(ErrorKind::InvalidInput, "use the number of CPUs", std::to_string(shape.cpus), 0,
                "give 1 to 64, and at most as many NUMA nodes");
  }
  if (shape.memory_bytes < kLeastMemory || shape.memory_bytes > kMost) {
    return fail(ErrorKind::InvalidInput, "give the guest a memory of MiB",
                std::to_string(shape.memory_bytes / kMiB), 0, "give 128 to 262144");
  }
  if (shape.swap_bytes < 0 || shape.swap_bytes > kMost) {
    return fail(ErrorKind::InvalidInput, "give the guest a swap of MiB",
                std::to_string(shape.swap_bytes / kMiB), 0, "give at most 262144");
  }
  return {};
}

}  // namespace treeline

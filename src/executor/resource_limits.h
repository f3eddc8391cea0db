#pragma once

#include "model/error.h"

namespace treeline {

/// Lifts what limits, by getrlimit(2), the memory, CPU time and files of the calling process and of whom it
/// forks, and raises that of tasks as far as it may: a worker that is refused for its shell's `ulimit` says
/// nothing of a cgroup. Unavailable if there is such a limit and this process may not lift it.
Result<void> lift_resource_limits();

}  // namespace treeline

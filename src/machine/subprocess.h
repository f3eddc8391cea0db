#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "model/error.h"

namespace treeline {

/// How a child process ended and what it answered.
struct SubprocessResult {
  int status = 0;  ///< As from waitpid.
  bool timed_out = false;
  std::string answer;
};

/// Runs a program with `request` on its descriptor 3 and collects its descriptor 4; both are otherwise
/// closed, and stdin is /dev/null. At the deadline it gets SIGTERM, then, after `grace`, SIGKILL. Never
/// leaves the child.
Result<SubprocessResult> run_subprocess(const std::vector<std::string>& command, const std::string& request,
                                        std::chrono::milliseconds deadline, std::chrono::milliseconds grace);

}  // namespace treeline

#include "executor/resource_limits.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cerrno>

namespace treeline {

namespace {

struct ResourceLimit {
  __rlimit_resource resource;
  const char* name;
  const char* option;  ///< Of the shell's ulimit.
};

constexpr ResourceLimit kLifted[] = {
    {RLIMIT_AS, "RLIMIT_AS", "-v"},
    {RLIMIT_DATA, "RLIMIT_DATA", "-d"},
    {RLIMIT_CPU, "RLIMIT_CPU", "-t"},
    {RLIMIT_FSIZE, "RLIMIT_FSIZE", "-f"},
};

/// Of a scenario's workers and of all else that a user runs.
constexpr rlim_t kEnoughTasks = 4'096;

}  // namespace

Result<void> lift_resource_limits() {
  constexpr rlimit kNone{RLIM_INFINITY, RLIM_INFINITY};
  for (const auto& [resource, name, option] : kLifted) {
    if (::setrlimit(resource, &kNone) == 0) continue;
    return fail(ErrorKind::Unavailable, "lift", name, errno,
                fmt::format("run treeline after `ulimit {} unlimited`, or with CAP_SYS_RESOURCE", option));
  }
  if (::setrlimit(RLIMIT_NPROC, &kNone) == 0) return {};
  rlimit tasks{};  // an ordinary user's are mostly counted
  if (::getrlimit(RLIMIT_NPROC, &tasks) != 0)
    return fail(ErrorKind::Infrastructure, "read", "RLIMIT_NPROC", errno);
  tasks.rlim_cur = tasks.rlim_max;
  if (tasks.rlim_max < kEnoughTasks || ::setrlimit(RLIMIT_NPROC, &tasks) != 0) {
    return fail(ErrorKind::Unavailable, "raise", "RLIMIT_NPROC", EPERM,
                fmt::format("run treeline after `ulimit -u {}` or more", kEnoughTasks));
  }
  return {};
}

}  // namespace treeline

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

}  // namespace

Result<void> lift_resource_limits() {
  constexpr rlimit kNone{RLIM_INFINITY, RLIM_INFINITY};
  for (const auto& [resource, name, option] : kLifted) {
    if (::setrlimit(resource, &kNone) == 0) continue;
    return fail(ErrorKind::Unavailable, "lift", name, errno,
                fmt::format("run treeline after `ulimit {} unlimited`, or with CAP_SYS_RESOURCE", option));
  }
  // That of a user's tasks is never infinite.
  rlimit tasks{};
  if (::getrlimit(RLIMIT_NPROC, &tasks) != 0)
    return fail(ErrorKind::Infrastructure, "read", "RLIMIT_NPROC", errno);
  tasks.rlim_cur = tasks.rlim_max;
  if (::setrlimit(RLIMIT_NPROC, &tasks) != 0)
    return fail(ErrorKind::Infrastructure, "raise", "RLIMIT_NPROC", errno);
  return {};
}

}  // namespace treeline

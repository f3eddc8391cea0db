#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/error.h"

namespace treeline {

/// What Treeline asks of libcgroup, with its traps dealt with (each was verified with 2.0.2):
///  - cgroup_init runs once, before any thread; its logger, which prints to stdout, is silenced;
///  - every call works on a fresh `struct cgroup` (set_value twice truncates, modify after get is wrong);
///  - a group's name is checked by the caller: "../x" would escape the hierarchy;
///  - a refused write is told apart from others by cgroup_get_last_errno; cgroup_strerror is never called.
/// Controllers go by the kernel's names ("cpu", "blkio").
namespace libcgroup {

using Values = std::vector<std::pair<std::string, std::string>>;  ///< file, text
using Settings = std::map<std::string, Values>;                   ///< by controller

/// Unavailable if libcgroup finds no mounted hierarchy.
Result<void> initialize();

/// Makes the group in the hierarchies of all controllers named, and writes the values.
Result<void> create(const std::string& group, const Settings& settings);

/// Writes values of one controller in order; stops at the first refusal. 0 or its errno.
int modify(const std::string& group, const std::string& controller, const Values& values);

/// Moves one thread into the group, in the hierarchies of the controllers.
Result<void> attach(const std::string& group, const std::vector<std::string>& controllers, pid_t pid);

}  // namespace libcgroup
}  // namespace treeline

#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/knob.h"

namespace treeline {

/// A group's folder in one hierarchy.
struct Folder {
  std::string path;
  CgroupVersion version = CgroupVersion::V1;
};

/// Ends every process in the folders and below, then removes them, children first. Needs no state and no
/// libcgroup, whose deletion moves tasks to the parent and fails under a fork storm:
///   v2: thaw, cgroup.kill;  v1: pids.max = 0 stops forks, thaw lets frozen tasks die, SIGKILL until empty.
/// A folder that is gone already counts as removed. Infrastructure error if something is left at the
/// deadline.
Result<void> tear_down(const std::vector<Folder>& folders, std::chrono::milliseconds deadline);

}  // namespace treeline

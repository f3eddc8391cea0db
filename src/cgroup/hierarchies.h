#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/machine_facts.h"

namespace treeline {

/// One mounted cgroup hierarchy.
struct Hierarchy {
  std::string mount;  ///< "/sys/fs/cgroup/cpu"
  CgroupVersion version = CgroupVersion::V1;
  std::vector<Controller> controllers;  ///< That Treeline knows; Core on v2.
  std::string flags;
  std::string base;  ///< Folder below which Treeline makes its groups: mount, or mount/cgroup-root.
  std::set<std::string> files;  ///< Control files of a new group below `base`.
};

/// What is mounted, per controller: v1, v2 or hybrid. A controller is usable if a group can be made below
/// `base` and the controller's files appear in it; the others are kept with the reason.
class Hierarchies {
 public:
  /// Reads /proc/self/mounts (or `mounts_path`, for tests) and tries each base. Unavailable if no hierarchy
  /// is usable, with what to do (run as root, mount, delegate), or if a group above has a CPU quota: it would
  /// throttle the whole tree, and on v1 forbid greater quotas below. With `known`, what it found usable
  /// before is taken as usable, without trying (and without Hierarchy::files).
  static Result<Hierarchies> detect(const std::string& cgroup_root,
                                    const std::string& mounts_path = "/proc/self/mounts",
                                    const MachineFacts* known = nullptr);

  const std::vector<Hierarchy>& all() const { return all_; }
  const Hierarchy* find(Controller controller) const;  ///< nullptr if not usable.
  /// Why a controller is not usable, by name: "mounted read-only", "no permission to create …".
  const std::map<Controller, std::string>& unusable() const { return unusable_; }
  const std::string& mode() const { return mode_; }  ///< "v1", "v2", "hybrid"
  const std::string& cgroup_root() const { return cgroup_root_; }

 private:
  std::vector<Hierarchy> all_;
  std::map<Controller, std::string> unusable_;
  std::string cgroup_root_;
  std::string mode_;
};

/// Everything that generators and bounds need to know (model/machine_facts.h). `scratch_dir` decides the
/// block device: the whole disk below that folder, "" where there is none (tmpfs, overlay).
Result<MachineFacts> detect_machine(const Hierarchies& hierarchies, const std::string& scratch_dir);

}  // namespace treeline

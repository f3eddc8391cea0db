#include "cgroup/hierarchies.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>

#include "cgroup/fd.h"
#include "cgroup/run_group.h"

namespace treeline {

namespace {

struct ControllerName {
  std::string_view kernel;
  Controller controller;
};
constexpr std::array<ControllerName, 7> kV1Names{{{"cpu", Controller::Cpu},
                                                  {"cpuacct", Controller::Cpuacct},
                                                  {"memory", Controller::Memory},
                                                  {"pids", Controller::Pids},
                                                  {"cpuset", Controller::Cpuset},
                                                  {"blkio", Controller::Io},
                                                  {"freezer", Controller::Freezer}}};
constexpr std::array<ControllerName, 6> kV2Names{{{"cpu", Controller::Cpu},
                                                  {"memory", Controller::Memory},
                                                  {"pids", Controller::Pids},
                                                  {"cpuset", Controller::Cpuset},
                                                  {"io", Controller::Io},
                                                  {"hugetlb", Controller::Hugetlb}}};

std::vector<Controller> v1_controllers(const std::string& options) {
  std::vector<Controller> result;
  std::istringstream words(options);
  for (std::string word; std::getline(words, word, ',');) {
    for (const ControllerName& name : kV1Names) {
      if (word == name.kernel) result.push_back(name.controller);
    }
  }
  return result;
}

std::vector<Controller> v2_controllers(const std::string& base) {
  std::vector<Controller> result;
  std::istringstream words(read_file(base + "/cgroup.controllers").value_or(""));
  for (std::string word; words >> word;) {
    for (const ControllerName& name : kV2Names) {
      if (word == name.kernel) result.push_back(name.controller);
    }
  }
  if (result.empty()) return result;
  // Parts of the v2 core rather than controllers of their own.
  result.push_back(Controller::Freezer);
  result.push_back(Controller::Core);
  return result;
}

/// Enables the controllers for the groups below the base: a new group has no files of the others. They stay
/// enabled, as another Treeline may be at work there. What cannot be enabled is taken off the hierarchy.
void offer_controllers(Hierarchy& hierarchy, std::map<Controller, std::string>& unusable) {
  const std::string path = hierarchy.base + "/cgroup.subtree_control";
  for (const ControllerName& name : kV2Names) {
    auto& has = hierarchy.controllers;
    const auto found = std::find(has.begin(), has.end(), name.controller);
    if (found == has.end()) continue;
    const int error = write_file(path, fmt::format("+{}", name.kernel));
    if (error == 0) continue;
    unusable[name.controller] =
        to_string(Error{ErrorKind::Unavailable, fmt::format("enable {} in", name.kernel), path, error,
                        error == EBUSY ? "processes in that group must move to another one first" : ""});
    has.erase(found);
  }
}

/// Makes and removes a group to see whether that is allowed, and which files it gets.
Result<std::set<std::string>> files_of_new_group(const Hierarchy& hierarchy) {
  const std::string folder = fmt::format("{}/{}", hierarchy.base, run_group_name(getpid(), "probe"));
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    return fail(ErrorKind::Unavailable, "make a group in", hierarchy.base, errno);
  }
  std::set<std::string> files;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    files.insert(entry.path().filename().string());
  }
  if (::rmdir(folder.c_str()) != 0) {
    return fail(ErrorKind::Infrastructure, "remove the group", folder, errno);
  }
  return files;
}

/// The quota of the base or of a group above it, up to the mount point, which in a container is the
/// container's own group: "50000 100000 in /sys/fs/cgroup/cpu.max". Empty if there is none.
std::string outer_quota(const Hierarchy& hierarchy) {
  const std::string file = hierarchy.version == CgroupVersion::V2 ? "cpu.max" : "cpu.cfs_quota_us";
  std::filesystem::path folder = hierarchy.base;
  while (true) {
    const std::string path = (folder / file).string();
    std::string quota = read_file(path).value_or("max");
    if (!quota.starts_with("max") && !quota.starts_with("-1")) {
      quota.erase(quota.find_last_not_of('\n') + 1);
      return fmt::format("{} in {}", quota, path);
    }
    if (folder == std::filesystem::path(hierarchy.mount) || !folder.has_relative_path()) return "";
    folder = folder.parent_path();
  }
}

}  // namespace

Result<Hierarchies> Hierarchies::detect(const std::string& cgroup_root, const std::string& mounts_path,
                                        const MachineFacts* known) {
  if (cgroup_root.find("..") != std::string::npos || cgroup_root.starts_with('/')) {
    return fail(ErrorKind::InvalidInput, "use --cgroup-root", cgroup_root, 0,
                "give a path below the hierarchies' mount points, without \"..\" or a leading '/'");
  }
  Result<std::string> mounts = read_file(mounts_path);
  if (!mounts) return tl::unexpected(mounts.error());
  Hierarchies found;
  found.cgroup_root_ = cgroup_root;
  bool any_v1 = false;
  bool any_v2 = false;
  std::istringstream lines(*mounts);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string device;
    std::string type;
    Hierarchy hierarchy;
    words >> device >> hierarchy.mount >> type >> hierarchy.flags;
    if (type != "cgroup" && type != "cgroup2") continue;
    hierarchy.version = type == "cgroup" ? CgroupVersion::V1 : CgroupVersion::V2;
    (hierarchy.version == CgroupVersion::V1 ? any_v1 : any_v2) = true;
    hierarchy.base = cgroup_root.empty() ? hierarchy.mount : hierarchy.mount + "/" + cgroup_root;
    hierarchy.controllers = hierarchy.version == CgroupVersion::V1 ? v1_controllers(hierarchy.flags)
                                                                   : v2_controllers(hierarchy.base);
    const bool seen = std::any_of(hierarchy.controllers.begin(), hierarchy.controllers.end(),
                                  [&](Controller c) { return found.find(c) != nullptr; });
    if (hierarchy.controllers.empty() || seen) continue;
    if (known) {
      std::erase_if(hierarchy.controllers, [&](Controller controller) {
        const auto usable = known->controllers.find(controller);
        return usable == known->controllers.end() || usable->second != hierarchy.version;
      });
      if (!hierarchy.controllers.empty()) found.all_.push_back(std::move(hierarchy));
      continue;
    }
    if (hierarchy.version == CgroupVersion::V2) offer_controllers(hierarchy, found.unusable_);
    Result<std::set<std::string>> files = files_of_new_group(hierarchy);
    if (!files) {
      for (const Controller controller : hierarchy.controllers) {
        found.unusable_[controller] = to_string(files.error());
      }
      continue;
    }
    hierarchy.files = std::move(*files);
    if (const std::string quota = outer_quota(hierarchy); !quota.empty()) {
      return fail(
          ErrorKind::Unavailable, "use cgroups here", "", 0,
          fmt::format("there is a CPU quota above Treeline's groups, {}: what it takes from them looks "
                      "like a fault of the kernel; lift it, give a group elsewhere with --cgroup-root, or "
                      "use the lab",
                      quota));
    }
    found.all_.push_back(std::move(hierarchy));
  }
  found.mode_ = any_v1 && any_v2 ? "hybrid" : any_v2 ? "v2" : "v1";
  if (found.all_.empty()) {
    std::string why =
        found.unusable_.empty() ? "no cgroup hierarchy is mounted" : found.unusable_.begin()->second;
    return fail(ErrorKind::Unavailable, "use cgroups here", "", 0,
                why + "; run as root, or give a delegated group with --cgroup-root");
  }
  return found;
}

const Hierarchy* Hierarchies::find(Controller controller) const {
  for (const Hierarchy& hierarchy : all_) {
    if (std::find(hierarchy.controllers.begin(), hierarchy.controllers.end(), controller) !=
        hierarchy.controllers.end()) {
      return &hierarchy;
    }
  }
  return nullptr;
}

}  // namespace treeline

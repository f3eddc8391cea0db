#include "cgroup/teardown.h"

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <thread>

#include "cgroup/fd.h"

namespace treeline {

namespace {

using Clock = std::chrono::steady_clock;

/// The folder and all below it, children before parents.
std::vector<std::string> post_order(const std::string& folder) {
  std::vector<std::string> folders{folder};
  std::error_code error;
  std::filesystem::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    if (entry->is_directory(error)) folders.push_back(entry->path().string());
  }
  std::sort(folders.begin(), folders.end(), [](const std::string& one, const std::string& other) {
    return std::count(one.begin(), one.end(), '/') > std::count(other.begin(), other.end(), '/');
  });
  return folders;
}

void stop_forks_and_thaw(const std::string& group) {
  write_file(group + "/pids.max", "0");
  write_file(group + "/freezer.state", "THAWED");
  write_file(group + "/cgroup.freeze", "0");
}

/// Sends SIGKILL to all members. True if there was any.
bool kill_members(const std::string& group) {
  bool any = false;
  std::istringstream pids(read_file(group + "/cgroup.procs").value_or(""));
  for (pid_t pid = 0; pids >> pid;) {
    if (pid <= 0) continue;  // 0: a process of another pid namespace
    ::kill(pid, SIGKILL);
    any = true;
  }
  return any;
}

bool kill_all(const std::vector<std::string>& groups) {
  bool any = false;
  for (const std::string& group : groups) {
    stop_forks_and_thaw(group);
    if (write_file(group + "/cgroup.kill", "1") != 0) any = kill_members(group) || any;
  }
  return any;
}

/// Removes what can be removed; the first group that could not be, or "".
std::string remove_groups(const std::vector<std::string>& groups) {
  std::string left;
  for (const std::string& group : groups) {
    if (::rmdir(group.c_str()) != 0 && errno != ENOENT && left.empty()) left = group;
  }
  return left;
}

}  // namespace

Result<void> tear_down(const std::vector<Folder>& folders, std::chrono::milliseconds deadline) {
  const Clock::time_point end = Clock::now() + deadline;
  auto pause = std::chrono::microseconds(100);
  while (true) {
    std::string left;
    std::vector<std::string> groups;
    for (const Folder& folder : folders) {
      std::error_code ignored;
      if (!std::filesystem::exists(folder.path, ignored)) continue;
      const std::vector<std::string> more = post_order(folder.path);
      groups.insert(groups.end(), more.begin(), more.end());
    }
    // The usual case: all members have exited, and removing is all there is to do.
    left = remove_groups(groups);
    if (left.empty()) return {};
    kill_all(groups);
    if (Clock::now() >= end) {
      return fail(ErrorKind::Infrastructure, "remove the group", left, EBUSY,
                  "something in it would not die; see its cgroup.procs");
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(10'000));
  }
}

}  // namespace treeline

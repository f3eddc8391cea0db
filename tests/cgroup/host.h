#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "cgroup/fd.h"
#include "cgroup/hierarchies.h"
#include "cgroup/run_group.h"

/// What the tests of real cgroups share. Everything they make carries this process's name and is looked for
/// afterwards.
namespace treeline::testing {

inline constexpr std::chrono::milliseconds kDeadline = std::chrono::seconds(20);

/// Looks until `done()` or the deadline. A deadline is for a hang: no test passes or fails by the time it
/// took.
template <typename Predicate>
bool poll_until(Predicate done, std::chrono::milliseconds deadline = kDeadline) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

inline bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

/// Folders directly below the hierarchies' bases whose name starts with `prefix`.
inline std::vector<std::string> groups_with(const Hierarchies& hierarchies, const std::string& prefix) {
  std::vector<std::string> found;
  for (const Hierarchy& hierarchy : hierarchies.all()) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(hierarchy.base, ignored)) {
      if (entry.path().filename().string().starts_with(prefix)) found.push_back(entry.path().string());
    }
  }
  return found;
}

inline std::vector<pid_t> members(const std::string& group) {
  std::vector<pid_t> pids;
  std::istringstream text(read_file(group + "/cgroup.procs").value_or(""));
  for (pid_t pid = 0; text >> pid;) pids.push_back(pid);
  return pids;
}

/// Field 3 of /proc/PID/stat; 'X' if there is no such process.
inline char state_of(pid_t pid) {
  const std::string text = read_file("/proc/" + std::to_string(pid) + "/stat").value_or("");
  const size_t name_end = text.rfind(')');
  return name_end == std::string::npos ? 'X' : text.at(name_end + 2);
}
inline bool has_ended(pid_t pid) { return state_of(pid) == 'X' || state_of(pid) == 'Z'; }

/// A child that runs `body`, else waits for its end. Dies with this process, at the latest with this object.
class Child {
 public:
  template <typename Body>
  explicit Child(Body body) {
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    body();
    while (true) ::pause();
  }
  Child() : Child([] {}) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (reaped_ || pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  pid_t pid() const { return pid_; }
  void kill() const { ::kill(pid_, SIGKILL); }
  /// Its status as from waitpid; -1 if it lives still at the deadline.
  int wait(std::chrono::milliseconds deadline = kDeadline) {
    int status = -1;
    reaped_ = poll_until([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; }, deadline);
    return reaped_ ? status : -1;
  }

 private:
  pid_t pid_ = -1;
  bool reaped_ = false;
};

inline bool killed(int status) { return status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL; }

/// A folder on disk that is removed at the end.
class TempFolder {
 public:
  TempFolder() {
    std::string name = "/var/tmp/treeline-test-XXXXXX";
    path_ = ::mkdtemp(name.data()) ? name : "";
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  bool empty() const { return std::filesystem::is_empty(path_); }

 private:
  std::string path_;
};

/// Skips where no cgroup can be made; fails if a group of this test's is left.
class HostTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    Result<Hierarchies> found = Hierarchies::detect("");
    if (!found) GTEST_SKIP() << to_string(found.error());
    Result<MachineFacts> facts = detect_machine(*found, "/var/tmp");
    if (!facts) GTEST_SKIP() << to_string(facts.error());
    hierarchies_ = std::move(*found);
    machine_ = std::move(*facts);
  }
  void TearDown() override {
    const std::vector<std::string> left = groups_with(hierarchies_, run_group_name(::getpid()));
    EXPECT_TRUE(left.empty()) << left.size() << " groups are left, such as " << left[0];
    for (const std::string& group : left) {
      (void)remove_run_group(hierarchies_, std::filesystem::path(group).filename().string());
    }
  }

  bool is_v1(Controller controller) const {
    const Hierarchy* hierarchy = hierarchies_.find(controller);
    return hierarchy && hierarchy->version == CgroupVersion::V1;
  }

  Hierarchies hierarchies_;
  MachineFacts machine_;
  const std::string owner_ = run_group_name(::getpid(), "test");
};

/// An own group in every hierarchy, for --cgroup-root: nothing outside of it is touched.
class OwnRoot {
 public:
  OwnRoot(const Hierarchies& top, const MachineFacts& machine)
      : top_(top), name_(run_group_name(::getpid(), "root")) {
    for (const Hierarchy& hierarchy : top.all()) {
      const std::string folder = hierarchy.base + "/" + name_;
      ::mkdir(folder.c_str(), 0755);
      write_file(folder + "/cpuset.cpus", format_id_set(IdSet{machine.cpus}));
      write_file(folder + "/cpuset.mems", format_id_set(IdSet{machine.mems}));
      if (hierarchy.version == CgroupVersion::V1) continue;
      for (const Controller controller : hierarchy.controllers) {
        write_file(folder + "/cgroup.subtree_control", "+" + std::string(controller_name(controller)));
      }
    }
  }
  OwnRoot(const OwnRoot&) = delete;
  OwnRoot& operator=(const OwnRoot&) = delete;
  ~OwnRoot() { (void)remove_run_group(top_, name_); }
  const std::string& name() const { return name_; }
  Result<Hierarchies> hierarchies() const { return Hierarchies::detect(name_); }

 private:
  const Hierarchies& top_;
  std::string name_;
};

}  // namespace treeline::testing

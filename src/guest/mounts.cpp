#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <sstream>
#include <vector>

#include "cgroup/fd.h"
#include "guest/system.h"

namespace treeline::guest {

namespace {

constexpr const char* kCgroupRoot = "/sys/fs/cgroup";

Result<void> mount_at(const std::string& folder, const char* type, const char* config,
                      const char* options = nullptr) {
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    return fail(ErrorKind::Infrastructure, "make the folder", folder, errno);
  }
  if (::mount(type, folder.c_str(), type, 0, options) != 0) {
    return fail(ErrorKind::Unavailable, fmt::format("mount {} at", type), folder, errno,
                fmt::format("the kernel needs {}", config));
  }
  return {};
}

/// Controllers of /proc/cgroups that are enabled.
std::vector<std::string> controllers() {
  std::vector<std::string> result;
  std::istringstream lines(read_file("/proc/cgroups").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream words(line);
    std::string name;
    int hierarchy = 0, groups = 0, enabled = 0;
    words >> name >> hierarchy >> groups >> enabled;
    if (enabled != 0) result.push_back(name);
  }
  return result;
}

Result<void> mount_v1() {
  if (auto mounted = mount_at(kCgroupRoot, "tmpfs", "CONFIG_TMPFS", "mode=755"); !mounted) return mounted;
  int count = 0;
  for (const std::string& name : controllers()) {
    if (name == "cpuacct") continue;  // with cpu, as systemd mounts them
    const std::string options = name == "cpu" ? "cpu,cpuacct" : name;
    const std::string folder = fmt::format("{}/{}", kCgroupRoot, options);
    // EINVAL: built without its v1 files (CONFIG_MEMCG_V1, CONFIG_CPUSETS_V1 since 6.12).
    if (mount_at(folder, "cgroup", "CONFIG_CGROUPS", options.c_str())) {
      ++count;
    } else {
      ::rmdir(folder.c_str());
    }
  }
  if (count == 0) {
    return fail(ErrorKind::Unavailable, "mount cgroup v1 controllers at", kCgroupRoot, 0,
                "the kernel needs CONFIG_CGROUPS with CONFIG_MEMCG_V1, CONFIG_CPUSETS_V1, …");
  }
  return {};
}

}  // namespace

Result<void> mount_basics() {
  for (const auto& [folder, type, config] :
       {std::tuple{"/proc", "proc", "CONFIG_PROC_FS"}, std::tuple{"/sys", "sysfs", "CONFIG_SYSFS"},
        std::tuple{"/dev", "devtmpfs", "CONFIG_DEVTMPFS"}, std::tuple{"/tmp", "tmpfs", "CONFIG_TMPFS"}}) {
    if (auto mounted = mount_at(folder, type, config); !mounted) return mounted;
  }
  const int console = ::open("/dev/console", O_RDWR);
  for (int fd = 0; console >= 0 && fd <= 2; ++fd) ::dup2(console, fd);
  if (console > 2) ::close(console);
  struct utsname names {};
  ::uname(&names);
  ::rename("/boot/config-lab",
           fmt::format("/boot/config-{}", names.release).c_str());    // where facts are sought
  (void)mount_at("/sys/kernel/debug", "debugfs", "CONFIG_DEBUG_FS");  // base_slice_ns, if it is there
  return {};
}

Result<Settings> read_settings() {
  const Result<std::string> line = read_file("/proc/cmdline");
  if (!line) return tl::unexpected(line.error());
  Settings settings;
  std::istringstream words(*line);
  for (std::string word; words >> word;) {
    if (word.starts_with("treeline.mode=")) settings.mode = word.substr(14);
    if (word.starts_with("treeline.swap=")) settings.swap_bytes = word.substr(14);
  }
  return settings;
}

Result<void> mount_cgroups(const std::string& mode) {
  if (mode == "v2") return mount_at(kCgroupRoot, "cgroup2", "CONFIG_CGROUPS");
  if (auto mounted = mount_v1(); !mounted || mode == "v1") return mounted;
  return mount_at(fmt::format("{}/unified", kCgroupRoot), "cgroup2", "CONFIG_CGROUPS");
}

}  // namespace treeline::guest

#include "cgroup/run_group.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <optional>

#include "cgroup/fd.h"
#include "cgroup/teardown.h"

namespace treeline {

namespace {

constexpr std::string_view kPrefix = "treeline-";

/// Field 22 of /proc/PID/stat: when the process started, in clock ticks since boot. 0: there is no such
/// process.
unsigned long long start_time(pid_t pid) {
  const std::string text = read_file(fmt::format("/proc/{}/stat", pid)).value_or("");
  const size_t after_name = text.rfind(')');
  if (after_name == std::string::npos) return 0;
  // A zombie has stopped to run anything and to own anything.
  if (text.compare(after_name + 2, 1, "Z") == 0 || text.compare(after_name + 2, 1, "X") == 0) return 0;
  size_t at = after_name + 1;
  for (int field = 2; field < 22; ++field) {
    at = text.find(' ', at);
    if (at == std::string::npos) return 0;
    if (field < 21) ++at;
  }
  return std::strtoull(text.c_str() + at, nullptr, 10);
}

struct Owner {
  pid_t pid = 0;
  unsigned long long started = 0;
};

std::optional<Owner> parse(const std::string& name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  Owner owner;
  const char* const end = name.data() + name.size();
  const auto pid = std::from_chars(name.data() + kPrefix.size(), end, owner.pid);
  if (pid.ec != std::errc() || pid.ptr == end || *pid.ptr != '-') return std::nullopt;
  const auto started = std::from_chars(pid.ptr + 1, end, owner.started);
  if (started.ec != std::errc() || (started.ptr != end && *started.ptr != '-')) return std::nullopt;
  if (name.find('/') != std::string::npos) return std::nullopt;  // one folder, and no way out of its parent
  return owner;
}

}  // namespace

std::string run_group_name(pid_t owner, const std::string& tag) {
  const std::string name = fmt::format("{}{}-{}", kPrefix, owner, start_time(owner));
  return tag.empty() ? name : name + "-" + tag;
}

bool is_run_group_name(const std::string& name) { return parse(name).has_value(); }

bool owner_is_alive(const std::string& name) {
  const std::optional<Owner> owner = parse(name);
  return owner && owner->started != 0 && start_time(owner->pid) == owner->started;
}

void sweep_folder(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (is_run_group_name(name) && !owner_is_alive(name)) std::filesystem::remove_all(entry.path(), error);
  }
}

Result<void> remove_run_group(const Hierarchies& hierarchies, const std::string& name) {
  if (!is_run_group_name(name)) {
    return fail(ErrorKind::InvalidInput, "remove the group", name, 0, "it is not one of Treeline's");
  }
  std::vector<Folder> folders;
  for (const Hierarchy& hierarchy : hierarchies.all()) {
    const std::string folder = hierarchy.base + "/" + name;
    std::error_code ignored;
    if (std::filesystem::exists(folder, ignored)) folders.push_back({folder, hierarchy.version});
  }
  return tear_down(folders, std::chrono::seconds(10));
}

Result<std::vector<std::string>> sweep(const Hierarchies& hierarchies, const std::string& scratch_dir) {
  std::set<std::string> dead;
  const auto look_in = [&](const std::string& folder) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      const std::string name = entry.path().filename().string();
      if (is_run_group_name(name) && !owner_is_alive(name)) dead.insert(name);
    }
  };
  for (const Hierarchy& hierarchy : hierarchies.all()) look_in(hierarchy.base);
  look_in(scratch_dir);
  for (const std::string& name : dead) {
    if (Result<void> removed = remove_run_group(hierarchies, name); !removed) {
      return tl::unexpected(removed.error());
    }
    std::error_code error;
    const std::filesystem::path scratch = std::filesystem::path(scratch_dir) / name;
    std::filesystem::remove_all(scratch, error);
    if (error) return fail(ErrorKind::Infrastructure, "remove", scratch.string(), error.value());
  }
  return std::vector<std::string>(dead.begin(), dead.end());
}

}  // namespace treeline

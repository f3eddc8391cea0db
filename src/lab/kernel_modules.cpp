#include "lab/kernel_modules.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "cgroup/fd.h"
#include "machine/process.h"

namespace treeline {

namespace {

constexpr auto kToolLimit = std::chrono::seconds(30);

/// '-' and '_' are the same in a module's name.
std::string normal(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// "kernel/fs/null-blk.ko.xz" → "null_blk"; "" if it is no module.
std::string module_name(const std::filesystem::path& path) {
  const std::string file = path.filename().string();
  const size_t end = file.find(".ko");
  if (end == std::string::npos) return {};
  const std::string rest = file.substr(end + 3);
  const bool is_module = rest.empty() || rest == ".gz" || rest == ".xz" || rest == ".zst";
  return is_module ? normal(file.substr(0, end)) : "";
}

Result<std::map<std::string, std::string>> index_of(const std::string& folder) {
  std::map<std::string, std::string> paths;
  std::error_code error;
  std::filesystem::recursive_directory_iterator files(folder, error);
  if (error) {
    return fail(ErrorKind::InvalidInput, "look for modules in", folder, error.value(),
                "give the folder that holds the kernel's .ko files with --modules");
  }
  for (const auto& file : files) {
    if (const std::string name = module_name(file.path()); !name.empty()) paths[name] = file.path().string();
  }
  return paths;
}

Result<std::string> read_module(const std::string& path) {
  if (path.ends_with(".xz")) return run_tool({"xz", "-dc", path}, kToolLimit);
  if (path.ends_with(".gz")) return run_tool({"gzip", "-dc", path}, kToolLimit);
  if (path.ends_with(".zst")) return run_tool({"zstd", "-dcq", path}, kToolLimit);
  return read_file(path);
}

class Collector {
 public:
  explicit Collector(std::map<std::string, std::string> paths) : paths_(std::move(paths)) {}

  Result<void> add(const std::string& name) {
    const auto path = paths_.find(normal(name));
    if (path == paths_.end() || !seen_.insert(path->first).second) return {};
    Result<std::string> contents = read_module(path->second);
    if (!contents) return tl::unexpected(contents.error());
    for (const std::string& needed : dependencies_of(*contents)) {
      if (Result<void> added = add(needed); !added) return added;
    }
    modules.push_back({path->first + ".ko", std::move(*contents)});
    return {};
  }

  std::vector<KernelModule> modules;

 private:
  std::map<std::string, std::string> paths_;
  std::set<std::string> seen_;
};

}  // namespace

std::vector<std::string> dependencies_of(const std::string& contents) {
  std::vector<std::string> result;
  for (const std::string_view key : {std::string_view("depends="), std::string_view("softdep=pre:")}) {
    const std::string start = '\0' + std::string(key);
    for (size_t at = 0; (at = contents.find(start, at)) != std::string::npos;) {
      at += start.size();
      std::string value = contents.substr(at, contents.find('\0', at) - at);
      value = value.substr(0, value.find("post:"));
      std::replace(value.begin(), value.end(), ',', ' ');
      std::istringstream words(value);
      for (std::string word; words >> word;) result.push_back(word);
    }
  }
  return result;
}

Result<std::vector<KernelModule>> collect_modules(const std::string& folder,
                                                  const std::vector<std::string>& names) {
  if (folder.empty()) return std::vector<KernelModule>{};
  Result<std::map<std::string, std::string>> paths = index_of(folder);
  if (!paths) return tl::unexpected(paths.error());
  Collector collector(std::move(*paths));
  for (const std::string& name : names) {
    if (Result<void> added = collector.add(name); !added) return tl::unexpected(added.error());
  }
  return std::move(collector.modules);
}

}  // namespace treeline

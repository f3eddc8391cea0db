#include "lab/kernel_image.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <vector>

#include "cgroup/fd.h"
#include "cgroup/run_group.h"
#include "lab/cache.h"
#include "machine/process.h"

namespace treeline {

namespace {

namespace fs = std::filesystem;

constexpr auto kSearchLimit = std::chrono::seconds(60);
constexpr auto kDownloadLimit = std::chrono::minutes(10);
/// As Debian's packages have it, below the folder that one is unpacked in: paths relative to that folder.
constexpr const char* kChecksums = "DEBIAN/md5sums";

/// "debian-6.12" → "6.12"; "" for other names.
std::string series_of(const std::string& name) {
  constexpr std::string_view kPrefix = "debian-";
  const std::string series = name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : "";
  return series.find_first_not_of("0123456789.") == std::string::npos ? series : "";
}

/// The newest package of the series; "" if apt knows none.
Result<std::string> newest_package(const std::string& series) {
  std::string pattern = series;
  for (size_t at = 0; (at = pattern.find('.', at)) != std::string::npos; at += 2) pattern.insert(at, 1, '\\');
  const Result<std::string> found = run_tool(
      {"apt-cache", "search", "--names-only", fmt::format("^linux-image-{}\\.[^ ]*-cloud-amd64$", pattern)},
      kSearchLimit);
  if (!found) return tl::unexpected(found.error());
  std::string newest;
  std::istringstream lines(*found);
  for (std::string line; std::getline(lines, line);) {
    const std::string package = line.substr(0, line.find(' '));
    if (newest.empty() || strverscmp(package.c_str(), newest.c_str()) > 0) newest = package;
  }
  return newest;
}

Result<void> fetch(const std::string& series, const std::string& folder) {
  Result<std::string> package = newest_package(series);
  if (!package) return tl::unexpected(package.error());
  if (package->empty() && ::geteuid() == 0) {
    (void)run_tool({"apt-get", "-qq", "update"}, kDownloadLimit);
    package = newest_package(series);
    if (!package) return tl::unexpected(package.error());
  }
  if (package->empty()) {
    return fail(
        ErrorKind::Unavailable, "find a kernel package of the series", series, 0,
        "run apt-get update, with bookworm-security among the sources, or give a kernel of your own with "
        "--kernel");
  }
  // The sandbox user of apt may not write into the cache.
  if (auto got = run_tool({"apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", *package},
                          kDownloadLimit, folder);
      !got) {
    got.error().kind = ErrorKind::Unavailable;
    return tl::unexpected(got.error());
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".deb") continue;
    const std::string deb = entry.path().string();
    // Raw: with the package's own checksums.
    if (auto unpacked = run_tool({"dpkg-deb", "-R", deb, folder}, kDownloadLimit); !unpacked) {
      return tl::unexpected(unpacked.error());
    }
    ::unlink(deb.c_str());
    return {};
  }
  return fail(ErrorKind::Infrastructure, "find the package in", folder, ENOENT);
}

/// The first file of `folder` whose name starts so; "" if there is none.
std::string file_in(const std::string& folder, const std::string& start) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().filename().string().starts_with(start)) return entry.path().string();
  }
  return {};
}

/// x86 boot protocol: "HdrS" at 0x202 (Documentation/arch/x86/boot.rst); or ELF.
bool is_kernel(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char head[0x206] = {};
  if (!fd || ::pread(fd.get(), head, sizeof head, 0) != sizeof head) return false;
  return std::memcmp(head + 0x202, "HdrS", 4) == 0 || std::memcmp(head, "\177ELF", 4) == 0;
}

Result<void> check_image(const std::string& path, const char* advice) {
  if (is_kernel(path)) return {};
  const int errnum = ::access(path.c_str(), R_OK) == 0 ? 0 : errno;
  return fail(ErrorKind::InvalidInput, "use as a kernel", path, errnum, advice);
}

}  // namespace

std::string default_cache_folder() {
  if (const char* own = std::getenv("TREELINE_CACHE")) return own;
  if (const char* xdg = std::getenv("XDG_CACHE_HOME")) return fmt::format("{}/treeline", xdg);
  const char* home = std::getenv("HOME");
  return home ? fmt::format("{}/.cache/treeline", home) : "/var/cache/treeline";
}

Result<void> check_debian_kernel(const std::string& name) {
  if (!series_of(name).empty()) return {};
  return fail(ErrorKind::InvalidInput, "find the kernel", name, 0,
              "write debian-6.1 or debian-6.12, or give a file with --kernel");
}

Result<KernelImage> find_debian_kernel(const std::string& name, const std::string& cache) {
  if (Result<void> known = check_debian_kernel(name); !known) return tl::unexpected(known.error());
  const std::string series = series_of(name);
  const std::string folder = fmt::format("{}/kernels/{}", cache, name);
  const Result<CacheLock> lock = CacheLock::take(cache);
  if (!lock) return tl::unexpected(lock.error());
  const std::string checksums = fmt::format("{}/{}", folder, kChecksums);
  if (::access(checksums.c_str(), F_OK) != 0) {
    Result<CacheEntry> entry = CacheEntry::begin(folder);
    if (!entry) return tl::unexpected(entry.error());
    if (Result<void> fetched = fetch(series, entry->path()); !fetched) return tl::unexpected(fetched.error());
    if (Result<void> kept = entry->keep(); !kept) return tl::unexpected(kept.error());
  }
  KernelImage kernel{name, file_in(folder + "/boot", "vmlinuz-"), folder + "/lib/modules",
                     file_in(folder + "/boot", "config-"), folder};
  if (auto good = check_image(kernel.image.empty() ? folder : kernel.image,
                              "the cache is damaged: remove that folder, and it is fetched again");
      !good) {
    return tl::unexpected(good.error());
  }
  return kernel;
}

Result<void> check_package(const KernelImage& kernel) {
  if (kernel.package.empty()) return {};
  auto whole = run_tool({"md5sum", "--check", "--quiet", kChecksums}, kSearchLimit, kernel.package);
  if (whole) return {};
  return fail(ErrorKind::Infrastructure, "use the kernel in", kernel.package, 0,
              fmt::format("the cache is damaged ({}): remove that folder, and it is fetched again",
                          whole.error().advice));
}

Result<KernelImage> open_kernel(const std::string& path, const std::string& modules) {
  if (auto good = check_image(path, "give a bzImage or a vmlinux for x86-64"); !good) {
    return tl::unexpected(good.error());
  }
  const fs::path image = fs::absolute(path);
  KernelImage kernel{image.filename().string(), image.string(), modules, "", ""};
  const fs::path folder = image.parent_path();
  std::string release = kernel.label;
  if (const size_t dash = release.find('-'); dash != std::string::npos) release.erase(0, dash + 1);
  for (const fs::path& config :
       {folder / ".config", folder / ("config-" + release), folder / "../../../.config"}) {
    std::error_code error;
    if (kernel.config.empty() && fs::exists(config, error)) kernel.config = config.string();
  }
  return kernel;
}

}  // namespace treeline

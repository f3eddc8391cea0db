#include "lab/cache.h"

#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "cgroup/run_group.h"

namespace treeline {

namespace {

namespace fs = std::filesystem;

constexpr const char* kAdvice = "make room there, or give another folder with --cache";

tl::unexpected<Error> failed(const char* operation, const std::string& path, int errnum) {
  if (errnum == EACCES || errnum == EPERM || errnum == EROFS) {
    return fail(ErrorKind::Unavailable, operation, path, errnum, "give a folder of your own with --cache");
  }
  return fail(ErrorKind::Infrastructure, operation, path, errnum, kAdvice);
}

}  // namespace

Result<CacheLock> CacheLock::take(const std::string& cache) {
  std::error_code error;
  for (const char* folder : {"kernels", "snapshots"}) {
    fs::create_directories(fmt::format("{}/{}", cache, folder), error);
    if (error) return failed("make the cache folder", cache, error.value());
  }
  const std::string path = cache + "/lock";
  Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!fd) return failed("open", path, errno);
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return failed("lock", path, errno);
  }
  for (const char* folder : {"kernels", "snapshots"}) sweep_folder(fmt::format("{}/{}", cache, folder));
  return CacheLock(std::move(fd));
}

Result<CacheEntry> CacheEntry::begin(const std::string& final_path) {
  CacheEntry entry;
  const fs::path target(final_path);
  entry.final_path_ = final_path;
  entry.path_ = target.parent_path() / run_group_name(::getpid(), target.filename().string());
  std::error_code error;
  fs::create_directory(entry.path_, error);
  if (error) return failed("make the folder", entry.path_, error.value());
  return entry;
}

CacheEntry::CacheEntry(CacheEntry&& other) noexcept
    : path_(std::exchange(other.path_, {})), final_path_(std::move(other.final_path_)) {}

CacheEntry::~CacheEntry() {
  if (path_.empty()) return;
  std::error_code error;
  fs::remove_all(path_, error);
  if (error) std::cerr << fmt::format("treeline: remove {}: {}\n", path_, error.message());
}

Result<void> CacheEntry::keep() {
  std::error_code error;
  fs::remove_all(final_path_, error);
  if (::rename(path_.c_str(), final_path_.c_str()) != 0) return failed("rename to", final_path_, errno);
  path_.clear();
  return {};
}

Result<void> write_new_file(const std::string& path, std::string_view contents) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return failed("make the file", path, errno);
  while (!contents.empty()) {
    const ssize_t written = ::write(fd.get(), contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failed("write", path, errno);
    contents.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

}  // namespace treeline

#include "executor/scratch.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <iostream>
#include <vector>

#include "cgroup/fd.h"

namespace treeline {

namespace {

constexpr const char* kFullAdvice = "free some space there, or give another folder with --scratch";

/// Written and synced, so that reads reach the device.
int fill(int fd, int64_t bytes) {
  const std::vector<char> block(256 << 10, 't');
  for (int64_t at = 0; at < bytes; at += static_cast<int64_t>(block.size())) {
    const auto length =
        static_cast<size_t>(std::min<int64_t>(static_cast<int64_t>(block.size()), bytes - at));
    if (::pwrite(fd, block.data(), length, at) != static_cast<ssize_t>(length)) return errno ? errno : EIO;
  }
  return ::fdatasync(fd) == 0 ? 0 : errno;
}

int make_file(const std::string& path, const Workload& workload) {
  const Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return errno;
  if (const auto* hog = std::get_if<MemoryHog>(&workload)) {
    return ::ftruncate(fd.get(), hog->bytes) == 0 ? 0 : errno;
  }
  const IoHog& hog = std::get<IoHog>(workload);
  const int error = fill(fd.get(), (hog.file_bytes + 4095) / 4096 * 4096);
  if (error == 0) ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  return error;
}

bool needs_file(const Workload& workload) {
  const auto* hog = std::get_if<MemoryHog>(&workload);
  return std::holds_alternative<IoHog>(workload) || (hog && hog->kind == MemoryKind::File);
}

}  // namespace

Result<Scratch> Scratch::create(const std::string& folder, const Scenario& scenario) {
  Scratch scratch;
  scratch.files_.resize(scenario.workers.size());
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    const Workload& workload = scenario.workers[i].workload;
    if (!needs_file(workload)) continue;
    if (scratch.folder_.empty()) {
      if (::mkdir(folder.c_str(), 0700) != 0) {
        return fail(ErrorKind::Infrastructure, "make the scratch folder", folder, errno, kFullAdvice);
      }
      scratch.folder_ = folder;
    }
    scratch.files_[i] = fmt::format("{}/worker-{}", folder, i);
    if (const int error = make_file(scratch.files_[i], workload)) {
      return fail(ErrorKind::Infrastructure, "write the scratch file", scratch.files_[i], error, kFullAdvice);
    }
  }
  return scratch;
}

Scratch::Scratch(Scratch&& other) noexcept
    : folder_(std::exchange(other.folder_, {})), files_(std::move(other.files_)) {}

Scratch::~Scratch() {
  if (folder_.empty()) return;
  std::error_code error;
  std::filesystem::remove_all(folder_, error);
  if (error) std::cerr << fmt::format("treeline: remove {}: {}\n", folder_, error.message());
}

}  // namespace treeline

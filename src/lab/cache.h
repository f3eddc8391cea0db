#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cgroup/fd.h"
#include "model/error.h"

namespace treeline {

/// One process at a time fills the cache: two that want the same entry do not collide, and the second finds
/// it.
class CacheLock {
 public:
  /// Makes the cache folder if it is not there, waits for the lock, and removes what dead builders have left.
  static Result<CacheLock> take(const std::string& cache);

 private:
  explicit CacheLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;  ///< flock goes away with it, however the process ends.
};

/// A folder of the cache while it is filled: under a name that tells its owner, and removed unless it is
/// kept.
class CacheEntry {
 public:
  /// `final_path` is where keep() puts it, instead of what may be there.
  static Result<CacheEntry> begin(const std::string& final_path);
  CacheEntry(CacheEntry&& other) noexcept;
  CacheEntry& operator=(CacheEntry&&) = delete;
  ~CacheEntry();

  const std::string& path() const { return path_; }
  Result<void> keep();

 private:
  CacheEntry() = default;
  std::string path_;
  std::string final_path_;
};

/// Writes a whole new file. Its errors say that the cache is full, where it is.
Result<void> write_new_file(const std::string& path, std::string_view contents);

}  // namespace treeline

#include "nightly/night_folder.h"

#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include "cgroup/run_group.h"
#include "model/hash.h"
#include "search/results_store.h"
#include "store/history.h"

namespace treeline {

namespace {

namespace fs = std::filesystem;

constexpr const char* kAdvice = "give a folder that can be written to with --results";

std::string nights_of(const std::string& results) { return results + "/nights"; }

/// The locked file; none where another process holds it.
Result<std::optional<Fd>> lock_in(const std::string& folder, int flags) {
  const std::string path = folder + "/lock";
  Fd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | flags, 0644));
  if (!fd) return fail(ErrorKind::Infrastructure, "claim the night", path, errno, kAdvice);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return std::optional<Fd>(std::move(fd));
  if (errno == EWOULDBLOCK) return std::optional<Fd>();
  return fail(ErrorKind::Infrastructure, "claim the night", path, errno, kAdvice);
}

std::string dated(int64_t now) { return time_text(now, "%F-%H%M%S"); }

}  // namespace

Result<NightFolder> NightFolder::make(const std::string& results, int64_t now) {
  const std::string nights = nights_of(results);
  const std::string aside = nights + "/" + run_group_name(::getpid(), "night");
  if (Result<void> made = make_results_folder(aside); !made) return tl::unexpected(made.error());
  Result<std::optional<Fd>> lock = lock_in(aside, O_CREAT);
  if (!lock) return tl::unexpected(lock.error());
  if (!*lock) return fail(ErrorKind::Infrastructure, "claim the night", aside, EWOULDBLOCK);
  constexpr int kMost = 1000;
  for (int i = 1; i < kMost; ++i) {
    const std::string name = i == 1 ? dated(now) : fmt::format("{}-{}", dated(now), i);
    const std::string path = fmt::format("{}/{}", nights, name);
    // A folder that is there is never empty: it holds its lock.
    if (std::rename(aside.c_str(), path.c_str()) == 0) return NightFolder(nights, name, std::move(**lock));
    if (errno != EEXIST && errno != ENOTEMPTY) {
      return fail(ErrorKind::Infrastructure, "make the night's folder", path, errno, kAdvice);
    }
  }
  return fail(ErrorKind::Infrastructure, "make the night's folder", nights + "/" + dated(now), EEXIST,
              "remove folders there that are no nights");
}

Result<std::optional<NightFolder>> NightFolder::claim(const std::string& results, const std::string& name) {
  const std::string nights = nights_of(results);
  if (Result<void> made = make_results_folder(nights + "/" + name); !made)
    return tl::unexpected(made.error());
  Result<std::optional<Fd>> lock = lock_in(nights + "/" + name, O_CREAT);
  if (!lock) return tl::unexpected(lock.error());
  if (!*lock) return std::optional<NightFolder>();
  return std::optional(NightFolder(nights, name, std::move(**lock)));
}

Result<void> NightFolder::point_latest() const {
  const std::string aside = nights_ + "/" + run_group_name(::getpid(), "latest");
  const std::string latest = nights_ + "/latest";
  ::unlink(aside.c_str());
  if (::symlink(name_.c_str(), aside.c_str()) != 0 || std::rename(aside.c_str(), latest.c_str()) != 0) {
    const int error = errno;
    ::unlink(aside.c_str());
    return fail(ErrorKind::Infrastructure, "point to the night", latest, error, kAdvice);
  }
  return {};
}

Result<void> sweep_nights(const std::string& results, Nights& nights) {
  const std::string folder = nights_of(results);
  sweep_folder(folder);
  // Claimed first and looked up then: a night that was begun meanwhile is in the table, or is not claimed
  // here.
  std::vector<std::pair<fs::path, Fd>> unclaimed;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const bool is_ours = !entry.is_symlink() && !is_run_group_name(entry.path().filename().string()) &&
                         fs::exists(entry.path() / "lock", error);
    if (!is_ours) continue;
    Result<std::optional<Fd>> lock = lock_in(entry.path().string(), 0);
    if (!lock) return tl::unexpected(lock.error());
    if (*lock) unclaimed.emplace_back(entry.path(), std::move(**lock));
  }
  const Result<std::vector<Night>> all = nights.all();
  if (!all) return tl::unexpected(all.error());
  std::set<std::string> kept;
  for (const Night& night : *all) {
    if (!night.removed) kept.insert(night.folder);
  }
  for (const auto& [path, lock] : unclaimed) {
    if (kept.contains(path.filename().string())) continue;
    fs::remove_all(path, error);
    if (error) return fail(ErrorKind::Infrastructure, "remove the night", path.string(), error.value());
  }
  return {};
}

Result<void> retain_nights(const std::string& results, Nights& nights, const Retention& retention,
                           int64_t now) {
  const Result<std::vector<Night>> all = nights.all();
  if (!all) return tl::unexpected(all.error());
  for (const Night& night : to_remove(*all, retention, now)) {
    if (Result<void> removed = nights.remove(night.id); !removed) return removed;
  }
  return sweep_nights(results, nights);
}

std::string folder_name_of(const std::string& machine, const std::string& fault) {
  std::string name = fault.empty() ? machine : machine + "-" + fault;
  const auto is_plain = [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; };
  const bool tells_apart =
      std::all_of(name.begin(), name.end(), [&](unsigned char c) { return is_plain(c) || c == '/'; });
  const uint64_t hash = hash_of(name);
  std::replace_if(
      name.begin(), name.end(), [&](unsigned char c) { return !is_plain(c); }, '-');
  return tells_apart ? name : fmt::format("{}-{:08x}", name, hash & 0xFFFFFFFF);
}

}  // namespace treeline

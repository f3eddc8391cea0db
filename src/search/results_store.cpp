#include "search/results_store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "cgroup/fd.h"
#include "cgroup/run_group.h"
#include "model/hash.h"
#include "model/json.h"

namespace treeline {

namespace {

namespace fs = std::filesystem;

constexpr const char* kAdvice = "free some space there, or give another folder with --results";

int write_whole(const Fd& fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd.get(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

std::string in_flight_name(int lane) {
  return lane == 0 ? "/in-flight.json" : fmt::format("/in-flight-{}.json", lane);
}

}  // namespace

Result<void> make_results_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) return {};
  return fail(ErrorKind::InvalidInput, "make the results folder", folder, error.value(),
              "give one that can be written to with --results");
}

Result<void> replace_file(const std::string& path, const std::string& text) {
  const std::string aside =
      fs::path(path).parent_path() / run_group_name(::getpid(), fs::path(path).filename().string());
  const Fd fd(::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) return fail(ErrorKind::Infrastructure, "write", path, errno, kAdvice);
  int error = write_whole(fd, text);
  if (error == 0 && std::rename(aside.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return {};
  ::unlink(aside.c_str());
  return fail(ErrorKind::Infrastructure, "write", path, error, kAdvice);
}

Result<ResultsStore> ResultsStore::open(const std::string& folder) {
  for (const std::string& written : {folder, folder + "/failures", folder + "/errors"}) {
    if (Result<void> made = make_results_folder(written); !made) return tl::unexpected(made.error());
    sweep_folder(written);
  }
  return ResultsStore(folder);
}

Result<void> ResultsStore::save_in_flight(const Counterexample& example, int lane) const {
  return replace_file(folder_ + in_flight_name(lane), to_json(example));
}

void ResultsStore::clear_in_flight(int lanes) const {
  for (int lane = 0; lane < lanes; ++lane) ::unlink((folder_ + in_flight_name(lane)).c_str());
}

Result<void> ResultsStore::save_summary(const std::string& text) const {
  return replace_file(folder_ + "/summary.json", text);
}

Result<std::string> ResultsStore::save_trouble(const Counterexample& example) const {
  const Provenance& from = *example.provenance;
  const std::string path =
      fmt::format("{}/errors/{}-{}-{}.json", folder_, from.property, from.seed, from.index);
  if (Result<void> saved = replace_file(path, to_json(example, 1)); !saved)
    return tl::unexpected(saved.error());
  return path;
}

Result<std::string> ResultsStore::save_failure(const Counterexample& example) const {
  const std::string invariant = example.signature ? example.signature->invariant : "unknown";
  const std::string path =
      fmt::format("{}/failures/{}{}-{:016x}.json", folder_, example.flaky ? "flaky-" : "", invariant,
                  hash_of(to_json(example.scenario)));
  if (Result<void> saved = replace_file(path, to_json(example, 1)); !saved)
    return tl::unexpected(saved.error());
  return path;
}

}  // namespace treeline

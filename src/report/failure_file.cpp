#include "report/failure_file.h"

#include <filesystem>

#include "model/json.h"

namespace treeline {

namespace fs = std::filesystem;

namespace {

/// What follows the last failures/ of a path: NAME, or MACHINE/NAME of a night.
fs::path below_failures(const fs::path& file) {
  fs::path below = file.filename();
  for (fs::path above = file.parent_path(); above.has_filename(); above = above.parent_path()) {
    if (above.filename() == "failures") return below;
    below = above.filename() / below;
  }
  return file.filename();
}

}  // namespace

std::string file_of(const StoredFailure& known, const std::string& folder) {
  std::error_code error;
  if (known.file.empty() || fs::exists(known.file, error)) return known.file;
  std::string moved = fs::path(folder) / "failures" / below_failures(known.file);
  return fs::exists(moved, error) ? moved : known.file;
}

LoadedFailure load_failure(const StoredFailure& known, const std::string& folder) {
  LoadedFailure loaded;
  loaded.file = file_of(known, folder);
  Result<Counterexample> read = counterexample_from_file(loaded.file);
  if (read) {
    loaded.example = std::move(*read);
    return loaded;
  }
  loaded.trouble = to_string(read.error());
  if (Result<Scenario> first = scenario_from_json(known.example)) loaded.example.scenario = std::move(*first);
  return loaded;
}

}  // namespace treeline

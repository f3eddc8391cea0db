#include "report/failure_file.h"

#include <filesystem>

#include "model/json.h"

namespace treeline {

namespace fs = std::filesystem;

std::string file_of(const StoredFailure& known, const std::string& folder) {
  std::error_code error;
  if (known.file.empty() || fs::exists(known.file, error)) return known.file;
  std::string moved = fs::path(folder) / "failures" / fs::path(known.file).filename();
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

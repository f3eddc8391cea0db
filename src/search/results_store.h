#pragma once

#include <string>

#include "model/counterexample.h"
#include "model/error.h"

namespace treeline {

/// Makes the folder and its parents. InvalidInput if it cannot be used.
Result<void> make_results_folder(const std::string& folder);
/// Written aside and renamed: a reader, or a kill at any instant, finds the old file or the new one.
Result<void> replace_file(const std::string& path, const std::string& text);

/// The results folder: in-flight.json, what runs now (in-flight-1.json and so on, what runs beside it);
/// failures/*.json; summary.json, of the last search that came to its end. Files are written aside and
/// renamed, so that a reader, or a kill at any instant, finds whole ones.
class ResultsStore {
 public:
  /// Makes the folder, and removes what killed writers have left in it. InvalidInput if it cannot be used.
  static Result<ResultsStore> open(const std::string& folder);

  /// Before it runs in that lane: whatever happens then, the scenario can be read from disk.
  Result<void> save_in_flight(const Counterexample& example, int lane) const;
  /// After the search: its presence tells of one that did not come to its end.
  void clear_in_flight(int lanes) const;
  /// What ran when the machine failed: errors/PROPERTY-SEED-INDEX.json, which is returned.
  Result<std::string> save_trouble(const Counterexample& example) const;
  /// The file that it was saved as.
  Result<std::string> save_failure(const Counterexample& example) const;
  Result<void> save_summary(const std::string& text) const;

 private:
  explicit ResultsStore(std::string folder) : folder_(std::move(folder)) {}
  std::string folder_;
};

}  // namespace treeline

#pragma once

#include <memory>
#include <string>

#include "search/search.h"
#include "store/results_db.h"

namespace treeline {

/// Writes a search into the results database as it goes.
class Recorder {
 public:
  /// `folder`/results.db; both are made if they are not there.
  static Result<Recorder> open(const std::string& folder, const RunInfo& info);

  /// For SearchOptions::on_judged.
  Result<void> record(const Judged& judged) const;
  Result<void> end() const;

 private:
  Recorder(ResultsDb database, int64_t run)
      : database_(std::make_unique<ResultsDb>(std::move(database))), run_(run) {}
  std::unique_ptr<ResultsDb> database_;
  int64_t run_;
};

/// What the database keeps of a scenario that was judged.
ScenarioRecord record_of(const Judged& judged);

}  // namespace treeline

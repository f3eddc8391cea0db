#include "store/recorder.h"

#include "search/results_store.h"

namespace treeline {

Result<Recorder> Recorder::open(const std::string& folder, const RunInfo& info) {
  if (Result<void> made = make_results_folder(folder); !made) return tl::unexpected(made.error());
  Result<ResultsDb> database = ResultsDb::open(folder + "/results.db");
  if (!database) return tl::unexpected(database.error());
  const Result<int64_t> run = database->begin_run(info);
  if (!run) return tl::unexpected(run.error());
  return Recorder(std::move(*database), *run);
}

Result<void> Recorder::record(const Judged& judged) const {
  const Result<int> added = database_->add_scenario(run_, record_of(judged));
  if (!added) return tl::unexpected(added.error());
  return {};
}

Result<void> Recorder::end() const { return database_->end_run(run_); }

ScenarioRecord record_of(const Judged& judged) {
  ScenarioRecord record;
  record.property = std::string(judged.property.name);
  record.index = judged.index;
  record.seconds = judged.seconds;
  if (judged.trial) record.verdict = &judged.trial->verdict;
  record.failure = judged.failure;
  if (judged.file) record.file = *judged.file;
  return record;
}

}  // namespace treeline

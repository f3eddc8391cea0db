#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/job.h"
#include "model/known_failures.h"
#include "nightly/plan.h"
#include "nightly/summary.h"

namespace treeline {

struct MergeOptions {
  std::string folder;   ///< Of the batch: holds plan.jsonl and, in jobs/, what its jobs gave (job_folder.h).
  std::string results;  ///< The folder whose results.db it is joined to, as a night of the batch's name.
  std::vector<KnownFailure> known;
  std::map<std::string, std::string> replay_options;  ///< By machine, as in SummaryInput.
  Retention retention;
};

struct Merged {
  NightSummary summary;  ///< Its left_out names each job without results, and what could not be tested.
  size_t jobs = 0;
  size_t merged = 0;   ///< Of them: all, or the merge is incomplete and its exit code not 0.
  std::string digest;  ///< Of canonical_results(): equal where the results are.
};

/// A job of which nothing can be merged.
struct MissingJob {
  size_t number = 0;
  Error why;
};
Result<std::vector<MissingJob>> missing_jobs(const std::string& folder, const std::vector<Job>& plan);

/// The batch's plan.
Result<std::vector<Job>> plan_of_batch(const std::string& folder);

/// Joins what is there, in the order of the plan, so that the result does not depend on who ran what and
/// when. Merged again it adds only what has come since. The batch's folder gets a summary.txt; one in
/// RESULTS/nights is kept as long as nights are.
Result<Merged> merge_batch(const MergeOptions& options);

std::string to_text(const Merged& merged);

}  // namespace treeline

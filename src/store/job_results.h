#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "model/job.h"
#include "store/nights.h"

/// Joins the databases of jobs (src/batch) into one.
namespace treeline {

/// The night of that folder: the one that is there, or a new one, already ended. Its times take in those
/// given.
Result<Night> merged_night(ResultsDb& results, const std::string& folder, uint64_t seed, int64_t began_at,
                           int64_t ended_at);

/// Where the file of a failure, named as in the job's database, is from now on.
using PlaceFile = std::function<Result<std::string>(const std::string& file)>;

/// Adds what the job found to the night, in one transaction; once it is there nothing more is done. `file`:
/// its database, which is not changed. InvalidInput if that is none of this schema, or has other scenarios
/// than the job.
Result<void> add_job(ResultsDb& results, const Night& night, const std::string& file,
                     const JobOutcome& outcome, const PlaceFile& place);

/// All of a night that does not depend on when and where it ran, in an order that does not either: its runs,
/// each scenario with its status and each invariant's counts and margin, each failure with signature, minimal
/// tree and rate. A line each.
Result<std::string> canonical_results(ResultsDb& results, const Night& night);

}  // namespace treeline

#pragma once

#include <string>

#include "store/results_db.h"

namespace treeline {

/// What the database says of the time since `since` (seconds since 1970), for a person: failures that are new
/// since then, those that were known and were seen again, those that were not seen, and those that were only
/// flaky; each with since when it fails, how often, on which kernels.
Result<std::string> history(ResultsDb& results, int64_t since);

/// "2026-11-25 23:05", or as strftime's format says; local time.
std::string time_text(int64_t unix_seconds, const char* format = "%F %H:%M");
/// The other way round; the time of day may be missing.
Result<int64_t> time_from_text(const std::string& text);

}  // namespace treeline

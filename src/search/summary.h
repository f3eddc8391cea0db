#pragma once

#include <cstdint>
#include <string>

#include "search/search.h"

namespace treeline {

/// Checks by status, over all invariants.
struct Counts {
  uint64_t held = 0;
  uint64_t violated = 0;
  uint64_t inconclusive = 0;
};
Counts counts_of(const SearchResult& result);

/// The tables at the end of a search: checks by invariant, those that judged nothing included, with the
/// scenarios to which it applied and how many of these were conclusive; and scenarios by property.
std::string summary(const SearchResult& result);

/// The same for programs: {"scenarios", "seconds", "infrastructure_errors", "invariants": {NAME: {"held",
/// "violated", "inconclusive", "worst", "scenarios", "conclusive"}}, "failures": [{"file", "invariant",
/// "flaky", "scenarios", "seconds", "nodes", "workers", "actions", "minimum_proven", "shrink_runs"}]}. A
/// failure's scenarios and seconds are those until it was seen, its size that of the minimum.
std::string to_json(const SearchResult& result);

}  // namespace treeline

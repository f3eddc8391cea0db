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

/// The tables at the end of a search: checks by invariant, those that judged nothing included, and scenarios
/// by property.
std::string summary(const SearchResult& result);

}  // namespace treeline

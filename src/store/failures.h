#pragma once

#include <string>
#include <vector>

#include "store/results_db.h"

namespace treeline {

/// A failure with all its sightings.
struct StoredFailure {
  int64_t id = 0;
  Signature signature;
  std::string fault;
  bool flaky = false;
  std::string example;  ///< The minimal scenario as it was first seen, JSON.
  int64_t first_seen = 0, last_seen = 0, times = 0;
  int64_t violated = 0, runs = 0;  ///< How often its minimum failed.
  std::string kernels;             ///< "Host (Linux 6.1), …"
  std::string file;                ///< Of the last sighting.
};

/// By first sighting.
Result<std::vector<StoredFailure>> stored_failures(ResultsDb& results);

/// "memory.max (memory, v2), with the planted fault memory-ancestor-unset"
std::string title_of(const Signature& signature, const std::string& fault);

/// Of invariant, controller and mode, from `column` on.
Signature signature_from(const Statement& row, int column);

}  // namespace treeline

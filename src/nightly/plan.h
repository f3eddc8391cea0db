#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "store/nights.h"

/// What to do with the nights that there are: decisions, no deeds.
namespace treeline {

/// Of nights that were begun, not ended, and are nobody's any more.
struct Abandoned {
  std::optional<Night> resume;  ///< Its budget is left in part.
  int64_t left_s = 0;           ///< So many seconds of it.
  std::vector<Night> close;
};
/// The latest one is resumed if some of its budget, which runs on while nobody is there, is left; `fresh`:
/// none is. `now`: seconds since 1970.
Abandoned plan_for(const std::vector<Night>& abandoned, int64_t now, bool fresh);

/// How many nights are kept, and for how long. 0: no end by it.
struct Retention {
  int64_t keep = 0;
  int64_t keep_days = 0;
};
/// The ended nights that are to be removed: all but the latest `keep`, and those that ended more than
/// `keep_days` ago.
std::vector<Night> to_remove(const std::vector<Night>& nights, const Retention& retention, int64_t now);

}  // namespace treeline

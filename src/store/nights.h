#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/results_db.h"

namespace treeline {

/// A row of the table of nights.
struct Night {
  int64_t id = 0;
  std::string folder;  ///< Its name below nights/.
  int64_t began_at = 0;
  int64_t budget_s = 0;
  uint64_t seed = 0;
  std::optional<int64_t> ended_at;
  bool removed = false;
  bool operator==(const Night&) const = default;
};

/// Under this property's name stand replays; their draw is replay_draw().
inline constexpr const char* kReplayed = "corpus";
int64_t replay_draw(const std::string& scenario_json);

/// The nights of a results database. Each call is one transaction.
class Nights {
 public:
  explicit Nights(ResultsDb& results) : results_(results) {}

  Result<Night> begin(const std::string& folder, int64_t budget_s, uint64_t seed);
  /// Oldest first.
  Result<std::vector<Night>> all();
  Result<void> end(int64_t night);
  /// Takes its scenarios away and marks it removed. Failures, sightings and behaviours stay.
  Result<void> remove(int64_t night);

  /// The night's run of this machine and fault: the one that is there, or a new one.
  Result<int64_t> run_of(const RunInfo& info);
  /// The least draw of the property that the run has not had.
  Result<uint64_t> next_draw(int64_t run, const std::string& property);
  Result<bool> was_replayed(int64_t run, int64_t draw);
  /// Scenarios of the night that are no replays.
  Result<uint64_t> count_explored(int64_t night);

 private:
  ResultsDb& results_;
};

}  // namespace treeline

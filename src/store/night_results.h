#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/nights.h"

/// What the database says of one night; it is all that a summary needs, so a night that was killed has one.
namespace treeline {

/// A run of the night: one machine.
struct NightRunCounts {
  int64_t run = 0;
  std::string machine, release, mode, fault;
  int64_t replayed = 0;
  int64_t explored = 0;
  /// Of both, by what was said of them.
  int64_t held = 0, violated = 0, inconclusive = 0, errors = 0;
  int64_t checks_held = 0;
  int64_t new_behaviours = 0;
};
Result<std::vector<NightRunCounts>> night_runs(ResultsDb& results, const Night& night);

/// A failure that the night saw on a machine.
struct NightFailure {
  std::string machine, release;
  Signature signature;
  std::string fault;
  bool flaky = false;
  Scenario example;
  std::string file;
  int64_t violated = 0, runs = 0;
  std::optional<int64_t> known_since;  ///< When it was first seen before this night, on any machine.
  bool signature_is_known = false;     ///< Something with its signature was seen on this machine before.
};
Result<std::vector<NightFailure>> night_failures(ResultsDb& results, const Night& night);

/// A failure, not flaky, that was seen outside of the night.
struct EarlierFailure {
  Signature signature;
  std::string fault;
  std::string example;  ///< JSON
  int64_t first_seen = 0, last_seen = 0;
};
/// Last seen first.
Result<std::vector<EarlierFailure>> failures_before(ResultsDb& results, const Night& night);

/// How a replay ended; nullopt: it was not made, or ended in trouble.
Result<std::optional<Status>> replay_status(ResultsDb& results, int64_t run, int64_t draw);

/// How often an invariant could be judged in a run.
struct Judgements {
  int64_t held = 0, violated = 0;
};
Result<Judgements> judgements(ResultsDb& results, int64_t run, const std::string& invariant);

}  // namespace treeline

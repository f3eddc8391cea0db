#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "generators/constraints.h"
#include "generators/property.h"
#include "machine/machine.h"
#include "model/counterexample.h"
#include "model/known_failures.h"
#include "search/trial.h"

namespace treeline {

/// A scenario that was run, and what came of it. Valid during the call that tells of it.
struct Judged {
  const Property& property;
  uint64_t index;
  const Scenario& scenario;
  double seconds;
  const Trial* trial;             ///< nullptr: infrastructure trouble.
  const Counterexample* failure;  ///< Confirmed or flaky, and saved; nullptr: nothing was pursued.
  const std::string* file;        ///< Where the failure was saved.
};

struct SearchOptions {
  std::vector<const Property*> properties;  ///< Taken in turn, index by index.
  uint64_t seed = 1;
  uint64_t first_index = 0;
  uint64_t count = 100;                      ///< Scenarios in all; 0: until the time is up.
  std::chrono::milliseconds time_budget{0};  ///< 0: none.
  std::string results_dir;                   ///< in-flight.json, failures/ and summary.json go there.
  int confirm_runs = 4;
  int shrink_runs = 400;
  std::chrono::milliseconds shrink_time{60'000};
  int max_failures = 1;        ///< Stop after that many distinct signatures.
  std::string only_invariant;  ///< Non-empty: other invariants' violations are counted, not pursued.
  NotPursued known;            ///< Counted.
  std::string fault;           ///< Recorded in the provenance.
  /// Asked between runs, by any thread: the user wants to leave.
  std::function<bool()> should_stop;
  /// After each scenario; an error ends the search.
  std::function<Result<void>(const Judged&)> on_judged;
};

/// What one invariant said in a search.
struct InvariantTally {
  uint64_t held = 0, violated = 0, inconclusive = 0;  ///< Checks.
  double worst_margin = 0;                            ///< Over held and violated findings.
  uint64_t scenarios = 0;                             ///< To which it applied: with at least one check.
  uint64_t conclusive = 0;                            ///< Of these: with a check that held or was violated.
};

/// What it took until a failure was first seen; confirming and shrinking come after.
struct Effort {
  uint64_t scenarios = 0;
  double seconds = 0;
};

struct SearchResult {
  uint64_t scenarios = 0;
  double seconds = 0;
  uint64_t infrastructure_errors = 0;
  std::vector<Error> errors;                      ///< The first few of them.
  std::map<std::string, InvariantTally> tallies;  ///< By invariant.
  std::map<std::string, uint64_t> scenarios_by_property;
  std::map<std::string, double> seconds_by_property;
  std::vector<Counterexample> failures;  ///< Confirmed and shrunk, then flaky ones.
  std::vector<std::string> files;        ///< Where failures[i] was saved.
  std::vector<Effort> efforts;           ///< Until failures[i] was seen.
};

/// What the loop is doing, for a live display; called often, must be cheap.
struct Progress {
  enum class Phase : uint8_t { Running, Confirming, Shrinking };
  Phase phase = Phase::Running;
  const Property* property = nullptr;
  uint64_t index = 0;
  Size size;  ///< Of what runs now.
  const SearchResult* so_far = nullptr;
};

/// Draws, persists, runs, judges, confirms, shrinks, saves: section 5 of the design. The error is for options
/// or a results folder that cannot be used; a scenario's infrastructure trouble is counted in the result.
Result<SearchResult> search(Machine& machine, const Constraints& constraints, const SearchOptions& options,
                            const std::function<void(const Progress&)>& on_progress = {});

/// Runs the scenario n times and counts how often `signature` (or, if nullptr, anything) is violated.
struct ReplayResult {
  Rate rate;
  int inconclusive = 0;
  int held = 0;
  int identical = 0;  ///< Observations equal to `recorded`, or to the first run's where that is nullptr.
  Verdict last_violated;
  Verdict last;
  Observation last_observation;
};
Result<ReplayResult> replay(Machine& machine, const Scenario& scenario, const Signature* signature, int runs,
                            const Observation* recorded = nullptr);

/// Each line four columns to the right.
std::string indented(const std::string& text);

/// A word as the shell wants it: quoted where it must be.
std::string shell_quoted(const std::string& word);

/// "treeline replay FILE --fault NAME"; `machine_options` are what the file does not say of the machine.
std::string replay_command(const std::string& file, const std::string& fault,
                           const std::string& machine_options = {});

/// By node: bound and observed value where the signature was violated, "" elsewhere.
std::vector<std::string> violation_notes(const Counterexample& failure);

/// The report of a failure: original and minimal tree with bound and observed value at the violating node,
/// rates, whether the minimum is proven, and the command that replays it.
std::string report(const Counterexample& failure, const std::string& file,
                   const std::string& machine_options = {});

}  // namespace treeline

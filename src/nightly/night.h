#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "machine/machine.h"
#include "model/known_failures.h"
#include "nightly/plan.h"
#include "nightly/summary.h"
#include "search/search.h"

namespace treeline {

/// A machine of a night.
struct NightMachine {
  Machine* machine = nullptr;
  std::string fault;           ///< The one planted in it; "": none.
  std::string replay_options;  ///< What `treeline replay` needs besides its name.
};

struct NightOptions {
  using Clock = std::chrono::steady_clock;
  std::string results;
  std::chrono::seconds budget{8 * 3'600};  ///< Wall time, from `began` on; all else is bounded by it.
  Clock::time_point began = Clock::now();
  uint64_t count = 0;                       ///< Most scenarios that are explored; 0: as many as time allows.
  std::optional<uint64_t> seed;             ///< Of a new night; none: a random one.
  bool fresh = false;                       ///< Resume nothing.
  std::vector<const Property*> properties;  ///< Empty: all that a machine can test.
  std::string corpus;                       ///< Folder; "": none.
  std::vector<KnownFailure> known;
  std::vector<LeftOut> left_out;  ///< Machines that could not be opened.
  Retention retention;
  int confirm_runs = 4;
  int shrink_runs = 400;
  /// Asked between runs, by any thread: the user wants to leave. The night stays to be resumed.
  std::function<bool()> should_stop;
  /// Told what happens, line by line.
  std::function<void(const std::string&)> say;
};

/// Runs a night, or what is left of one that was killed: replays first, then the search of each (machine,
/// property) in short slices, more of them where behaviours are new. Everything is in RESULTS/results.db as
/// soon as it is known; RESULTS/nights/DATE holds the night's files and its summary.txt, RESULTS/failures
/// each failure's file, for as long as the database names it. Errors: InvalidInput for a folder or corpus
/// that cannot be used, Infrastructure where the results can no longer be written.
Result<NightSummary> run_night(std::span<const NightMachine> machines, const NightOptions& options);

}  // namespace treeline

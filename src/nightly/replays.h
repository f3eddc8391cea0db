#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/counterexample.h"
#include "model/known_failures.h"
#include "search/shrink_loop.h"
#include "store/night_results.h"

namespace treeline {

/// A machine that gives so many errors one after another is lost.
inline constexpr int kMostTroubleInARow = 10;

/// A scenario that a night runs before it explores.
struct ReplayCase {
  std::string title;  ///< The file's name, or what failed.
  Scenario scenario;
  std::optional<Signature> signature;  ///< What it violated once.
  bool is_earlier_failure = false;     ///< Found by an earlier search, with this fault planted; else a file.
  std::string fault;
  int64_t draw = 0;  ///< replay_draw()
};

/// What earlier searches found, last seen first, then the files of the corpus folder ("": none) by name;
/// nothing twice. InvalidInput for a folder or file that cannot be read.
Result<std::vector<ReplayCase>> replay_cases(const std::string& corpus,
                                             const std::vector<EarlierFailure>& earlier);

/// Whether it can be run on that machine, and says something there.
bool applies(const ReplayCase& to_replay, const MachineFacts& machine, const std::string& fault);

struct ReplayOptions {
  int confirm_runs = 4;
  ShrinkLoop::Budget shrink;
  ShrinkLoop::BeforeRun before_run;  ///< Called before each run; false: leave.
  NotPursued known;                  ///< A file that violates nothing else is not pursued.
};
struct Replayed {
  Trial trial;  ///< Of the case; a violating one, if there was one.
  /// If it was violated, and is to be pursued: confirmed and, if it is from a file, shrunk; or flaky.
  std::optional<Counterexample> failure;
};
/// Runs it, some times where it is an earlier failure on a machine that is not deterministic, until it is
/// violated; then confirms and shrinks that. Errors are the machine's.
Result<Replayed> replay_case(Machine& machine, const ReplayCase& to_replay, const ReplayOptions& options);

/// All that the verdict violated.
std::set<Signature> violated_signatures(const Verdict& verdict, const std::string& mode);

}  // namespace treeline

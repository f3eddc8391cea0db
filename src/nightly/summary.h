#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/error.h"
#include "model/known_failures.h"
#include "store/night_results.h"

namespace treeline {

/// A machine of which nothing, or nothing more, could be asked.
struct LeftOut {
  std::string machine;
  Error why;
};

/// How a failure stands with what was known.
enum class Standing : uint8_t {
  New,     ///< Not seen before this night, or nothing like it on this machine.
  Known,   ///< Seen by an earlier search, and not listed.
  Listed,  ///< In the list of known failures.
  Flaky,   ///< Not seen again when it was confirmed.
};

struct JudgedFailure {
  NightFailure failure;
  Standing standing = Standing::New;
  std::string reason;          ///< Listed: the list's.
  std::string replay_command;  ///< All of it.
};

/// A listed failure, on a machine of the night that it concerns, or an earlier one that was replayed.
struct Quiet {
  std::string title;
  std::string machine;
  std::string says;  ///< Why it is here: "its invariant held 120 times", "known since …, held when replayed".
};

/// What a night found; the figures are the database's.
struct NightSummary {
  Night night;
  std::string path;      ///< Of the night's folder.
  bool running = false;  ///< Not at its end: killed or interrupted, if nobody is there.
  std::vector<NightRunCounts> runs;
  std::vector<JudgedFailure> failures;
  std::vector<std::string> listed_and_seen;  ///< Listed without a tree: counted, not pursued.
  std::vector<Quiet> stopped;                ///< Listed, and did not fail: perhaps the list can be shortened.
  std::vector<Quiet> held;                   ///< Known, not listed, and held when replayed.
  std::vector<std::string> not_replayed;     ///< Time was up before.
  std::vector<LeftOut> left_out;
};

/// What a summary needs besides the database.
struct SummaryInput {
  std::vector<KnownFailure> known;
  std::vector<LeftOut> left_out;
  std::vector<std::string> not_replayed;
  std::map<std::string, std::string> replay_options;  ///< By machine.
};
Result<NightSummary> summarize(ResultsDb& results, const Night& night, const SummaryInput& input);

/// 1 for a new failure, else 99 where a machine was lost or nothing but trouble came, 77 where nothing could
/// be tested, 3 where nothing was conclusive, 0.
int exit_code_of(const NightSummary& summary);

std::string to_text(const NightSummary& summary);

}  // namespace treeline

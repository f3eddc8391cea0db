#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/counterexample.h"
#include "search/search.h"
#include "store/night_results.h"

namespace treeline {

/// A scenario that a night runs before it explores.
struct ReplayCase {
  std::string title;  ///< The file's name, or what failed.
  Scenario scenario;
  std::optional<Signature> signature;  ///< What it violated once.
  bool is_earlier_failure = false;     ///< Found by an earlier search, with this fault planted; else a file.
  std::string fault;
  int64_t draw = 0;  ///< replay_draw()
};

/// The files of the corpus folder ("": none) by name, then what earlier searches found; nothing twice.
/// InvalidInput for a folder or file that cannot be read.
Result<std::vector<ReplayCase>> replay_cases(const std::string& corpus,
                                             const std::vector<EarlierFailure>& earlier);

/// Whether it can be run on that machine, and says something there.
bool applies(const ReplayCase& to_replay, const MachineFacts& machine, const std::string& fault);

struct Replayed {
  Trial trial;  ///< A violating one, if there was one.
  /// If it was violated: the case with what was seen, confirmed or flaky. It is not shrunk.
  std::optional<Counterexample> failure;
};
/// Runs it, some times on a machine that is not deterministic, until it is violated; then confirms that.
Result<Replayed> replay_case(Machine& machine, const ReplayCase& to_replay, int confirm_runs);

}  // namespace treeline

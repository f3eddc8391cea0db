#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// One law that every kernel must keep. `judge` returns a finding for each node (or worker) that the law says
/// something about; none means NotApplicable. It is pure: the same scenario and observation, the same
/// findings.
struct Invariant {
  std::string_view name;
  Controller controller;
  std::string_view summary;
  std::vector<Finding> (*judge)(const Scenario&, const Observation&);
  /// What may move while work runs.
  enum Moves : uint8_t {
    kNothing = 0,
    kWorkers = 1,
    kCpus = 2,
    kGroups = 4,
    kControllers = 8,
    kThreads = 16
  };
  /// Those of them of which it knows at each instant where they are. It says nothing of a run in which
  /// anything else moves. Of threads that leave their process it is given the view by threads, where they are
  /// workers that move (oracle/thread_view.h).
  uint8_t follows = kNothing;
  /// It judges attempts (model/attempts.h); all others are given the run as if there had been none.
  bool sees_attempts = false;
};

/// Every invariant, in the order of reports.
std::span<const Invariant> invariants();

/// Judges an observation by every invariant. An observation that does not fit the scenario (other node or
/// worker counts) is an Infrastructure error, not a verdict.
Result<Verdict> judge(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

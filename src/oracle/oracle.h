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
  /// Of what moves while work runs, what it knows of at each instant. It says nothing of a run in which else
  /// something moves.
  enum class Follows : uint8_t { Nothing, Cpus, Workers, All };
  Follows follows = Follows::Nothing;
  bool follows_workers() const { return follows >= Follows::Workers; }
  bool follows_cpus() const { return follows == Follows::Cpus || follows == Follows::All; }
};

/// Every invariant, in the order of reports.
std::span<const Invariant> invariants();

/// Judges an observation by every invariant. An observation that does not fit the scenario (other node or
/// worker counts) is an Infrastructure error, not a verdict.
Result<Verdict> judge(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

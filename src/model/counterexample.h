#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/machine_facts.h"
#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// Where a scenario came from.
struct Provenance {
  std::string property;
  uint64_t seed = 0;
  uint64_t index = 0;
  std::string fault;  ///< Name of the planted fault that was on; "" on a real run.
  bool operator==(const Provenance&) const = default;
};

/// How often a scenario violated its signature.
struct Rate {
  int violated = 0;
  int runs = 0;
  bool operator==(const Rate&) const = default;
};

/// A failure as it is saved: enough to read, to rerun and to judge again.
struct Counterexample {
  Scenario scenario;  ///< The minimal one.
  std::optional<Scenario> original;
  std::optional<Provenance> provenance;
  std::string machine;  ///< Name of the one that it failed on (Machine::name()); "": not recorded.
  std::optional<Signature> signature;
  std::optional<Verdict> verdict;
  std::optional<Observation> observation;
  Rate original_rate;
  Rate rate;
  int shrink_runs = 0;
  bool minimum_proven = false;  ///< Every smaller candidate was tried and held; else a budget ran out.
  bool flaky = false;           ///< Never failed again when confirmed: a record, not a counterexample.
  bool operator==(const Counterexample&) const = default;
};

}  // namespace treeline

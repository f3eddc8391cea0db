#pragma once

#include "machine/machine.h"
#include "model/error.h"
#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// One run of a scenario, judged.
struct Trial {
  Observation observation;
  Verdict verdict;
};

Result<Trial> run_trial(Machine& machine, const Scenario& scenario);

/// The verdict has a violated finding with this signature.
bool violates(const Verdict& verdict, const Signature& signature, const std::string& mode);

}  // namespace treeline

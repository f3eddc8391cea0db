#pragma once

#include <span>
#include <string_view>

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

/// Only noise (CPU time stolen by a hypervisor, late ticks, tasks outside the tree) kept an invariant of
/// `aims` from being judged: the same observation would have been conclusive without it. It is worth running
/// again.
bool drowned_in_noise(const Scenario& scenario, const Trial& trial, std::span<const std::string_view> aims);

/// The run would have violated the signature, too, with twice the noise, and with no less of it than is usual
/// on a host that has other work: it will be seen again.
bool withstands_noise(const Scenario& scenario, const Trial& trial, const Signature& signature);

/// The verdict has a violated finding with this signature.
bool violates(const Verdict& verdict, const Signature& signature, const std::string& mode);

}  // namespace treeline

#pragma once

#include <string>
#include <string_view>

#include "model/counterexample.h"
#include "model/error.h"
#include "model/observation.h"
#include "model/scenario.h"
#include "model/verdict.h"

/// JSON both ways. Writing is canonical: the same value always gives the same bytes (fixed key order; absent
/// optionals left out). Reading is strict: unknown or missing keys, wrong types, numbers out of range,
/// illegal or duplicate names, cyclic or too deep trees, input over kMaxJsonBytes are refused as
/// InvalidInput, with the JSON path of the fault in Error::path ("/tree/2/limits/cpu.max/period_us"). A
/// Scenario that was read is valid in the sense of validate().
namespace treeline {

inline constexpr size_t kMaxJsonBytes = 256u << 20;

std::string to_json(const Scenario& value, int indent = -1);
std::string to_json(const Observation& value, int indent = -1);
std::string to_json(const Verdict& value, int indent = -1);
std::string to_json(const MachineFacts& value, int indent = -1);
std::string to_json(const Counterexample& value, int indent = -1);

Result<Scenario> scenario_from_json(std::string_view text);
Result<Observation> observation_from_json(std::string_view text);
Result<Verdict> verdict_from_json(std::string_view text);
Result<MachineFacts> machine_facts_from_json(std::string_view text);
Result<Counterexample> counterexample_from_json(std::string_view text);

/// A file that holds a Counterexample, or a bare Scenario (which then has no provenance and no findings).
Result<Counterexample> counterexample_from_file(const std::string& path);

}  // namespace treeline

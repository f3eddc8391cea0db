#pragma once

#include <string>

#include "model/counterexample.h"

/// Values that use every field and every alternative of the model, for the tests that must not forget any.
namespace treeline::model_test {

/// A valid scenario with every knob, workload, kind of action and type of probe.
Scenario rich_scenario();
/// The least valid scenario: a root called "t", no limits, no workers.
Scenario plain_scenario();
MachineFacts rich_machine();
/// Of rich_scenario(): no field has its default, every counter is there.
Observation rich_observation();
Verdict rich_verdict();
Counterexample rich_counterexample();

/// `text` with its one occurrence of `from` replaced; fails the test if there is none or more than one.
std::string edited(const std::string& text, const std::string& from, const std::string& to);

}  // namespace treeline::model_test

#pragma once

#include <vector>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// Each limit, and each change of one while work runs, was taken and reads back as written, after documented
/// rounding (model/knob.h). v1 may refuse to lower memory.max below what is used: EBUSY.
std::vector<Finding> judge_knob_readback(const Scenario& scenario, const Observation& observation);

/// Each probe's write is answered with the errno of the reference rules (model/rules.h), and one that is
/// refused changes nothing. (A knob of several files may be taken in part; then only the errno is judged.)
std::vector<Finding> judge_knob_refusal(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

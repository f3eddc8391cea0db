#pragma once

#include <cstdint>

#include "model/knob.h"

/// Internal to src/model: which writes a v2 file must refuse (model/rules.h, expected_errno).
namespace treeline {

/// kernel/cgroup/pids.c: PIDS_MAX is PID_MAX_LIMIT + 1, and pids.max must be below it.
inline constexpr int64_t kPidsMaxLimit = 4'194'305;

int set_amount_v2(const Limits& limits, Knob knob, const Amount& value);
int set_rates_v2(const IoRates& rates);

}  // namespace treeline

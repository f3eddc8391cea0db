#pragma once

#include "model/knob.h"

/// Internal to src/model: which writes a v2 file must refuse (model/rules.h, expected_errno).
namespace treeline {

int set_amount_v2(const Limits& limits, Knob knob, const Amount& value);
int set_rates_v2(const IoRates& rates);

}  // namespace treeline

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/observation.h"
#include "model/scenario.h"

namespace treeline::cli {

/// What was measured, for people: each node with its totals, latencies and courses over the window; each
/// worker likewise; how fairly siblings shared.
std::string observation_text(const Scenario& scenario, const Observation& seen);

/// One character for each value, from ' ' and '▁' (0 is a blank) to '█' for `full` and above; '·' where there
/// is no value.
std::string sparkline(const std::vector<std::optional<double>>& values, double full);

}  // namespace treeline::cli

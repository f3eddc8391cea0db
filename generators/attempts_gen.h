#pragma once

#include <rapidcheck.h>

#include "generators/constraints.h"
#include "model/scenario.h"

namespace treeline {

/// Some of what the rules forbid, tried while work runs (model/attempts.h): up to `most` attempts, of some
/// kinds (swarm), at any time in the window, each drawn for the state that the actions before it leave. The
/// scenario as it was, where nothing can be tried.
rc::Gen<Scenario> with_attempts(const Scenario& scenario, int most, const Constraints& constraints);

}  // namespace treeline

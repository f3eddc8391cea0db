#pragma once

#include <rapidcheck.h>

#include "model/machine_facts.h"
#include "model/scenario.h"

namespace treeline {

/// Smaller scenarios, most promising first: subtrees dropped, children hoisted over their parent, actions,
/// probes and workers dropped, limits cleared, windows and trees shortened, numbers rounded toward plain
/// ones. Each is valid, runnable on `machine` (unmet() is empty) and strictly smaller by size_of().
rc::Seq<Scenario> shrinks(const Scenario& scenario, const MachineFacts& machine);

/// The scenario with its whole shrink tree, for RapidCheck.
rc::Shrinkable<Scenario> shrinkable(Scenario scenario, MachineFacts machine);

}  // namespace treeline

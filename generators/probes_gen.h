#pragma once

#include <rapidcheck.h>

#include <optional>
#include <set>
#include <vector>

#include "generators/constraints.h"
#include "model/scenario.h"

namespace treeline {

/// Values of `knob` worth trying on a node whose tree's limits are all set: legal ones, and illegal ones in
/// every way that expected_errno() (model/rules.h) knows: out of range, above the parent, below a child,
/// against a neighbouring knob. Left out is what cannot be undone by writing back the text that was read
/// before (cpu.idle resets the weight), and what kernels answer by their configuration (a CPU that the
/// machine does not have: EINVAL or ERANGE, by nr_cpu_ids). May be empty.
rc::Gen<std::vector<KnobValue>> probe_values_gen(const Tree& tree, NodeId node, Knob knob,
                                                 const MachineFacts& machine);

/// A probe of one of the knobs, illegal as often as legal where both can be; nullopt if none is worth trying.
rc::Gen<std::optional<Probe>> probe_gen(const Tree& tree, const std::set<Knob>& knobs,
                                        const MachineFacts& machine);

/// Up to `most` of them.
rc::Gen<std::vector<Probe>> probes_gen(const Tree& tree, const std::set<Knob>& knobs, int most,
                                       const MachineFacts& machine);

}  // namespace treeline

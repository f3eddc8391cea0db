#pragma once

#include <rapidcheck.h>

#include <set>
#include <vector>

#include "generators/constraints.h"
#include "model/knob.h"

namespace treeline {

enum class WorkloadKind : uint8_t { CpuHog, MemoryHog, IoHog, ForkStorm, Mixed, Idle };

/// What may occur in one scenario. Drawn first, and everything else within it: scenarios that lack most
/// features reach states that an average of all features never does (Groce et al., Swarm Testing, ISSTA
/// 2012).
struct Swarm {
  std::set<Knob> knobs;
  std::vector<WorkloadKind> workloads;  ///< Never empty.
  bool suggested = true;                ///< Workloads are sized by the limits that they meet.
  bool actions = false;
  bool probes = false;
  int limit_percent = 50;  ///< The chance that a node carries a knob of `knobs`.
};

/// A subset of what the machine offers of `menu`; each feature is in with the same chance, which is drawn
/// too.
rc::Gen<Swarm> swarm_gen(const Constraints& constraints, std::set<Knob> menu,
                         std::vector<WorkloadKind> workloads);

}  // namespace treeline

#pragma once

#include <span>
#include <vector>

#include "model/observation.h"
#include "model/scenario.h"

/// How evenly siblings shared CPU time, for people to look at: cpu.fairness judges (oracle/cpu_fairness.h).
namespace treeline {

/// What one sibling got of what all of them together got.
struct SiblingShare {
  NodeId node = kRoot;
  double weight = 0;  ///< As cpu.shares.
  double service_ns = 0;
};

/// Jain's index of x_i = service_i / weight_i: (Σx)² / (n·Σx²), in [1/n, 1]; 1 iff all x_i are equal, 1/n if
/// one got all. (Jain, Chiu and Hawe, DEC TR-301, 1984.) 1 if nobody got anything.
double jain_index(std::span<const SiblingShare> shares);

/// service_i − w_i/Σw · Σservice, in ns: positive if it got more than its fair share. They sum to 0.
std::vector<double> lags_ns(std::span<const SiblingShare> shares);

struct SiblingFairness {
  NodeId parent = kRoot;
  std::vector<SiblingShare> shares;  ///< At the end.
  double jain = 1;                   ///< At the end.
  double worst_lag_ns = 0;           ///< The greatest in size, at any sample since the beginning.
  NodeId worst = kRoot;              ///< Whose it is.
  int64_t worst_at_ns = 0;
  int64_t from_ns = 0;  ///< The first sample after the last change of a limit, and the last in the window.
  int64_t to_ns = 0;
};

/// For each group with at least two children that compete without end: with workers that always want CPU, of
/// as many threads as there are CPUs, all of these children with the same CPUs, and no quota in any of them.
/// Each of them alone could use all that they share, so that its fair share is by weight alone. Over
/// several CPUs the load balancer's part is in it. Nothing where tasks are frozen or killed.
std::vector<SiblingFairness> sibling_fairness(const Scenario& scenario, const Observation& observation);

}  // namespace treeline

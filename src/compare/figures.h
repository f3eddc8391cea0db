#pragma once

#include <compare>
#include <map>
#include <string>
#include <variant>

#include "model/observation.h"
#include "model/verdict.h"

/// A run as named figures, so that two kernels can be told apart where no invariant speaks.
namespace treeline {

/// "cpu.usage", "write cpu.max"; and the node, and among the node's workers, probes or actions which one (-1:
/// the node itself) it is of.
struct FigureId {
  std::string name;
  NodeId node = kRoot;
  int index = -1;
  auto operator<=>(const FigureId&) const = default;  // NOLINT(modernize-use-nullptr)
};

/// A number, or a text that is equal or not: an answer to a write, a value read back, a status.
using FigureValue = std::variant<double, std::string>;
using Figures = std::map<FigureId, FigureValue>;

/// Of each node: every counter that it has (model/counter.h), a cumulative one as its growth over the run,
/// and one in ns as its share of the run's time; "write FILE" and "read FILE" of each limit; "mkdir", if it
/// was tried; "verdict INVARIANT", the worst status. Of each worker: "worker end", "worker errno", "worker
/// cpu" (share), "worker forks", "worker forks refused", "worker bytes touched", "worker bytes moved" (per
/// second). Of each probe: "probe FILE" and its read-back; of each action: "action" and the errno.
Figures figures_of(const Scenario& scenario, const Observation& seen, const Verdict& verdict);

}  // namespace treeline

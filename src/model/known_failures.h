#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/kernel_range.h"
#include "model/scenario.h"
#include "model/verdict.h"

namespace treeline {

/// A failure that is accepted for a stated reason: it turns no nightly red.
struct KnownFailure {
  Signature signature;
  std::optional<Tree> tree;            ///< Only failures with this minimal tree; absent: with any.
  std::optional<Knob> changes;         ///< Only those whose minimum changes this knob while work runs.
  std::optional<Controller> switches;  ///< Only those whose minimum switches this controller off or on.
  std::optional<std::string> machine;  ///< Only on this one (Machine::name()); absent: on any.
  std::optional<KernelRange> kernels;
  std::string reason;
  bool operator==(const KnownFailure&) const = default;

  /// Whether it could be seen on a machine that runs this release in this mode.
  bool concerns(const std::string& on, const std::string& release, const std::string& mode) const;
  /// Whether it is this failure, on a machine that it concerns.
  bool is(const Signature& failed, const Scenario& minimal) const;
  /// Whether all that violates the signature in this scenario, whatever its minimum, is this failure.
  bool takes_in(const Signature& violated, const Scenario& drawn) const;
};

/// Those that concern it.
std::vector<KnownFailure> concerning(const std::vector<KnownFailure>& known, const std::string& machine,
                                     const std::string& release, const std::string& mode);
/// The first that concerns the machine and is this failure; nullptr: none.
const KnownFailure* find_listed(const std::vector<KnownFailure>& known, const std::string& machine,
                                const std::string& release, const Signature& failed, const Scenario& minimal);

/// Violations that are counted and not pursued.
struct NotPursued {
  std::set<Signature> signatures;    ///< Of any scenario.
  std::vector<KnownFailure> listed;  ///< And what these take in.

  bool holds(const Signature& violated, const Scenario& drawn) const;
};

/// {"schema": 1, "failures": [{"signature": {"invariant", "controller", "mode"}, "tree": […], "changes":
/// KNOB, "switches": CONTROLLER, "machine", "kernels": {"from", "to"}, "reason"}]}; tree as in a scenario
/// file; tree, changes, switches, machine, kernels, from and to may be absent. As strict as model/json.h.
Result<std::vector<KnownFailure>> known_failures_from_json(std::string_view text);
Result<std::vector<KnownFailure>> known_failures_from_file(const std::string& path);

}  // namespace treeline

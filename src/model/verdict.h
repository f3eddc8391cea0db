#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/scenario.h"

namespace treeline {

/// Ordered: the worst finding is the verdict's status.
enum class Status : uint8_t { NotApplicable, Held, Inconclusive, Violated };
std::string_view status_name(Status status);

/// What one invariant says of one node (or worker, whose node it then names).
struct Finding {
  std::string invariant;  ///< Dotted: "cpu.bandwidth", "memory.max".
  Controller controller = Controller::Core;
  NodeId node = kRoot;
  Status status = Status::NotApplicable;
  double bound = 0;
  double observed = 0;
  /// observed/bound for upper bounds, bound/observed for lower ones: above 1 is a violation. 0 if
  /// meaningless.
  double margin = 0;
  std::string unit;
  std::string sentence;  ///< For a person: what was allowed, what was seen, why it matters or could not show.
  bool operator==(const Finding&) const = default;
};

struct Verdict {
  std::vector<Finding> findings;
  bool operator==(const Verdict&) const = default;

  Status status() const;
  /// The first Violated finding, by table order; nullptr if there is none.
  const Finding* worst() const;
};

/// Identity of a failure across shrinking: a candidate counts only if it has the same one.
struct Signature {
  std::string invariant;
  Controller controller = Controller::Core;
  std::string mode;                                    ///< MachineFacts::mode
  auto operator<=>(const Signature&) const = default;  // NOLINT(modernize-use-nullptr)
};
Signature signature_of(const Finding& finding, const std::string& mode);
std::string to_string(const Signature& signature);

}  // namespace treeline

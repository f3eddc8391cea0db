#include "model/verdict.h"

#include <fmt/format.h>

#include <algorithm>

namespace treeline {

std::string_view status_name(Status status) {
  switch (status) {
    case Status::NotApplicable:
      return "not applicable";
    case Status::Held:
      return "held";
    case Status::Inconclusive:
      return "inconclusive";
    case Status::Violated:
      break;
  }
  return "violated";
}

Status Verdict::status() const {
  Status worst = Status::NotApplicable;
  for (const Finding& finding : findings) worst = std::max(worst, finding.status);
  return worst;
}

const Finding* Verdict::worst() const {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [](const Finding& finding) { return finding.status == Status::Violated; });
  return found == findings.end() ? nullptr : &*found;
}

Signature signature_of(const Finding& finding, const std::string& mode) {
  return {finding.invariant, finding.controller, mode};
}

std::string to_string(const Signature& signature) {
  return fmt::format("{} ({}, {})", signature.invariant, controller_name(signature.controller),
                     signature.mode);
}

}  // namespace treeline

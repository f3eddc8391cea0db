#include "oracle/finding.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

namespace treeline {

namespace {

Finding make(const Subject& subject, Status status, double observed, double bound, double margin) {
  Finding finding;
  finding.invariant = subject.invariant;
  finding.controller = subject.controller;
  finding.node = subject.node;
  finding.status = status;
  finding.observed = observed;
  finding.bound = bound;
  finding.margin = margin;
  finding.unit = subject.unit;
  return finding;
}

Status status_of(bool holds, const std::string& why_inconclusive) {
  if (!holds) return Status::Violated;
  return why_inconclusive.empty() ? Status::Held : Status::Inconclusive;
}

std::string sentence_of(const std::string& what, const std::string& relation, Status status,
                        const std::string& why_inconclusive) {
  return status == Status::Inconclusive
             ? fmt::format("{}: {}; shows nothing, since {}", what, relation, why_inconclusive)
             : fmt::format("{}: {}", what, relation);
}

}  // namespace

Finding at_most(const Subject& subject, double observed, double bound, const std::string& what,
                const std::string& why_inconclusive) {
  const Status status = status_of(observed <= bound, why_inconclusive);
  Finding finding = make(subject, status, observed, bound, bound > 0 ? observed / bound : 0);
  finding.sentence = sentence_of(
      what, fmt::format("{:.6g} {} where at most {:.6g} is allowed", observed, subject.unit, bound), status,
      why_inconclusive);
  return finding;
}

Finding at_least(const Subject& subject, double observed, double bound, const std::string& what,
                 const std::string& why_inconclusive) {
  const Status status = status_of(observed >= bound, why_inconclusive);
  Finding finding = make(subject, status, observed, bound, observed > 0 ? bound / observed : 0);
  finding.sentence =
      sentence_of(what, fmt::format("{:.6g} {} where at least {:.6g} is due", observed, subject.unit, bound),
                  status, why_inconclusive);
  return finding;
}

Finding equal_within(const Subject& subject, double observed, double expected, double tolerance,
                     const std::string& what, const std::string& why_inconclusive) {
  const double apart = std::fabs(observed - expected);
  const Status status = status_of(apart <= tolerance, why_inconclusive);
  Finding finding = make(subject, status, observed, expected, tolerance > 0 ? apart / tolerance : 0);
  finding.sentence = sentence_of(
      what,
      fmt::format("{:.6g} {} where {:.6g} ± {:.6g} is expected", observed, subject.unit, expected, tolerance),
      status, why_inconclusive);
  return finding;
}

std::string errno_name(int error) {
  if (error == 0) return "taken";
  const char* name = strerrorname_np(error);
  return name ? name : fmt::format("errno {}", error);
}

Finding is_true(const Subject& subject, bool holds, const std::string& what,
                const std::string& why_inconclusive) {
  const Status status = status_of(holds, why_inconclusive);
  Finding finding = make(subject, status, holds ? 0 : 1, 0, 0);
  finding.sentence = status == Status::Inconclusive
                         ? fmt::format("{}; shows nothing, since {}", what, why_inconclusive)
                         : what;
  return finding;
}

}  // namespace treeline

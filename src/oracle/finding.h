#pragma once

#include <string>

#include "model/observation.h"
#include "model/verdict.h"

namespace treeline {

/// What a finding is about, filled in by each invariant.
struct Subject {
  const char* invariant;
  Controller controller;
  NodeId node;
  const char* unit;
};

/// observed ≤ bound. Above it the law is broken, whatever else is known. Below it the run only counts if a
/// kernel that breaks the law would have been seen to: `why_inconclusive` is empty then.
Finding at_most(const Subject& subject, double observed, double bound, const std::string& what,
                const std::string& why_inconclusive = {});
/// observed ≥ bound, likewise.
Finding at_least(const Subject& subject, double observed, double bound, const std::string& what,
                 const std::string& why_inconclusive = {});
/// |observed − expected| ≤ tolerance, likewise.
Finding equal_within(const Subject& subject, double observed, double expected, double tolerance,
                     const std::string& what, const std::string& why_inconclusive = {});
/// A law with no number to it.
Finding is_true(const Subject& subject, bool holds, const std::string& what,
                const std::string& why_inconclusive = {});

/// "EAGAIN"; "taken" for 0.
std::string errno_name(int error);

}  // namespace treeline

#pragma once

#include <fmt/format.h>

#include "model/scenario.h"
#include "model/verdict.h"

/// fmt's view of the model: fmt::print("{}", scenario). The format specifiers are those of strings
/// ("{:>12}"). A KnobValue says nothing without its knob: see describe(Knob, KnobValue).
template <>
struct fmt::formatter<treeline::Scenario> : fmt::formatter<std::string_view> {
  auto format(const treeline::Scenario& scenario, fmt::format_context& out) const {
    return formatter<std::string_view>::format(treeline::draw(scenario), out);
  }
};

template <>
struct fmt::formatter<treeline::Workload> : fmt::formatter<std::string_view> {
  auto format(const treeline::Workload& workload, fmt::format_context& out) const {
    return formatter<std::string_view>::format(treeline::describe(workload), out);
  }
};

template <>
struct fmt::formatter<treeline::Strategy> : fmt::formatter<std::string_view> {
  auto format(const treeline::Strategy& strategy, fmt::format_context& out) const {
    return formatter<std::string_view>::format(treeline::describe(strategy), out);
  }
};

template <>
struct fmt::formatter<treeline::Status> : fmt::formatter<std::string_view> {
  auto format(treeline::Status status, fmt::format_context& out) const {
    return formatter<std::string_view>::format(treeline::status_name(status), out);
  }
};

/// "violated memory.max: too much".
template <>
struct fmt::formatter<treeline::Finding> : fmt::formatter<std::string_view> {
  auto format(const treeline::Finding& finding, fmt::format_context& out) const {
    const std::string text =
        fmt::format("{} {}: {}", treeline::status_name(finding.status), finding.invariant, finding.sentence);
    return formatter<std::string_view>::format(text, out);
  }
};

/// One line a finding.
template <>
struct fmt::formatter<treeline::Verdict> : fmt::formatter<std::string_view> {
  auto format(const treeline::Verdict& verdict, fmt::format_context& out) const {
    return formatter<std::string_view>::format(fmt::format("{}\n", fmt::join(verdict.findings, "\n")), out);
  }
};

template <>
struct fmt::formatter<treeline::Signature> : fmt::formatter<std::string_view> {
  auto format(const treeline::Signature& signature, fmt::format_context& out) const {
    return formatter<std::string_view>::format(treeline::to_string(signature), out);
  }
};

template <>
struct fmt::formatter<treeline::Error> : fmt::formatter<std::string_view> {
  auto format(const treeline::Error& error, fmt::format_context& out) const {
    return formatter<std::string_view>::format(treeline::to_string(error), out);
  }
};

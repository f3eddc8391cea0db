#include <fmt/format.h>

#include <algorithm>

#include "search/search.h"

namespace treeline {

namespace {

std::string sentences_of(const Counterexample& failure) {
  std::string text;
  if (!failure.verdict) return text;
  for (const Finding& finding : failure.verdict->findings) {
    if (finding.status == Status::Violated)
      text += fmt::format("  {}: {}\n", finding.invariant, finding.sentence);
  }
  return text;
}

std::string rate_text(const Rate& rate) { return fmt::format("{} of {} runs", rate.violated, rate.runs); }

}  // namespace

std::string indented(const std::string& text) {
  std::string result;
  bool at_start = true;
  for (const char c : text) {
    if (at_start && c != '\n') result += "    ";
    result += c;
    at_start = c == '\n';
  }
  return result;
}

std::string shell_quoted(const std::string& word) {
  const std::string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=+:,@%";
  if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
  return text + "'";
}

std::vector<std::string> violation_notes(const Counterexample& failure) {
  std::vector<std::string> notes(failure.scenario.tree.nodes.size());
  if (!failure.verdict) return notes;
  for (const Finding& finding : failure.verdict->findings) {
    const bool asked_for = !failure.signature || finding.invariant == failure.signature->invariant;
    std::string& note = notes[static_cast<size_t>(finding.node)];
    if (finding.status != Status::Violated || !asked_for || !note.empty()) continue;
    note = finding.unit.empty() ? finding.invariant
                                : fmt::format("{}: {:.6g} {}, bound {:.6g}", finding.invariant,
                                              finding.observed, finding.unit, finding.bound);
  }
  return notes;
}

std::string replay_command(const std::string& file, const std::string& fault,
                           const std::string& machine_options) {
  return fmt::format("treeline replay {}{}{}", shell_quoted(file), machine_options,
                     fault.empty() ? "" : " --fault " + shell_quoted(fault));
}

std::string report(const Counterexample& failure, const std::string& file,
                   const std::string& machine_options) {
  std::string text;
  if (failure.signature) {
    text += fmt::format(
        "{} {}\n", failure.flaky ? "flaky, not seen again:" : "violated:", to_string(*failure.signature));
  }
  text += sentences_of(failure);
  if (failure.provenance) {
    const std::string& fault = failure.provenance->fault;
    text += fmt::format("  found by property {}, seed {}, index {}{}{}\n", failure.provenance->property,
                        failure.provenance->seed, failure.provenance->index,
                        failure.machine.empty() ? "" : " on " + failure.machine,
                        fault.empty() ? "" : ", with the planted fault " + fault);
  }
  if (failure.original) {
    text += fmt::format("\n  as drawn ({}), failed again in {}:\n\n", describe(failure.original->strategy),
                        rate_text(failure.original_rate));
    text += indented(draw(*failure.original));
  }
  if (failure.original && !failure.flaky) {
    text += fmt::format("\n  shrunk in {} runs, {}; fails in {}:\n\n", failure.shrink_runs,
                        failure.minimum_proven ? "no smaller candidate fails as surely"
                                               : "the budget ran out before every smaller one was tried",
                        rate_text(failure.rate));
  } else {
    text += '\n';
  }
  if (!failure.flaky || !failure.original) text += indented(draw(failure.scenario, violation_notes(failure)));
  const std::string fault = failure.provenance ? failure.provenance->fault : "";
  return text + fmt::format("\n  again: {}\n", replay_command(file, fault, machine_options));
}

}  // namespace treeline

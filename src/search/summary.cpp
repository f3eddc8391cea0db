#include "search/summary.h"

#include <fmt/format.h>

#include "oracle/oracle.h"

namespace treeline {

Counts counts_of(const SearchResult& result) {
  Counts sum;
  for (const auto& [name, tally] : result.tallies) {
    sum.held += tally.held;
    sum.violated += tally.violated;
    sum.inconclusive += tally.inconclusive;
  }
  return sum;
}

std::string summary(const SearchResult& result) {
  std::string text =
      fmt::format("{:<26}{:>8}{:>10}{:>14}{:>9}\n", "invariant", "held", "violated", "inconclusive", "worst");
  for (const Invariant& invariant : invariants()) {
    const auto found = result.tallies.find(std::string(invariant.name));
    const InvariantTally tally = found == result.tallies.end() ? InvariantTally{} : found->second;
    text += fmt::format("{:<26}{:>8}{:>10}{:>14}{:>9}\n", invariant.name, tally.held, tally.violated,
                        tally.inconclusive,
                        tally.worst_margin > 0 ? fmt::format("{:.2f}", tally.worst_margin) : "-");
  }
  text += fmt::format("\n{:<26}{:>10}{:>14}\n", "property", "scenarios", "per minute");
  for (const auto& [name, count] : result.scenarios_by_property) {
    const double seconds = result.seconds_by_property.at(name);
    text += fmt::format("{:<26}{:>10}{:>14.0f}\n", name, count,
                        seconds > 0 ? static_cast<double>(count) * 60 / seconds : 0);
  }
  const Counts counts = counts_of(result);
  text += fmt::format(
      "\n{} scenarios: {} checks held, {} violated, {} inconclusive; {} infrastructure errors\n",
      result.scenarios, counts.held, counts.violated, counts.inconclusive, result.infrastructure_errors);
  for (const Error& error : result.errors) text += fmt::format("  {}\n", to_string(error));
  return text;
}

}  // namespace treeline

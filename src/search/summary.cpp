#include "search/summary.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

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

namespace {

/// Of the scenarios to which the invariant applied, those in which it could have failed.
std::string share(const InvariantTally& tally) {
  if (tally.scenarios == 0) return "-";
  return fmt::format("{:.0f}%",
                     100.0 * static_cast<double>(tally.conclusive) / static_cast<double>(tally.scenarios));
}

}  // namespace

std::string summary(const SearchResult& result) {
  constexpr const char* kColumns = "{:<26}{:>8}{:>10}{:>14}{:>9}{:>11}{:>12}\n";
  std::string text = fmt::format(kColumns, "invariant", "held", "violated", "inconclusive", "worst",
                                 "scenarios", "conclusive");
  for (const Invariant& invariant : invariants()) {
    const auto found = result.tallies.find(std::string(invariant.name));
    const InvariantTally tally = found == result.tallies.end() ? InvariantTally{} : found->second;
    text += fmt::format(kColumns, invariant.name, tally.held, tally.violated, tally.inconclusive,
                        tally.worst_margin > 0 ? fmt::format("{:.2f}", tally.worst_margin) : "-",
                        tally.scenarios, share(tally));
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

std::string to_json(const SearchResult& result) {
  using Json = nlohmann::ordered_json;
  Json invariants = Json::object();
  for (const auto& [name, tally] : result.tallies) {
    invariants[name] = {
        {"held", tally.held},          {"violated", tally.violated},   {"inconclusive", tally.inconclusive},
        {"worst", tally.worst_margin}, {"scenarios", tally.scenarios}, {"conclusive", tally.conclusive}};
  }
  Json failures = Json::array();
  for (size_t i = 0; i < result.failures.size(); ++i) {
    const Counterexample& failure = result.failures[i];
    const Size size = size_of(failure.scenario);
    failures.push_back({{"file", result.files[i]},
                        {"invariant", failure.signature ? failure.signature->invariant : ""},
                        {"flaky", failure.flaky},
                        {"scenarios", result.efforts[i].scenarios},
                        {"seconds", result.efforts[i].seconds},
                        {"nodes", size.nodes},
                        {"workers", size.workers},
                        {"actions", size.actions},
                        {"minimum_proven", failure.minimum_proven},
                        {"shrink_runs", failure.shrink_runs}});
  }
  const Json all{{"scenarios", result.scenarios},
                 {"seconds", result.seconds},
                 {"infrastructure_errors", result.infrastructure_errors},
                 {"invariants", invariants},
                 {"failures", failures}};
  return all.dump(1) + "\n";
}

}  // namespace treeline

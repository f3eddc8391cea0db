#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "compare/difference.h"
#include "generators/property.h"
#include "model/counterexample.h"

namespace treeline {

struct CompareOptions {
  std::vector<const Property*> properties;  ///< Taken in turn, index by index.
  uint64_t seed = 1;
  uint64_t count = 100;                      ///< Scenarios; 0: until the time is up.
  std::chrono::milliseconds time_budget{0};  ///< 0: none.
  int shrink_figures = 3;  ///< So many figures' largest differences are shrunk, of the most frequent figures.
  int shrink_runs = 100;   ///< Comparisons for each.
  std::chrono::milliseconds shrink_time{60'000};
  Transform transform = unchanged;  ///< What the second machine gets: a metamorphic relation.
  std::function<bool()> should_stop;
};

/// All differences of one figure.
struct FigureDifferences {
  uint64_t scenarios = 0;  ///< In so many it differs, in one node at least.
  Difference largest;
  Scenario scenario;  ///< Where that is; the minimal one if `shrunk`.
  Provenance drawn;   ///< Where it comes from.
  bool shrunk = false;
  bool minimum_proven = false;
  int shrink_runs = 0;
};

struct Comparison {
  uint64_t scenarios = 0;  ///< Compared; those that could not be run are `troubles`.
  uint64_t differing = 0;
  double seconds = 0;  ///< Without shrinking.
  std::vector<Error> troubles;
  std::map<std::string, FigureDifferences> figures;
};

/// Draws scenarios that both can run, compares, and shrinks the largest differences (search/shrink_loop.h).
/// InvalidInput unless both machines are deterministic and mount cgroups the same way.
Result<Comparison> compare(Machine& a, Machine& b, const CompareOptions& options,
                           const std::function<void(const Comparison&)>& on_progress = {});
/// One scenario, not shrunk.
Result<Comparison> compare_one(Machine& a, Machine& b, const Scenario& scenario,
                               Transform transform = unchanged);

/// Figures by how many scenarios they differ in, the most frequent first; equal ones by size.
std::vector<std::string> by_frequency(const Comparison& comparison);

/// "0.5 to 0.52" or the texts: what the repeats gave.
std::string describe(const std::vector<FigureValue>& values);

}  // namespace treeline

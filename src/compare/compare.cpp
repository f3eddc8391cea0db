#include "compare/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/rules.h"
#include "search/in_order.h"
#include "search/shrink_loop.h"

namespace treeline {

namespace {

using Clock = std::chrono::steady_clock;

struct Drawn {
  Scenario scenario;
  Provenance provenance;
};

/// The largest of each figure.
std::map<std::string, Difference> largest_of(std::vector<Difference> found) {
  std::map<std::string, Difference> largest;
  for (Difference& difference : found) {
    const std::string name = difference.figure.name;
    const auto known = largest.find(name);
    if (known == largest.end() || known->second.size < difference.size) largest[name] = std::move(difference);
  }
  return largest;
}

void add(Comparison& comparison, const Drawn& drawn, std::vector<Difference> found) {
  ++comparison.scenarios;
  if (!found.empty()) ++comparison.differing;
  for (auto& [name, difference] : largest_of(std::move(found))) {
    FigureDifferences& all = comparison.figures[name];
    ++all.scenarios;
    const bool is_smaller =
        difference.size == all.largest.size && size_of(drawn.scenario) < size_of(all.scenario);
    if (all.scenarios > 1 && difference.size <= all.largest.size && !is_smaller) continue;
    all.largest = std::move(difference);
    all.scenario = drawn.scenario;
    all.drawn = drawn.provenance;
  }
}

Result<void> check(const Machine& a, const Machine& b) {
  for (const Machine* machine : {&a, &b}) {
    if (machine->deterministic()) continue;
    return fail(ErrorKind::InvalidInput, "compare", machine->name(), 0,
                "its runs are not repeatable; compare kernels in the lab");
  }
  return {};
}

/// Both at once, seen as one machine that has what both have: for the shrinker, which wants a machine's facts
/// and lanes. What it asks to be run is judged by trial().
class Both final : public Machine {
 public:
  Both(Machine& a, Machine& b, MachineFacts facts, std::string figure, Transform transform)
      : a_(a), b_(b), facts_(std::move(facts)), figure_(std::move(figure)), transform_(transform) {}

  std::string name() const override { return a_.name() + " and " + b_.name(); }
  const MachineFacts& facts() const override { return facts_; }
  bool deterministic() const override { return true; }
  int lanes() const override { return std::min(a_.lanes(), b_.lanes()); }
  Result<Observation> run(const Scenario& scenario) override { return a_.run(scenario); }

  Signature signature() const { return {figure_, Controller::Core, facts_.mode}; }
  /// Violated if the figure differs.
  Result<Trial> trial(const Scenario& scenario) {
    Trial trial;
    if (!unmet(scenario, a_.facts()).empty() || !unmet(scenario, b_.facts()).empty()) return trial;
    const auto found = compare_scenario(a_, b_, scenario, transform_);
    if (!found) return tl::unexpected(found.error());
    for (const Difference& difference : *found) {
      if (difference.figure.name != figure_) continue;
      Finding finding;
      finding.invariant = figure_;
      finding.controller = Controller::Core;
      finding.node = difference.figure.node;
      finding.status = Status::Violated;
      trial.verdict.findings.push_back(std::move(finding));
    }
    return trial;
  }

 private:
  Machine& a_;
  Machine& b_;
  MachineFacts facts_;
  std::string figure_;
  Transform transform_;
};

class Comparer {
 public:
  Comparer(Machine& a, Machine& b, MachineFacts facts, const CompareOptions& options,
           const std::function<void(const Comparison&)>& on_progress)
      : a_(a), b_(b), facts_(std::move(facts)), options_(options), on_progress_(on_progress) {}

  Comparison run() {
    const Clock::time_point began = Clock::now();
    const auto seconds = [&] { return std::chrono::duration<double>(Clock::now() - began).count(); };
    const Constraints constraints = constraints_for(facts_);
    uint64_t index = 0;
    const auto next = [&](int) -> std::optional<Drawn> {
      while (!(options_.count != 0 && index >= options_.count) && !out_of_time(began) && !should_stop()) {
        const Property& property = *options_.properties[index % options_.properties.size()];
        Drawn drawn{draw_scenario(property, constraints, options_.seed, index),
                    {std::string(property.name), options_.seed, index, ""}};
        ++index;
        // Rules differ from kernel to kernel also where the files are the same.
        if (unmet(drawn.scenario, a_.facts()).empty() && unmet(drawn.scenario, b_.facts()).empty())
          return drawn;
      }
      return std::nullopt;
    };
    InOrder<Drawn, Result<std::vector<Difference>>> runs(
        std::min(a_.lanes(), b_.lanes()), next,
        [&](const Drawn& drawn) { return compare_scenario(a_, b_, drawn.scenario, options_.transform); });
    while (auto ended = runs.take()) {
      auto& [drawn, found] = *ended;
      if (found) {
        add(comparison_, drawn, std::move(*found));
      } else {
        comparison_.troubles.push_back(found.error());
      }
      comparison_.seconds = seconds();
      if (on_progress_) on_progress_(comparison_);
    }
    shrink();
    return std::move(comparison_);
  }

 private:
  bool should_stop() const { return options_.should_stop && options_.should_stop(); }
  bool out_of_time(Clock::time_point began) const {
    return options_.time_budget.count() != 0 && Clock::now() - began >= options_.time_budget;
  }

  void shrink() {
    int left = options_.shrink_figures;
    for (const std::string& name : by_frequency(comparison_)) {
      if (left-- <= 0 || should_stop()) return;
      shrink(name, comparison_.figures.at(name));
    }
  }

  void shrink(const std::string& name, FigureDifferences& figure) {
    Both both(a_, b_, facts_, name, options_.transform);
    ShrinkLoop loop(
        both, both.signature(), {1, 1}, {options_.shrink_runs, Clock::now() + options_.shrink_time},
        [&](const Scenario&, int) { return !should_stop(); },
        [&](const Error& error) { comparison_.troubles.push_back(error); },
        [&](const Scenario& candidate) { return both.trial(candidate); });
    ShrinkLoop::Outcome outcome = loop.run(figure.scenario);
    auto found = compare_scenario(a_, b_, outcome.scenario, options_.transform);
    if (!found) {
      comparison_.troubles.push_back(found.error());
      return;
    }
    auto largest = largest_of(std::move(*found));
    figure.largest = std::move(largest[name]);
    figure.scenario = std::move(outcome.scenario);
    figure.shrunk = true;
    figure.minimum_proven = outcome.proven;
    figure.shrink_runs = outcome.runs;
  }

  Machine& a_;
  Machine& b_;
  MachineFacts facts_;
  const CompareOptions& options_;
  const std::function<void(const Comparison&)>& on_progress_;
  Comparison comparison_;
};

}  // namespace

Result<Comparison> compare(Machine& a, Machine& b, const CompareOptions& options,
                           const std::function<void(const Comparison&)>& on_progress) {
  if (Result<void> good = check(a, b); !good) return tl::unexpected(good.error());
  Result<MachineFacts> facts = common_facts(a.facts(), b.facts());
  if (!facts) return tl::unexpected(facts.error());
  return Comparer(a, b, std::move(*facts), options, on_progress).run();
}

Result<Comparison> compare_one(Machine& a, Machine& b, const Scenario& scenario, Transform transform) {
  if (Result<void> good = check(a, b); !good) return tl::unexpected(good.error());
  auto found = compare_scenario(a, b, scenario, transform);
  if (!found) return tl::unexpected(found.error());
  Comparison comparison;
  add(comparison, {scenario, {}}, std::move(*found));
  return comparison;
}

std::vector<std::string> by_frequency(const Comparison& comparison) {
  std::vector<std::string> names;
  for (const auto& [name, ignored] : comparison.figures) names.push_back(name);
  std::stable_sort(names.begin(), names.end(), [&](const std::string& left, const std::string& right) {
    const FigureDifferences& one = comparison.figures.at(left);
    const FigureDifferences& other = comparison.figures.at(right);
    if (one.scenarios != other.scenarios) return one.scenarios > other.scenarios;
    return one.largest.size > other.largest.size;
  });
  return names;
}

std::string describe(const std::vector<FigureValue>& values) {
  std::vector<double> numbers;
  std::set<std::string> texts;
  for (const FigureValue& value : values) {
    if (const double* number = std::get_if<double>(&value)) {
      numbers.push_back(*number);
    } else {
      texts.insert("\"" + std::get<std::string>(value) + "\"");
    }
  }
  if (numbers.empty()) return fmt::format("{}", fmt::join(texts, " or "));
  const auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
  return *low == *high ? fmt::format("{:.7g}", *low) : fmt::format("{:.7g} to {:.7g}", *low, *high);
}

}  // namespace treeline

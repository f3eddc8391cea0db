#include "search/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "search/in_order.h"
#include "search/results_store.h"
#include "search/shrink_loop.h"
#include "search/summary.h"
#include "search/trial.h"

namespace treeline {

namespace {

using Clock = std::chrono::steady_clock;

/// How often a run that shows nothing because of noise is tried again.
constexpr int kNoiseReruns = 2;

class Hunt {
 public:
  Hunt(Machine& machine, const Constraints& constraints, const SearchOptions& options, ResultsStore store,
       const std::function<void(const Progress&)>& on_progress)
      : machine_(machine),
        constraints_(constraints),
        options_(options),
        store_(std::move(store)),
        on_progress_(on_progress) {
    progress_.so_far = &result_;
  }

  Result<SearchResult> run() {
    while (const std::optional<Violation> found = next_violation()) {
      const size_t failures_before = result_.failures.size();
      pursue(found->example, found->signature, *found->done.trial);
      tell(found->example, found->done, result_.failures.size() > failures_before);
    }
    if (broken_) return tl::unexpected(*broken_);
    store_.clear_in_flight(machine_.lanes());
    put_confirmed_first();
    result_.seconds = seconds_so_far();
    if (Result<void> saved = store_.save_summary(to_json(result_)); !saved) {
      return tl::unexpected(saved.error());
    }
    return std::move(result_);
  }

 private:
  double seconds_so_far() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }

  struct Done {
    Result<Trial> trial;
    double seconds = 0;
  };

  bool enough(uint64_t begun) const {
    if (options_.count != 0 && begun >= options_.count) return true;
    if (options_.time_budget.count() != 0 && Clock::now() - began_ >= options_.time_budget) return true;
    if (should_stop()) return true;
    return static_cast<int>(confirmed_.size()) >= options_.max_failures;
  }

  bool should_stop() const { return options_.should_stop && options_.should_stop(); }

  const Property& property_of(uint64_t index) const {
    return *options_.properties[index % options_.properties.size()];
  }

  Counterexample drawn(uint64_t index) const {
    const Property& property = property_of(index);
    Counterexample example;
    example.scenario = draw_scenario(property, constraints_, options_.seed, index);
    example.provenance = Provenance{std::string(property.name), options_.seed, index, options_.fault};
    example.machine = machine_.name();
    return example;
  }

  struct Violation {
    Counterexample example;
    Signature signature;
    Done done;
  };

  /// Goes on from where it stopped, until something is to be pursued: what was begun after that is dropped,
  /// and begun anew. None once there is nothing more to do.
  std::optional<Violation> next_violation() {
    uint64_t begun = result_.scenarios;
    const auto next = [&](int lane) -> std::optional<Counterexample> {
      if (broken_ || enough(begun)) return std::nullopt;
      Counterexample example = drawn(options_.first_index + begun);
      if (!about_to_run(example, Progress::Phase::Running, lane)) return std::nullopt;
      ++begun;
      return example;
    };
    InOrder<Counterexample, Done> runs(machine_.lanes(), next,
                                       [&](const Counterexample& example) { return run(example); });
    while (auto ended = runs.take()) {
      auto& [example, done] = *ended;
      if (const std::optional<Signature> signature = note(example, done)) {
        return Violation{std::move(example), *signature, std::move(done)};
      }
      tell(example, done, false);
    }
    return std::nullopt;
  }

  /// Called in several threads at once.
  Done run(const Counterexample& example) const {
    const Clock::time_point began = Clock::now();
    Result<Trial> trial = run_trial(machine_, example.scenario);
    for (int again = 0; again < kNoiseReruns && trial && !machine_.deterministic(); ++again) {
      if (!drowned_in_noise(example.scenario, *trial, property_of(example.provenance->index).aims) ||
          should_stop())
        break;
      if (trial->verdict.status() == Status::Violated) break;
      trial = run_trial(machine_, example.scenario);
    }
    return {std::move(trial), std::chrono::duration<double>(Clock::now() - began).count()};
  }

  /// Takes it into the result; the violation that is to be pursued, if there is one.
  std::optional<Signature> note(const Counterexample& example, const Done& done) {
    const std::string& name = example.provenance->property;
    ++result_.scenarios;
    ++result_.scenarios_by_property[name];
    result_.seconds_by_property[name] += done.seconds / machine_.lanes();
    if (!done.trial) {
      note_trouble(done.trial.error(), &example);
      return std::nullopt;
    }
    tally(done.trial->verdict);
    return new_signature(done.trial->verdict, example.scenario);
  }

  /// Of a scenario that was judged, and the failure that it led to, if that is new.
  void tell(const Counterexample& example, const Done& done, bool failed) {
    if (broken_ || !options_.on_judged) return;
    const uint64_t index = example.provenance->index;
    const Judged judged{property_of(index),
                        index,
                        example.scenario,
                        done.seconds,
                        done.trial ? &*done.trial : nullptr,
                        failed ? &result_.failures.back() : nullptr,
                        failed ? &result_.files.back() : nullptr};
    if (Result<void> told = options_.on_judged(judged); !told) broken_ = told.error();
  }

  /// Persists what runs next and tells of it. False if it could not be written.
  bool about_to_run(const Counterexample& example, Progress::Phase phase, int lane = 0) {
    progress_.property = &property_of(example.provenance->index);
    progress_.index = example.provenance->index;
    progress_.phase = phase;
    progress_.size = size_of(example.scenario);
    if (on_progress_) on_progress_(progress_);
    if (Result<void> saved = store_.save_in_flight(example, lane); !saved) broken_ = saved.error();
    return !broken_;
  }

  /// `drawn`: what ran, if it was none of the search's own reruns of it.
  void note_trouble(Error error, const Counterexample* drawn = nullptr) {
    constexpr size_t kKept = 5;
    ++result_.infrastructure_errors;
    if (result_.errors.size() >= kKept) return;
    if (drawn) {
      const Result<std::string> file = store_.save_trouble(*drawn);
      if (!file) {
        broken_ = file.error();
      } else {
        error.advice += fmt::format("{}what ran is in {}", error.advice.empty() ? "" : "; ", *file);
      }
    }
    result_.errors.push_back(std::move(error));
  }

  void tally(const Verdict& verdict) {
    std::map<std::string_view, bool> is_conclusive;
    for (const Finding& finding : verdict.findings) {
      InvariantTally& tally = result_.tallies[finding.invariant];
      if (finding.status == Status::Inconclusive) ++tally.inconclusive;
      if (finding.status == Status::Held) ++tally.held;
      if (finding.status == Status::Violated) ++tally.violated;
      if (finding.status != Status::Inconclusive)
        tally.worst_margin = std::max(tally.worst_margin, finding.margin);
      if (finding.status == Status::NotApplicable) continue;
      is_conclusive[finding.invariant] |= finding.status != Status::Inconclusive;
    }
    for (const auto& [invariant, is_so] : is_conclusive) {
      InvariantTally& tally = result_.tallies[std::string(invariant)];
      ++tally.scenarios;
      if (is_so) ++tally.conclusive;
    }
  }

  /// The first violation that is asked for and was not confirmed before.
  std::optional<Signature> new_signature(const Verdict& verdict, const Scenario& drawn) const {
    for (const Finding& finding : verdict.findings) {
      if (finding.status != Status::Violated) continue;
      if (!options_.only_invariant.empty() && finding.invariant != options_.only_invariant) continue;
      const Signature signature = signature_of(finding, machine_.facts().mode);
      if (!confirmed_.contains(signature) && !options_.known.holds(signature, drawn)) return signature;
    }
    return std::nullopt;
  }

  void pursue(Counterexample example, const Signature& signature, Trial trial) {
    const Effort effort{result_.scenarios, seconds_so_far()};
    example.signature = signature;
    example.original_rate = confirm(example, signature);
    if (broken_) return;
    example.flaky = example.original_rate.violated == 0;
    if (example.flaky) {
      if (!flaky_.insert(signature).second) return;
      example.rate = example.original_rate;
    } else {
      confirmed_.insert(signature);
      example.original = example.scenario;
      shrink(example, signature, trial);
      if (broken_) return;
    }
    example.verdict = std::move(trial.verdict);
    example.observation = std::move(trial.observation);
    Result<std::string> file = store_.save_failure(example);
    if (!file) {
      broken_ = file.error();
      return;
    }
    result_.files.push_back(std::move(*file));
    result_.failures.push_back(std::move(example));
    result_.efforts.push_back(effort);
  }

  /// Runs it again; on a deterministic machine once settles it.
  Rate confirm(const Counterexample& example, const Signature& signature, Trial* last = nullptr) {
    Rate rate;
    const int runs = machine_.deterministic() ? 1 : options_.confirm_runs;
    for (int i = 0; i < runs; ++i) {
      if (!about_to_run(example, Progress::Phase::Confirming)) break;
      Result<Trial> trial = run_trial(machine_, example.scenario);
      if (!trial) {
        note_trouble(trial.error());
        continue;
      }
      ++rate.runs;
      if (!violates(trial->verdict, signature, machine_.facts().mode)) continue;
      ++rate.violated;
      if (last) *last = std::move(*trial);
    }
    return rate;
  }

  void shrink(Counterexample& example, const Signature& signature, Trial& trial) {
    const ShrinkLoop::Budget budget{options_.shrink_runs, Clock::now() + options_.shrink_time};
    const auto before_run = [&](const Scenario& candidate, int lane) {
      if (should_stop()) return false;
      Counterexample in_flight;
      in_flight.scenario = candidate;
      in_flight.provenance = example.provenance;
      in_flight.machine = example.machine;
      in_flight.signature = signature;
      return about_to_run(in_flight, Progress::Phase::Shrinking, lane);
    };
    ShrinkLoop loop(machine_, signature, example.original_rate, budget, before_run,
                    [&](const Error& error) { note_trouble(error); });
    ShrinkLoop::Outcome outcome =
        loop.run(example.scenario, withstands_noise(example.scenario, trial, signature));
    if (broken_) return;
    if (outcome.trial) trial = std::move(*outcome.trial);
    example.scenario = std::move(outcome.scenario);
    example.shrink_runs = outcome.runs;
    example.minimum_proven = outcome.proven;
    example.rate = confirm(example, signature, &trial);
    example.rate.violated += outcome.rate.violated;
    example.rate.runs += outcome.rate.runs;
  }

  void put_confirmed_first() {
    std::vector<size_t> order(result_.failures.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::stable_partition(order.begin(), order.end(), [&](size_t i) { return !result_.failures[i].flaky; });
    std::vector<Counterexample> failures;
    std::vector<std::string> files;
    std::vector<Effort> efforts;
    for (const size_t i : order) {
      failures.push_back(std::move(result_.failures[i]));
      files.push_back(std::move(result_.files[i]));
      efforts.push_back(result_.efforts[i]);
    }
    result_.failures = std::move(failures);
    result_.files = std::move(files);
    result_.efforts = std::move(efforts);
  }

  Machine& machine_;
  const Constraints& constraints_;
  const SearchOptions& options_;
  ResultsStore store_;
  const std::function<void(const Progress&)>& on_progress_;
  const Clock::time_point began_ = Clock::now();
  Progress progress_;
  SearchResult result_;
  std::set<Signature> confirmed_;
  std::set<Signature> flaky_;
  std::optional<Error> broken_;  ///< The results folder can no longer be written.
};

}  // namespace

Result<SearchResult> search(Machine& machine, const Constraints& constraints, const SearchOptions& options,
                            const std::function<void(const Progress&)>& on_progress) {
  if (options.properties.empty()) {
    return fail(ErrorKind::InvalidInput, "search", "", 0, "there is no property to test");
  }
  if (options.count == 0 && options.time_budget.count() == 0) {
    return fail(ErrorKind::InvalidInput, "search", "", 0, "give a --count or a --time after which to stop");
  }
  Result<ResultsStore> store = ResultsStore::open(options.results_dir);
  if (!store) return tl::unexpected(store.error());
  return Hunt(machine, constraints, options, std::move(*store), on_progress).run();
}

}  // namespace treeline

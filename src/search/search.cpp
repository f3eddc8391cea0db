#include "search/search.h"

#include <algorithm>
#include <cmath>
#include <set>

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
    for (uint64_t i = 0; !enough(i); ++i) {
      const uint64_t index = options_.first_index + i;
      hunt(*options_.properties[index % options_.properties.size()], index);
      if (broken_) return tl::unexpected(*broken_);
    }
    store_.clear_in_flight();
    put_confirmed_first();
    result_.seconds = seconds_so_far();
    if (Result<void> saved = store_.save_summary(to_json(result_)); !saved) {
      return tl::unexpected(saved.error());
    }
    return std::move(result_);
  }

 private:
  double seconds_so_far() const { return std::chrono::duration<double>(Clock::now() - began_).count(); }

  bool enough(uint64_t done) const {
    if (options_.count != 0 && done >= options_.count) return true;
    if (options_.time_budget.count() != 0 && Clock::now() - began_ >= options_.time_budget) return true;
    if (should_stop()) return true;
    return static_cast<int>(confirmed_.size()) >= options_.max_failures;
  }

  bool should_stop() const { return options_.should_stop && options_.should_stop(); }

  void hunt(const Property& property, uint64_t index) {
    const Clock::time_point began = Clock::now();
    progress_.property = &property;
    progress_.index = index;
    Counterexample example;
    example.scenario = draw_scenario(property, constraints_, options_.seed, index);
    example.provenance = Provenance{std::string(property.name), options_.seed, index, options_.fault};
    example.machine = machine_.name();
    if (!about_to_run(example, Progress::Phase::Running)) return;
    Result<Trial> trial = run_trial(machine_, example.scenario);
    for (int again = 0; again < kNoiseReruns && trial && !machine_.deterministic(); ++again) {
      if (!drowned_in_noise(example.scenario, *trial, property.aims) || should_stop()) break;
      if (trial->verdict.status() == Status::Violated) break;
      trial = run_trial(machine_, example.scenario);
    }
    ++result_.scenarios;
    const std::string name(property.name);
    ++result_.scenarios_by_property[name];
    result_.seconds_by_property[name] += std::chrono::duration<double>(Clock::now() - began).count();
    const size_t failures_before = result_.failures.size();
    if (!trial) {
      note_trouble(trial.error());
    } else {
      tally(trial->verdict);
      if (const auto signature = new_signature(trial->verdict)) pursue(example, *signature, *trial);
    }
    if (broken_ || !options_.on_judged) return;
    const bool failed = result_.failures.size() > failures_before;
    const Judged judged{property,
                        index,
                        example.scenario,
                        std::chrono::duration<double>(Clock::now() - began).count(),
                        trial ? &*trial : nullptr,
                        failed ? &result_.failures.back() : nullptr,
                        failed ? &result_.files.back() : nullptr};
    if (Result<void> told = options_.on_judged(judged); !told) broken_ = told.error();
  }

  /// Persists what runs next and tells of it. False if it could not be written.
  bool about_to_run(const Counterexample& example, Progress::Phase phase) {
    progress_.phase = phase;
    progress_.size = size_of(example.scenario);
    if (on_progress_) on_progress_(progress_);
    if (Result<void> saved = store_.save_in_flight(example); !saved) broken_ = saved.error();
    return !broken_;
  }

  void note_trouble(const Error& error) {
    constexpr size_t kKept = 5;
    ++result_.infrastructure_errors;
    if (result_.errors.size() < kKept) result_.errors.push_back(error);
  }

  void tally(const Verdict& verdict) {
    for (const Finding& finding : verdict.findings) {
      InvariantTally& tally = result_.tallies[finding.invariant];
      if (finding.status == Status::Inconclusive) ++tally.inconclusive;
      if (finding.status == Status::Held) ++tally.held;
      if (finding.status == Status::Violated) ++tally.violated;
      if (finding.status != Status::Inconclusive)
        tally.worst_margin = std::max(tally.worst_margin, finding.margin);
    }
  }

  /// The first violation that is asked for and was not confirmed before.
  std::optional<Signature> new_signature(const Verdict& verdict) const {
    for (const Finding& finding : verdict.findings) {
      if (finding.status != Status::Violated) continue;
      if (!options_.only_invariant.empty() && finding.invariant != options_.only_invariant) continue;
      const Signature signature = signature_of(finding, machine_.facts().mode);
      if (!confirmed_.contains(signature) && !options_.known.contains(signature)) return signature;
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
    const auto before_run = [&](const Scenario& candidate) {
      if (should_stop()) return false;
      Counterexample in_flight;
      in_flight.scenario = candidate;
      in_flight.provenance = example.provenance;
      in_flight.machine = example.machine;
      in_flight.signature = signature;
      return about_to_run(in_flight, Progress::Phase::Shrinking);
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

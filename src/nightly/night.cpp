#include "nightly/night.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <random>
#include <set>

#include "cgroup/run_group.h"
#include "model/hash.h"
#include "model/json.h"
#include "nightly/bandit.h"
#include "nightly/behaviours.h"
#include "nightly/night_folder.h"
#include "nightly/replays.h"
#include "search/results_store.h"
#include "store/recorder.h"

namespace treeline {

namespace {

using Clock = NightOptions::Clock;
using std::chrono::milliseconds;

/// How often a reader of summary.txt finds it new.
constexpr auto kSummaryEvery = std::chrono::seconds(30);

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

milliseconds left_until(Clock::time_point end) {
  return std::max(std::chrono::duration_cast<milliseconds>(end - Clock::now()), milliseconds(1));
}

/// One night, from its row in the database to its end.
class NightRun {
 public:
  NightRun(std::span<const NightMachine> machines, const NightOptions& options, ResultsDb& results,
           Night night, const NightFolder& folder, Clock::time_point deadline)
      : options_(options),
        results_(results),
        nights_(results),
        night_(std::move(night)),
        folder_(folder),
        began_(Clock::now()),
        deadline_(deadline) {
    input_.known = options.known;
    input_.left_out = options.left_out;
    for (const NightMachine& machine : machines) {
      lanes_.push_back({machine, folder_name_of(machine.machine->name(), machine.fault),
                        constraints_for(machine.machine->facts())});
      input_.replay_options[machine.machine->name()] = machine.replay_options;
    }
  }

  /// The night's summary; it has ended unless it was interrupted.
  Result<NightSummary> run() {
    if (Result<void> ready = prepare(); !ready) return tl::unexpected(ready.error());
    if (Result<void> done = replay_all(); !done) return tl::unexpected(done.error());
    if (Result<void> done = explore(); !done) return tl::unexpected(done.error());
    if (!interrupted()) {
      if (Result<void> ended = nights_.end(night_.id); !ended) return tl::unexpected(ended.error());
      night_.ended_at = results_.now();
    }
    return write_summary();
  }

 private:
  /// A machine, and what this night knows of it.
  struct Lane {
    NightMachine on;
    std::string folder_name;
    Constraints constraints;
    int64_t run = 0;
    uint64_t seed = 0;
    NotPursued not_pursued = {};
    int trouble_in_a_row = 0;
    bool lost = false;
    std::string name() const { return on.machine->name(); }
  };

  /// What a visit of an arm may take at most. count 0: no end by it.
  struct Slice {
    milliseconds time;
    uint64_t count;
  };
  struct Arm {
    size_t lane;
    const Property* property;
  };

  bool interrupted() const { return options_.should_stop && options_.should_stop(); }
  bool is_over(Clock::time_point end) const { return interrupted() || Clock::now() >= end; }
  std::string folder_of(const Lane& lane) const { return folder_.path() + "/" + lane.folder_name; }
  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }

  /// The last of the time, in which nothing new is begun and what was found is confirmed and shrunk.
  Clock::time_point end_of_exploring() const {
    constexpr auto kMostReserve = std::chrono::seconds(20);
    const auto reserve = std::min<Clock::duration>(kMostReserve, (deadline_ - began_) / 10);
    return deadline_ - reserve;
  }

  Result<void> prepare() {
    for (Lane& lane : lanes_) {
      const MachineFacts& facts = lane.on.machine->facts();
      // Of its own for each machine, so that two of them do not try the same; and the same after a kill.
      lane.seed = hash_of(lane.name(), night_.seed ^ kHashStart);
      const Result<int64_t> run = nights_.run_of({lane.name(), facts, lane.seed, lane.on.fault, night_.id});
      if (!run) return tl::unexpected(run.error());
      lane.run = *run;
      lane.not_pursued.listed = concerning(options_.known, lane.name(), facts.kernel_release, facts.mode);
    }
    const Result<std::vector<NightFailure>> so_far = night_failures(results_, night_);
    if (!so_far) return tl::unexpected(so_far.error());
    for (const NightFailure& failure : *so_far) {
      for (Lane& lane : lanes_) {
        if (lane.name() != failure.machine || failure.flaky) continue;
        lane.not_pursued.signatures.insert(failure.signature);
        const Result<Counterexample> file = counterexample_from_file(failure.file);
        if (file && file->verdict) stop_pursuing(lane, *file->verdict);
      }
    }
    Result<uint64_t> explored = nights_.count_explored(night_.id);
    if (!explored) return tl::unexpected(explored.error());
    explored_ = *explored;
    return {};
  }

  Result<void> replay_all() {
    const Result<std::vector<EarlierFailure>> earlier = failures_before(results_, night_);
    if (!earlier) return tl::unexpected(earlier.error());
    const Result<std::vector<ReplayCase>> cases = replay_cases(options_.corpus, *earlier);
    if (!cases) return tl::unexpected(cases.error());
    const Clock::time_point end = began_ + (deadline_ - began_) / 2;
    for (Lane& lane : lanes_) {
      int replayed = 0, violated = 0;
      const Clock::time_point began = Clock::now();
      for (const ReplayCase& to_replay : *cases) {
        if (lane.lost || !applies(to_replay, lane.on.machine->facts(), lane.on.fault)) continue;
        const Result<bool> done = nights_.was_replayed(lane.run, to_replay.draw);
        if (!done) return tl::unexpected(done.error());
        if (*done) continue;
        if (interrupted()) return {};
        if (Clock::now() >= end) {
          input_.not_replayed.push_back(fmt::format("{} on {}", to_replay.title, lane.name()));
          continue;
        }
        ++replayed;
        const Result<bool> failed = replay_one(lane, to_replay);
        if (!failed) return tl::unexpected(failed.error());
        if (*failed) ++violated;
      }
      say(fmt::format("{}: replayed {}, {} violated, in {:.1f} s", lane.name(), replayed, violated,
                      seconds_since(began)));
    }
    return save_summary();
  }

  /// True if it was violated.
  Result<bool> replay_one(Lane& lane, const ReplayCase& to_replay) {
    Result<ResultsStore> store = ResultsStore::open(folder_of(lane));
    if (!store) return tl::unexpected(store.error());
    std::optional<Error> broken;
    ReplayOptions options;
    options.confirm_runs = options_.confirm_runs;
    options.shrink = {options_.shrink_runs, Clock::now() + shrink_time()};
    options.known = lane.not_pursued;
    options.before_run = [&](const Scenario& scenario, int in_lane) {
      Counterexample in_flight;
      in_flight.scenario = scenario;
      in_flight.machine = lane.name();
      if (Result<void> saved = store->save_in_flight(in_flight, in_lane); !saved) broken = saved.error();
      return !broken && !interrupted();
    };
    const Clock::time_point began = Clock::now();
    Result<Replayed> replayed = replay_case(*lane.on.machine, to_replay, options);
    if (broken) return tl::unexpected(*broken);
    // Cut short, it says nothing: it is made anew when the night is resumed.
    if (interrupted()) return false;
    lane.trouble_in_a_row = replayed ? 0 : lane.trouble_in_a_row + 1;
    if (!replayed) {
      tell_of(lane, replayed.error());
      give_up_if_lost(lane, replayed.error());
    }
    ScenarioRecord record;
    record.property = kReplayed;
    record.index = static_cast<uint64_t>(to_replay.draw);
    record.seconds = seconds_since(began);
    if (replayed) record.verdict = &replayed->trial.verdict;
    if (replayed && replayed->failure) {
      Counterexample& failure = *replayed->failure;
      if (!lane.on.fault.empty()) failure.provenance = Provenance{kReplayed, 0, record.index, lane.on.fault};
      const Result<std::string> file = store->save_failure(failure);
      if (!file) return tl::unexpected(file.error());
      Result<std::string> kept = keep(lane, failure, *file);
      if (!kept) return tl::unexpected(kept.error());
      record.failure = &failure;
      record.file = std::move(*kept);
      if (!failure.flaky) stop_pursuing(lane, *failure.verdict);
    }
    const Result<int> added = results_.add_scenario(lane.run, record);
    if (!added) return tl::unexpected(added.error());
    store->clear_in_flight(lane.on.machine->lanes());
    return record.verdict && record.verdict->status() == Status::Violated;
  }

  /// What a failure's minimum violates is explained by it: from now on it is counted and not pursued.
  static void stop_pursuing(Lane& lane, const Verdict& verdict) {
    lane.not_pursued.signatures.merge(violated_signatures(verdict, lane.on.machine->facts().mode));
  }

  milliseconds shrink_time() const { return std::min(SearchOptions().shrink_time, left_until(deadline_)); }

  /// The failure's file outside of the night's folder, which retention removes.
  Result<std::string> keep(const Lane& lane, const Counterexample& failure, const std::string& file) const {
    const std::string folder = options_.results + "/failures/" + lane.folder_name;
    if (Result<void> made = make_results_folder(folder); !made) return tl::unexpected(made.error());
    sweep_folder(folder);
    std::string path = folder + "/" + std::filesystem::path(file).filename().string();
    if (Result<void> saved = replace_file(path, to_json(failure, 1)); !saved) {
      return tl::unexpected(saved.error());
    }
    return path;
  }

  void tell_of(const Lane& lane, const Error& error) const {
    say(fmt::format("{}: {}", lane.name(), to_string(error)));
  }

  /// A machine that gives nothing but errors is lost.
  void give_up_if_lost(Lane& lane, const Error& last) {
    if (lane.lost || lane.trouble_in_a_row < kMostTroubleInARow) return;
    lane.lost = true;
    LeftOut lost{lane.name(), last};
    lost.why.kind = ErrorKind::Infrastructure;
    lost.why.advice += fmt::format("{}given up after {} errors in a row", lost.why.advice.empty() ? "" : "; ",
                                   lane.trouble_in_a_row);
    input_.left_out.push_back(std::move(lost));
  }

  /// By property and then by machine, so that a short night sees something of each machine.
  std::vector<Arm> arms() const {
    std::vector<Arm> found;
    for (const Property& property : properties()) {
      if (!options_.properties.empty() && std::find(options_.properties.begin(), options_.properties.end(),
                                                    &property) == options_.properties.end()) {
        continue;
      }
      for (size_t lane = 0; lane < lanes_.size(); ++lane) {
        if (!why_untestable(property, lanes_[lane].on.machine->facts())) found.push_back({lane, &property});
      }
    }
    return found;
  }

  Result<void> explore() {
    const std::vector<Arm> all = arms();
    if (all.empty()) return {};
    const Clock::time_point end = end_of_exploring();
    // Four rounds of all arms fit into the night, if it is not too short for that.
    const auto rounds = static_cast<int64_t>(4 * all.size());
    const Slice slice{
        std::clamp(left_until(end) / rounds, milliseconds(1'000), milliseconds(15'000)),
        options_.count == 0 ? 0 : std::max<uint64_t>(options_.count / static_cast<uint64_t>(rounds), 1)};
    Bandit bandit(all.size());
    const auto retire_lost = [&] {
      for (size_t arm = 0; arm < all.size(); ++arm) {
        if (lanes_[all[arm].lane].lost) bandit.retire(arm);
      }
    };
    retire_lost();
    while (!bandit.all_retired() && !is_over(end) && (options_.count == 0 || explored_ < options_.count)) {
      const size_t arm = bandit.choose();
      const Clock::time_point began = Clock::now();
      const Result<int64_t> fresh = visit(lanes_[all[arm].lane], *all[arm].property,
                                          {std::min(slice.time, left_until(end)), slice.count});
      if (!fresh) return tl::unexpected(fresh.error());
      bandit.note(arm, *fresh, seconds_since(began));
      retire_lost();
      if (Clock::now() - summary_saved_ < kSummaryEvery) continue;
      if (Result<void> saved = save_summary(); !saved) return saved;
    }
    return {};
  }

  /// How many behaviours were new in one slice of an arm.
  Result<int64_t> visit(Lane& lane, const Property& property, const Slice& slice) {
    const Result<uint64_t> next = nights_.next_draw(lane.run, std::string(property.name));
    if (!next) return tl::unexpected(next.error());
    SearchOptions search_options;
    search_options.properties = {&property};
    search_options.seed = lane.seed;
    search_options.first_index = *next;
    search_options.count = options_.count == 0 ? 0 : std::min(slice.count, options_.count - explored_);
    search_options.time_budget = slice.time;
    search_options.results_dir = folder_of(lane);
    search_options.confirm_runs = options_.confirm_runs;
    search_options.shrink_runs = options_.shrink_runs;
    search_options.shrink_time = shrink_time();
    search_options.known = lane.not_pursued;
    search_options.fault = lane.on.fault;
    std::atomic<bool> is_lost = false;  // should_stop is asked by other threads, too
    search_options.should_stop = [&] { return is_lost || is_over(deadline_); };
    int64_t fresh = 0;
    search_options.on_judged = [&](const Judged& judged) -> Result<void> {
      const Result<int> added = record(lane, judged);
      if (!added) return tl::unexpected(added.error());
      fresh += *added;
      lane.trouble_in_a_row = judged.trial ? 0 : lane.trouble_in_a_row + 1;
      is_lost = lane.trouble_in_a_row >= kMostTroubleInARow;
      return {};
    };
    const Clock::time_point began = Clock::now();
    const Result<SearchResult> result = search(*lane.on.machine, lane.constraints, search_options);
    if (!result) return tl::unexpected(result.error());
    explored_ += result->scenarios;
    for (const Error& error : result->errors) tell_of(lane, error);
    if (!result->errors.empty()) give_up_if_lost(lane, result->errors.back());
    say(fmt::format("{} {}: {} scenarios, {} new behaviours, in {:.1f} s", lane.name(), property.name,
                    result->scenarios, fresh, seconds_since(began)));
    for (size_t i = 0; i < result->failures.size(); ++i) {
      say("\n" + report(result->failures[i], result->files[i], lane.on.replay_options));
    }
    return fresh;
  }

  /// How many of its behaviours are new.
  Result<int> record(Lane& lane, const Judged& judged) {
    ScenarioRecord record = record_of(judged);
    if (judged.trial) record.behaviours = behaviours_of(judged.property.name, judged.scenario, *judged.trial);
    if (judged.failure) {
      Result<std::string> kept = keep(lane, *judged.failure, *judged.file);
      if (!kept) return tl::unexpected(kept.error());
      record.file = std::move(*kept);
    }
    Result<int> added = results_.add_scenario(lane.run, record);
    if (added && judged.failure && !judged.failure->flaky) stop_pursuing(lane, *judged.failure->verdict);
    return added;
  }

  Result<NightSummary> write_summary() {
    Result<NightSummary> summary = summarize(results_, night_, input_);
    if (!summary) return summary;
    summary->path = folder_.path();
    if (Result<void> saved = replace_file(folder_.path() + "/summary.txt", to_text(*summary)); !saved) {
      return tl::unexpected(saved.error());
    }
    summary_saved_ = Clock::now();
    return summary;
  }

  Result<void> save_summary() {
    const Result<NightSummary> summary = write_summary();
    if (!summary) return tl::unexpected(summary.error());
    return {};
  }

  const NightOptions& options_;
  ResultsDb& results_;
  Nights nights_;
  Night night_;
  const NightFolder& folder_;
  const Clock::time_point began_;
  const Clock::time_point deadline_;
  SummaryInput input_;
  std::vector<Lane> lanes_;
  uint64_t explored_ = 0;
  Clock::time_point summary_saved_;
};

/// The claims on the nights that were begun, not ended, and are nobody's any more.
struct Claims {
  std::vector<NightFolder> folders;
  std::vector<Night> nights;
};

Result<Claims> claim_abandoned(Nights& nights, const std::string& results) {
  Result<std::vector<Night>> before = nights.all();
  if (!before) return tl::unexpected(before.error());
  Claims claims;
  for (const Night& night : *before) {
    if (night.ended_at || night.removed) continue;
    Result<std::optional<NightFolder>> folder = NightFolder::claim(results, night.folder);
    if (!folder) return tl::unexpected(folder.error());
    if (*folder) claims.folders.push_back(std::move(**folder));
  }
  // Read again: its owner may have ended it just before it was claimed.
  const Result<std::vector<Night>> now = nights.all();
  if (!now) return tl::unexpected(now.error());
  for (const Night& night : *now) {
    const bool is_claimed = std::any_of(claims.folders.begin(), claims.folders.end(),
                                        [&](const NightFolder& one) { return one.name() == night.folder; });
    if (is_claimed && !night.ended_at) claims.nights.push_back(night);
  }
  return claims;
}

/// Ends a night that nobody goes on with; its results stay, with a summary of them.
Result<void> close(ResultsDb& results, Night night, const NightOptions& options) {
  if (Result<void> ended = Nights(results).end(night.id); !ended) return ended;
  night.ended_at = results.now();
  const Result<NightSummary> summary = summarize(results, night, {options.known, {}, {}, {}});
  if (!summary) return tl::unexpected(summary.error());
  if (options.say) options.say(fmt::format("night {} was killed and is not resumed", night.folder));
  return replace_file(options.results + "/nights/" + night.folder + "/summary.txt", to_text(*summary));
}

}  // namespace

Result<NightSummary> run_night(std::span<const NightMachine> machines, const NightOptions& options) {
  if (Result<void> made = make_results_folder(options.results + "/nights"); !made) {
    return tl::unexpected(made.error());
  }
  Result<ResultsDb> results = ResultsDb::open(options.results + "/results.db");
  if (!results) return tl::unexpected(results.error());
  Nights nights(*results);
  Result<Claims> claims = claim_abandoned(nights, options.results);
  if (!claims) return tl::unexpected(claims.error());
  const Abandoned plan = plan_for(claims->nights, results->now(), options.fresh);
  for (const Night& night : plan.close) {
    if (Result<void> closed = close(*results, night, options); !closed) return tl::unexpected(closed.error());
  }
  std::optional<NightFolder> folder;
  Night night;
  Clock::time_point deadline = options.began + options.budget;
  if (plan.resume) {
    night = *plan.resume;
    deadline = Clock::now() + std::chrono::seconds(plan.left_s);
    for (NightFolder& claimed : claims->folders) {
      if (claimed.name() == night.folder) folder = std::move(claimed);
    }
    if (options.say) {
      options.say(
          fmt::format("night {} goes on: {} of {} s are left", night.folder, plan.left_s, night.budget_s));
    }
  } else {
    Result<NightFolder> made = NightFolder::make(options.results, results->now());
    if (!made) return tl::unexpected(made.error());
    const uint64_t seed = options.seed ? *options.seed : std::random_device()();
    Result<Night> begun = nights.begin(made->name(), options.budget.count(), seed);
    if (!begun) return tl::unexpected(begun.error());
    night = std::move(*begun);
    folder = std::move(*made);
    if (options.say)
      options.say(fmt::format("night {}: {} s, seed {}", night.folder, night.budget_s, night.seed));
  }
  claims->folders.clear();
  if (Result<void> pointed = folder->point_latest(); !pointed) return tl::unexpected(pointed.error());
  Result<NightSummary> summary = NightRun(machines, options, *results, night, *folder, deadline).run();
  if (!summary) return summary;
  if (Result<void> retained = retain_nights(options.results, nights, options.retention, results->now());
      !retained) {
    return tl::unexpected(retained.error());
  }
  return summary;
}

}  // namespace treeline

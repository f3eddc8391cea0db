#include "batch/run_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "batch/job_folder.h"
#include "model/json.h"
#include "nightly/behaviours.h"
#include "nightly/replays.h"
#include "search/results_store.h"
#include "store/recorder.h"

namespace treeline {

namespace {

using Clock = std::chrono::steady_clock;

/// One attempt at a job, on its machine.
class JobRun {
 public:
  JobRun(const Job& job, const Property& property, Machine& machine, const JobOptions& options,
         const Attempt& attempt, ResultsDb& results, int64_t run)
      : job_(job),
        property_(property),
        machine_(machine),
        options_(options),
        attempt_(attempt),
        results_(results),
        run_(run) {
    outcome_.job = job;
    outcome_.began_at = results.now();
    const MachineFacts& facts = machine.facts();
    not_pursued_.listed = concerning(options.known, machine.name(), facts.kernel_release, facts.mode);
  }

  Result<JobOutcome> run() {
    while (outcome_.scenarios < job_.count && !is_over()) {
      if (Result<void> searched = search_on(); !searched) return tl::unexpected(searched.error());
    }
    outcome_.code = code();
    outcome_.ended_at = results_.now();
    return outcome_;
  }

 private:
  bool must_leave() const { return (options_.should_stop && options_.should_stop()) || attempt_.is_late(); }
  bool is_over() const { return job_.budget_s != 0 && Clock::now() >= deadline_; }

  /// To the end of the job, or to the next failure: what its minimum violates is not pursued from then on.
  Result<void> search_on() {
    SearchOptions search_options;
    search_options.properties = {&property_};
    search_options.seed = job_.seed;
    search_options.first_index = job_.first + outcome_.scenarios;
    search_options.count = job_.count - outcome_.scenarios;
    search_options.results_dir = attempt_.path();
    search_options.confirm_runs = options_.confirm_runs;
    search_options.shrink_runs = options_.shrink_runs;
    // What is found must not depend on how busy the node is: runs are the bound, unless time is asked for.
    search_options.shrink_time = std::chrono::hours(24);
    if (job_.budget_s != 0) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
      search_options.time_budget = search_options.shrink_time = std::max(left, std::chrono::milliseconds(1));
    }
    search_options.known = not_pursued_;
    search_options.fault = job_.fault;
    std::atomic<bool> is_lost = false;  // should_stop is asked by other threads, too
    search_options.should_stop = [&] { return is_lost || must_leave(); };
    search_options.on_judged = [&](const Judged& judged) -> Result<void> {
      trouble_in_a_row_ = judged.trial ? 0 : trouble_in_a_row_ + 1;
      is_lost = trouble_in_a_row_ >= kMostTroubleInARow;
      return record(judged);
    };
    const Result<SearchResult> result = search(machine_, constraints_for(machine_.facts()), search_options);
    if (!result) return tl::unexpected(result.error());
    outcome_.scenarios += result->scenarios;
    outcome_.errors += result->infrastructure_errors;
    for (const Error& error : result->errors) say(to_string(error));
    if (is_lost) return lost(result->errors);
    if (must_leave()) {
      return fail(ErrorKind::Infrastructure, "run the job to its end", job_name(options_.number), EINTR,
                  attempt_.is_late() ? "another node was first" : "it was interrupted; run it again");
    }
    return {};
  }

  tl::unexpected<Error> lost(const std::vector<Error>& errors) const {
    Error error = errors.back();
    error.kind = ErrorKind::Infrastructure;
    error.advice += fmt::format("{}given up after {} errors in a row", error.advice.empty() ? "" : "; ",
                                trouble_in_a_row_);
    return tl::unexpected(std::move(error));
  }

  Result<void> record(const Judged& judged) {
    ScenarioRecord record = record_of(judged);
    if (judged.trial) record.behaviours = behaviours_of(property_.name, judged.scenario, *judged.trial);
    if (judged.failure) {
      record.file = final_place_of(*judged.file);
      note(*judged.failure);
    }
    const Result<int> added = results_.add_scenario(run_, record);
    if (!added) return tl::unexpected(added.error());
    return {};
  }

  /// Where a file of the attempt is once it is published.
  std::string final_place_of(const std::string& file) const {
    return job_folder(options_.jobs, options_.number) + file.substr(attempt_.path().size());
  }

  void note(const Counterexample& failure) {
    if (failure.flaky) return;
    not_pursued_.signatures.merge(violated_signatures(*failure.verdict, machine_.facts().mode));
    const bool is_listed = find_listed(not_pursued_.listed, machine_.name(), machine_.facts().kernel_release,
                                       *failure.signature, failure.scenario);
    if (!is_listed) found_new_ = true;
    say(fmt::format("{}{}", is_listed ? "listed: " : "", to_string(*failure.signature)));
  }

  int code() const {
    if (found_new_) return exit_code::kViolated;
    const bool is_only_trouble = outcome_.errors > 0 && outcome_.errors >= outcome_.scenarios;
    return is_only_trouble ? exit_code::kInfrastructure : exit_code::kHeld;
  }

  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }

  const Job& job_;
  const Property& property_;
  Machine& machine_;
  const JobOptions& options_;
  const Attempt& attempt_;
  ResultsDb& results_;
  const int64_t run_;
  const Clock::time_point deadline_ = Clock::now() + std::chrono::seconds(job_.budget_s);
  JobOutcome outcome_;
  NotPursued not_pursued_;
  int trouble_in_a_row_ = 0;
  bool found_new_ = false;
};

/// The machine's part of it; the database is closed, and one whole file, at its end.
Result<JobOutcome> run_on(const Job& job, const Property& property, Machine& machine,
                          const JobOptions& options, const Attempt& attempt) {
  Result<ResultsDb> results = ResultsDb::open_alone(attempt.path() + "/results.db");
  if (!results) return tl::unexpected(results.error());
  const Result<int64_t> run = results->begin_run({machine.name(), machine.facts(), job.seed, job.fault, 0});
  if (!run) return tl::unexpected(run.error());
  Result<JobOutcome> outcome = JobOutcome{};
  if (const auto why = why_untestable(property, machine.facts())) {
    outcome = JobOutcome{job, *why, 0, 0, exit_code::kUnavailable, results->now(), results->now(), {}};
  } else {
    outcome = JobRun(job, property, machine, options, attempt, *results, *run).run();
  }
  if (!outcome) return outcome;
  if (Result<void> ended = results->end_run(*run); !ended) return tl::unexpected(ended.error());
  if (Result<void> settled = results->settle(); !settled) return tl::unexpected(settled.error());
  return outcome;
}

Result<JobOutcome> attempt_it(const Job& job, const OpenMachine& open, const JobOptions& options) {
  const Property* property = find_property(job.property);
  if (!property) {
    return fail(ErrorKind::InvalidInput, "find the property", job.property, 0, "see treeline doctor");
  }
  Result<std::unique_ptr<Machine>> machine = open(job);
  if (!machine) return tl::unexpected(machine.error());
  Result<Attempt> attempt = Attempt::begin(options.jobs, options.number);
  if (!attempt) return tl::unexpected(attempt.error());
  Result<JobOutcome> outcome = run_on(job, *property, **machine, options, *attempt);
  const bool was_late = attempt->is_late();
  if (!outcome && !was_late) return outcome;
  if (outcome) {
    if (const Result<bool> published = attempt->publish(*outcome); !published) {
      return tl::unexpected(published.error());
    }
  }
  return read_job_folder(options.jobs, options.number, job);
}

/// A reader of the folder is to see why there is no result.
void leave_error(const JobOptions& options, const Error& error) {
  if (Result<void> made = make_results_folder(options.jobs); !made) return;
  static_cast<void>(replace_file(job_folder(options.jobs, options.number) + ".error",
                                 fmt::format("{}\n{}\n", exit_code_of(error.kind), to_string(error))));
}

}  // namespace

Result<JobOutcome> run_job(const Job& job, const OpenMachine& open, const JobOptions& options) {
  Result<JobOutcome> there = read_job_folder(options.jobs, options.number, job);
  if (there) return there;
  if (there.error().errnum != ENOENT) {
    if (options.say) options.say(to_string(there.error()));
    if (Result<void> aside = put_aside(options.jobs, options.number); !aside) {
      return tl::unexpected(aside.error());
    }
  }
  Result<JobOutcome> outcome = attempt_it(job, open, options);
  if (!outcome) leave_error(options, outcome.error());
  return outcome;
}

}  // namespace treeline

#include "batch/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "batch/job_folder.h"
#include "cgroup/fd.h"
#include "cgroup/run_group.h"
#include "model/hash.h"
#include "model/json.h"
#include "nightly/night_folder.h"
#include "search/results_store.h"
#include "store/job_results.h"

namespace treeline {

namespace {

namespace fs = std::filesystem;

struct Found {
  std::vector<std::pair<size_t, JobOutcome>> outcomes;
  std::vector<MissingJob> missing;
};

std::string jobs_of(const std::string& folder) { return folder + "/jobs"; }

/// What the last attempt left: its exit code and its error.
Error with_last_error(Error error, const std::string& jobs, size_t number) {
  const std::string text = read_file(job_folder(jobs, number) + ".error").value_or("");
  const size_t line = text.find('\n');
  if (line == std::string::npos) return error;
  if (text.substr(0, line) == std::to_string(exit_code::kUnavailable)) error.kind = ErrorKind::Unavailable;
  error.advice += "; its last attempt: " + text.substr(line + 1, text.find('\n', line + 1) - line - 1);
  return error;
}

Found find_outcomes(const std::string& folder, const std::vector<Job>& plan) {
  const std::string jobs = jobs_of(folder);
  Found found;
  for (size_t number = 0; number < plan.size(); ++number) {
    Result<JobOutcome> outcome = read_job_folder(jobs, number, plan[number]);
    if (outcome) {
      found.outcomes.emplace_back(number, std::move(*outcome));
    } else {
      Error why = outcome.error();
      why.kind = ErrorKind::Infrastructure;
      found.missing.push_back({number, with_last_error(std::move(why), jobs, number)});
    }
  }
  return found;
}

/// "/…/nights/2026-11-26-slurm/" and "…/2026-11-26-slurm": the folder's own name.
std::string name_of(const std::string& folder) {
  std::error_code ignored;
  const fs::path path = fs::weakly_canonical(folder, ignored);
  return path.filename().string();
}

class Merge {
 public:
  Merge(const MergeOptions& options, const std::vector<Job>& plan, ResultsDb& results)
      : options_(options), plan_(plan), results_(results) {}

  Result<Merged> run() {
    Found found = find_outcomes(options_.folder, plan_);
    Result<Night> night = night_of(found);
    if (!night) return tl::unexpected(night.error());
    size_t merged = 0;
    for (const auto& [number, outcome] : found.outcomes) {
      const Result<bool> added = add(*night, number, outcome);
      if (!added) return tl::unexpected(added.error());
      if (*added) ++merged;
    }
    for (MissingJob& missing : found.missing) unreadable_.push_back(std::move(missing));
    return conclude(*night, merged);
  }

 private:
  Result<Night> night_of(const Found& found) {
    const std::string name = name_of(options_.folder);
    if (found.outcomes.empty()) {
      const int64_t now = results_.now();
      return Night{0, name, now, 0, plan_.front().seed, now, false};
    }
    int64_t began_at = found.outcomes.front().second.began_at, ended_at = began_at;
    for (const auto& [number, outcome] : found.outcomes) {
      began_at = std::min(began_at, outcome.began_at);
      ended_at = std::max(ended_at, outcome.ended_at);
    }
    return merged_night(results_, name, plan_.front().seed, began_at, ended_at);
  }

  /// False: its database is not what it should be.
  Result<bool> add(const Night& night, size_t number, const JobOutcome& outcome) {
    const std::string folder = job_folder(jobs_of(options_.folder), number);
    const std::string kept =
        options_.results + "/failures/" + folder_name_of(outcome.job.machine, outcome.job.fault);
    const PlaceFile place = [&](const std::string& file) -> Result<std::string> {
      const std::string name = fs::path(file).filename().string();
      const Result<Counterexample> example = counterexample_from_file(folder + "/failures/" + name);
      if (!example) return tl::unexpected(example.error());
      if (Result<void> made = make_results_folder(kept); !made) return tl::unexpected(made.error());
      sweep_folder(kept);
      std::string target = kept + "/" + name;
      if (Result<void> saved = replace_file(target, to_json(*example, 1)); !saved) {
        return tl::unexpected(saved.error());
      }
      return target;
    };
    const Result<void> added = add_job(results_, night, folder + "/results.db", outcome, place);
    if (!added && added.error().kind != ErrorKind::InvalidInput) return tl::unexpected(added.error());
    if (!added) {
      unreadable_.push_back({number, added.error()});
      unreadable_.back().why.kind = ErrorKind::Infrastructure;
      return false;
    }
    sweep_attempts(jobs_of(options_.folder), number);
    if (!outcome.untestable.empty()) {
      untestable_.emplace(fmt::format("{} on {}", outcome.job.property, outcome.job.machine),
                          outcome.untestable);
    }
    return true;
  }

  Result<Merged> conclude(const Night& night, size_t merged) {
    const Result<NightSummary> summary =
        summarize(results_, night, {options_.known, {}, {}, options_.replay_options});
    if (!summary) return tl::unexpected(summary.error());
    const Result<std::string> canonical = canonical_results(results_, night);
    if (!canonical) return tl::unexpected(canonical.error());
    Merged all{*summary, plan_.size(), merged, fmt::format("{:016x}", hash_of(*canonical))};
    all.summary.path = options_.folder;
    add_left_out(all.summary, merged == 0);
    if (Result<void> saved = replace_file(options_.folder + "/summary.txt", to_text(all)); !saved) {
      return tl::unexpected(saved.error());
    }
    return all;
  }

  /// Where there is nothing at all, and every job says that it cannot run, that is no loss but the answer.
  void add_left_out(NightSummary& summary, bool is_empty) {
    const bool could_not =
        is_empty && std::all_of(unreadable_.begin(), unreadable_.end(),
                                [](const MissingJob& job) { return job.why.kind == ErrorKind::Unavailable; });
    std::sort(unreadable_.begin(), unreadable_.end(),
              [](const MissingJob& one, const MissingJob& other) { return one.number < other.number; });
    for (MissingJob& job : unreadable_) {
      if (!could_not) job.why.kind = ErrorKind::Infrastructure;
      summary.left_out.push_back(
          {fmt::format("job {} ({})", job_name(job.number), to_string(plan_[job.number])),
           std::move(job.why)});
    }
    for (const auto& [what, why] : untestable_) {
      summary.left_out.push_back({what, {ErrorKind::Unavailable, "test it", "", 0, why}});
    }
  }

  const MergeOptions& options_;
  const std::vector<Job>& plan_;
  ResultsDb& results_;
  std::vector<MissingJob> unreadable_;
  std::map<std::string, std::string> untestable_;
};

/// A batch among the nights is one of them: `latest` may point to it, and retention takes it in time.
Result<void> take_among_nights(const MergeOptions& options, ResultsDb& results) {
  std::error_code error;
  const std::string name = name_of(options.folder);
  if (!fs::equivalent(options.results + "/nights/" + name, options.folder, error)) return {};
  {
    const Result<std::optional<NightFolder>> night = NightFolder::claim(options.results, name);
    if (!night) return tl::unexpected(night.error());
    if (*night) {
      if (Result<void> pointed = (*night)->point_latest(); !pointed) return pointed;
    }
  }
  Nights nights(results);
  return retain_nights(options.results, nights, options.retention, results.now());
}

}  // namespace

Result<std::vector<Job>> plan_of_batch(const std::string& folder) {
  return plan_from_file(folder + "/plan.jsonl");
}

Result<std::vector<MissingJob>> missing_jobs(const std::string& folder, const std::vector<Job>& plan) {
  return find_outcomes(folder, plan).missing;
}

Result<Merged> merge_batch(const MergeOptions& options) {
  const Result<std::vector<Job>> plan = plan_of_batch(options.folder);
  if (!plan) return tl::unexpected(plan.error());
  if (Result<void> made = make_results_folder(options.results); !made) return tl::unexpected(made.error());
  Result<ResultsDb> results = ResultsDb::open(options.results + "/results.db");
  if (!results) return tl::unexpected(results.error());
  Result<Merged> merged = Merge(options, *plan, *results).run();
  // One of which nothing was found is no night yet, and would be swept away.
  if (!merged || merged->summary.night.id == 0) return merged;
  if (Result<void> taken = take_among_nights(options, *results); !taken) return tl::unexpected(taken.error());
  return merged;
}

std::string to_text(const Merged& merged) {
  return fmt::format("{}\nmerged {} of {} jobs; results {}\n", to_text(merged.summary), merged.merged,
                     merged.jobs, merged.digest);
}

}  // namespace treeline

#include "model/job.h"

#include <fmt/format.h>

#include <map>
#include <tuple>

#include "model/json_fields.h"

namespace treeline {

using json_detail::Refusal;

namespace {

/// A scenario's number is an int64_t in the results database.
constexpr uint64_t kMostScenarios = INT64_MAX;

struct FileHash {
  std::string path;
  std::string hash;
};

template <typename Archive>
void fields(Archive& archive, FileHash& file) {
  archive.field("path", file.path);
  archive.field("hash", file.hash);
}

}  // namespace

template <typename Archive>
void fields(Archive& archive, Job& job) {
  json_detail::schema_field(archive);
  archive.field("machine", job.machine);
  archive.with_default("kernel", job.kernel);
  archive.with_default("fault", job.fault);
  archive.field("property", job.property);
  archive.field("seed", job.seed);
  archive.field("first", job.first);
  archive.field("count", job.count);
  archive.with_default("budget_s", job.budget_s);
  if constexpr (Archive::kReads) {
    if (job.machine.empty()) throw Refusal{archive.path() + "/machine", "must name a machine"};
    if (job.count == 0) throw Refusal{archive.path() + "/count", "must be 1 or more"};
    if (job.first >= kMostScenarios || job.count > kMostScenarios - job.first) {
      throw Refusal{archive.path() + "/count", "goes beyond the last scenario of a seed"};
    }
  }
}

template <typename Archive>
void fields(Archive& archive, JobOutcome& outcome) {
  archive.field("job", outcome.job);
  archive.field("untestable", outcome.untestable);
  archive.field("scenarios", outcome.scenarios);
  archive.field("errors", outcome.errors);
  archive.field("code", outcome.code);
  archive.field("began_at", outcome.began_at);
  archive.field("ended_at", outcome.ended_at);
  std::vector<FileHash> files;
  for (const auto& [path, hash] : outcome.files) files.push_back({path, hash});
  archive.field("files", files);
  if constexpr (Archive::kReads) {
    for (const FileHash& file : files) outcome.files[file.path] = file.hash;
  }
}

namespace {

Error at_line(Error error, size_t line) {
  error.path = fmt::format("line {} at {}", line + 1, error.path);
  return error;
}

/// The first job that has a scenario of an earlier one; jobs of one kind must not overlap.
class Overlaps {
 public:
  bool take(const Job& job) {
    auto& ends = ends_by_first_[{job.machine, job.kernel, job.fault, job.property, job.seed}];
    const auto next = ends.lower_bound(job.first);
    const bool hits_next = next != ends.end() && next->first < job.first + job.count;
    const bool hits_previous = next != ends.begin() && std::prev(next)->second > job.first;
    ends.emplace(job.first, job.first + job.count);
    return hits_next || hits_previous;
  }

 private:
  using Kind = std::tuple<std::string, std::string, std::string, std::string, uint64_t>;
  std::map<Kind, std::map<uint64_t, uint64_t>> ends_by_first_;
};

}  // namespace

std::string to_string(const Job& job) {
  return fmt::format("{} {}–{}, seed {}, on {}{}", job.property, job.first, job.first + job.count - 1,
                     job.seed, job.machine, job.fault.empty() ? "" : " with the planted fault " + job.fault);
}

std::string plan_to_text(const std::vector<Job>& plan) {
  std::string text;
  for (const Job& job : plan) text += json_detail::write_text(job, -1) + "\n";
  return text;
}

Result<std::vector<Job>> plan_from_text(std::string_view text) {
  std::vector<Job> plan;
  Overlaps overlaps;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    Result<Job> job = json_detail::read_text<Job>(text.substr(0, end), "the plan");
    if (!job) return tl::unexpected(at_line(job.error(), plan.size()));
    if (overlaps.take(*job)) {
      return fail(ErrorKind::InvalidInput, "read the plan", fmt::format("line {}", plan.size() + 1), 0,
                  "a scenario of this job is also one of a line above");
    }
    plan.push_back(std::move(*job));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (plan.empty())
    return fail(ErrorKind::InvalidInput, "read the plan", "line 1", 0, "there is no job in it");
  return plan;
}

Result<std::vector<Job>> plan_from_file(const std::string& path) {
  const Result<std::string> text = json_detail::read_input(path, "give what treeline plan wrote");
  if (!text) return tl::unexpected(text.error());
  Result<std::vector<Job>> plan = plan_from_text(*text);
  if (!plan) plan.error().path = path + ", " + plan.error().path;
  return plan;
}

std::string to_json(const JobOutcome& outcome) { return json_detail::write_text(outcome, 1); }

Result<JobOutcome> job_outcome_from_json(std::string_view text) {
  return json_detail::read_text<JobOutcome>(text, "the job's outcome");
}

}  // namespace treeline

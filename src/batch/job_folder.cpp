#include "batch/job_folder.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cgroup/run_group.h"
#include "model/hash.h"
#include "search/results_store.h"

namespace treeline {

namespace {

namespace fs = std::filesystem;

constexpr const char* kOutcome = "job.json";

std::string attempts_of(const std::string& jobs) { return jobs + "/attempts"; }

/// Its own among those of all nodes that share the folder.
std::string attempt_name(size_t number) {
  utsname node{};
  ::uname(&node);
  return fmt::format("{}-{}-{}", job_name(number), node.nodename, run_group_name(::getpid()));
}

Result<std::string> contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return fail(ErrorKind::InvalidInput, "read", path, errno != 0 ? errno : EIO,
                "the job has to be run again");
  }
  return std::move(text).str();
}

std::string hash_text(const std::string& bytes) { return fmt::format("{:016x}", hash_of(bytes)); }

Result<std::map<std::string, std::string>> hashes_in(const std::string& folder) {
  std::map<std::string, std::string> hashes;
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(folder, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (!entry->is_regular_file()) continue;
    const Result<std::string> bytes = contents(entry->path().string());
    if (!bytes) return tl::unexpected(bytes.error());
    hashes[entry->path().lexically_relative(folder).string()] = hash_text(*bytes);
  }
  if (error) return fail(ErrorKind::Infrastructure, "read the job's folder", folder, error.value());
  return hashes;
}

tl::unexpected<Error> damaged(const std::string& path, const std::string& how) {
  return fail(ErrorKind::InvalidInput, "read the job's results", path, 0, how + "; run the job again");
}

}  // namespace

std::string job_name(size_t number) { return fmt::format("{:04}", number); }

std::string job_folder(const std::string& jobs, size_t number) { return jobs + "/" + job_name(number); }

Result<JobOutcome> read_job_folder(const std::string& jobs, size_t number, const Job& job) {
  const std::string folder = job_folder(jobs, number);
  std::error_code error;
  if (!fs::exists(folder, error)) {
    return fail(ErrorKind::InvalidInput, "read the job's results", folder, ENOENT,
                "it was not run to its end");
  }
  const std::string path = folder + "/" + kOutcome;
  errno = 0;
  const Result<std::string> text = contents(path);
  if (!text) return damaged(path, "it cannot be read");
  Result<JobOutcome> outcome = job_outcome_from_json(*text);
  if (!outcome) return damaged(path, outcome.error().path + " " + outcome.error().advice);
  if (outcome->job != job) return damaged(path, "they are of another plan: " + to_string(outcome->job));
  if (!outcome->files.contains("results.db")) return damaged(path, "it names no results.db");
  for (const auto& [name, hash] : outcome->files) {
    const std::string file = fmt::format("{}/{}", folder, name);
    const Result<std::string> bytes = contents(file);
    if (!bytes) return damaged(file, "it is missing");
    if (hash_text(*bytes) != hash) return damaged(file, "it is not what the job wrote");
  }
  return outcome;
}

Result<Attempt> Attempt::begin(const std::string& jobs, size_t number) {
  const std::string path = attempts_of(jobs) + "/" + attempt_name(number);
  if (Result<void> made = make_results_folder(path); !made) return tl::unexpected(made.error());
  return Attempt(path, job_folder(jobs, number));
}

Attempt::Attempt(Attempt&& other) noexcept
    : path_(std::exchange(other.path_, "")), target_(std::move(other.target_)) {}

Attempt::~Attempt() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

bool Attempt::is_late() const {
  std::error_code ignored;
  return fs::exists(target_, ignored);
}

Result<bool> Attempt::publish(JobOutcome outcome) {
  Result<std::map<std::string, std::string>> hashes = hashes_in(path_);
  if (!hashes) return tl::unexpected(hashes.error());
  outcome.files = std::move(*hashes);
  if (Result<void> saved = replace_file(path_ + "/" + kOutcome, to_json(outcome)); !saved) {
    return tl::unexpected(saved.error());
  }
  // A folder that is there is never empty: it holds its job.json.
  if (std::rename(path_.c_str(), target_.c_str()) == 0) {
    path_.clear();
    std::error_code ignored;
    fs::remove(target_ + ".error", ignored);
    return true;
  }
  if (errno == EEXIST || errno == ENOTEMPTY) return false;
  return fail(ErrorKind::Infrastructure, "publish the job's results", target_, errno,
              "give a folder that can be written to with --jobs");
}

Result<void> put_aside(const std::string& jobs, size_t number) {
  if (Result<void> made = make_results_folder(attempts_of(jobs)); !made) return made;
  const std::string folder = job_folder(jobs, number);
  const std::string aside = attempts_of(jobs) + "/" + attempt_name(number) + "-damaged";
  // Another process that found it damaged may have been first.
  if (std::rename(folder.c_str(), aside.c_str()) == 0 || errno == ENOENT) return {};
  return fail(ErrorKind::Infrastructure, "move the damaged job aside", folder, errno);
}

void sweep_attempts(const std::string& jobs, size_t number) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(attempts_of(jobs), ignored)) {
    if (entry.path().filename().string().starts_with(job_name(number) + "-")) {
      fs::remove_all(entry.path(), ignored);
    }
  }
  fs::remove(attempts_of(jobs), ignored);  // once it is empty
}

}  // namespace treeline

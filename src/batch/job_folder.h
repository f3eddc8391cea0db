#pragma once

#include <string>

#include "model/job.h"

/// A folder of jobs holds
///   0007/                        what job 7 gave: job.json, results.db, failures/ and errors/ (JSON)
///   0007.error                   why the last attempt at job 7 gave nothing
///   attempts/0007-HOST-PID-…/    an attempt that goes on, or was killed
/// An attempt becomes 0007 by one rename, which fails if it is there: however many nodes run job 7, and
/// wherever they die, there is one result of it, and it is a whole one.
namespace treeline {

/// "0007"
std::string job_name(size_t number);
std::string job_folder(const std::string& jobs, size_t number);

/// What is there of the job, verified: it is this job's outcome, and each file has the bytes that were
/// written. InvalidInput with the file that is missing or damaged; Error::errnum is ENOENT if there is no
/// result at all.
Result<JobOutcome> read_job_folder(const std::string& jobs, size_t number, const Job& job);

/// What one process does on a job. Destroyed before it is published, it leaves nothing.
class Attempt {
 public:
  /// Makes the folders.
  static Result<Attempt> begin(const std::string& jobs, size_t number);
  Attempt(Attempt&& other) noexcept;
  Attempt& operator=(Attempt&&) = delete;
  ~Attempt();

  const std::string& path() const { return path_; }
  /// Another attempt has published.
  bool is_late() const;
  /// Hashes the files, writes job.json and gives the folder its name. False: another was first, and this one
  /// is gone.
  Result<bool> publish(JobOutcome outcome);

 private:
  Attempt(std::string path, std::string target) : path_(std::move(path)), target_(std::move(target)) {}
  std::string path_;  ///< "": published, or moved from.
  std::string target_;
};

/// Moves a damaged folder out of the way, into attempts/.
Result<void> put_aside(const std::string& jobs, size_t number);
/// Removes what dead or late attempts at a job left; to be called once its result is there.
void sweep_attempts(const std::string& jobs, size_t number);

}  // namespace treeline

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "machine/machine.h"
#include "model/job.h"
#include "model/known_failures.h"

namespace treeline {

struct JobOptions {
  std::string jobs;   ///< The folder of jobs (job_folder.h).
  size_t number = 0;  ///< The job's in its plan.
  std::vector<KnownFailure> known;
  int confirm_runs = 4;
  int shrink_runs = 400;
  /// Asked between runs, by any thread: the user, or the node, wants to leave.
  std::function<bool()> should_stop;
  /// Told what happens, line by line.
  std::function<void(const std::string&)> say;
};

/// Opens the job's machine.
using OpenMachine = std::function<Result<std::unique_ptr<Machine>>(const Job&)>;

/// Runs a job and publishes its folder; one whose results are there, whole, is not run again. Nothing is
/// published of a job that was interrupted, whose machine cannot be opened, or was lost: that is an error,
/// and its text is left as the job's .error file.
Result<JobOutcome> run_job(const Job& job, const OpenMachine& open, const JobOptions& options);

}  // namespace treeline

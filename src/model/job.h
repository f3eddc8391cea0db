#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"

namespace treeline {

/// One piece of a plan: scenarios `first` to `first` + `count` - 1 of a property, drawn with `seed`, on one
/// machine. What comes of it depends on nothing else, so it may run anywhere, and again.
struct Job {
  std::string machine;  ///< Machine::name()
  std::string kernel;   ///< A kernel of the user's own, FILE or FILE:MODULES; "": one that the name says.
  std::string fault;    ///< The planted one; "": none.
  std::string property;
  uint64_t seed = 1;
  uint64_t first = 0;
  uint64_t count = 0;
  uint64_t budget_s = 0;  ///< Wall time after which no scenario is begun; 0: none.
  bool operator==(const Job&) const = default;
};

/// "pids 0–24, seed 1, on Lab/debian-6.12/v2"
std::string to_string(const Job& job);

/// How a job ended: job.json in its folder, written last.
struct JobOutcome {
  Job job;
  std::string untestable;  ///< Why its machine cannot test the property; "": it can.
  uint64_t scenarios = 0;
  uint64_t errors = 0;  ///< Of them, those that ended in trouble of the harness.
  int code = 0;         ///< The job's exit code.
  int64_t began_at = 0, ended_at = 0;
  /// Of each other file of the folder by its path in it: FNV-1a of its bytes, 16 hexadecimal digits.
  std::map<std::string, std::string> files;
  bool operator==(const JobOutcome&) const = default;
};

/// A plan is a text of one job a line: {"schema": 1, "machine", "kernel", "fault", "property", "seed",
/// "first", "count", "budget_s"}; kernel, fault and budget_s may be absent. A job's number is that of its
/// line, from 0.
std::string plan_to_text(const std::vector<Job>& plan);
/// As strict as model/json.h. InvalidInput, with the number of the line, also for a job without scenarios and
/// for one that has a scenario of another.
Result<std::vector<Job>> plan_from_text(std::string_view text);
Result<std::vector<Job>> plan_from_file(const std::string& path);

std::string to_json(const JobOutcome& outcome);
Result<JobOutcome> job_outcome_from_json(std::string_view text);

}  // namespace treeline

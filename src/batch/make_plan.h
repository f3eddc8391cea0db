#pragma once

#include <vector>

#include "model/job.h"

namespace treeline {

struct PlanRequest {
  struct On {
    std::string machine;
    std::string kernel = {};  ///< As in Job.
    std::string fault = {};
  };
  std::vector<On> machines;
  std::vector<std::string> properties;
  uint64_t seed = 1;
  uint64_t count = 100;    ///< Scenarios of each property on each machine.
  uint64_t job_size = 50;  ///< Most scenarios of a job.
  uint64_t job_budget_s = 0;
};

/// The jobs that have each scenario of the request once: machine by machine, property by property, from the
/// first scenario to the last. It depends on the request alone.
std::vector<Job> make_plan(const PlanRequest& request);

}  // namespace treeline

#include "batch/make_plan.h"

#include <algorithm>

namespace treeline {

std::vector<Job> make_plan(const PlanRequest& request) {
  const uint64_t size = std::max<uint64_t>(request.job_size, 1);
  std::vector<Job> plan;
  for (const PlanRequest::On& on : request.machines) {
    for (const std::string& property : request.properties) {
      for (uint64_t first = 0; first < request.count; first += size) {
        plan.push_back({on.machine, on.kernel, on.fault, property, request.seed, first,
                        std::min(size, request.count - first), request.job_budget_s});
      }
    }
  }
  return plan;
}

}  // namespace treeline

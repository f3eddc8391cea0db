#include "nightly/plan.h"

#include <algorithm>

namespace treeline {

Abandoned plan_for(const std::vector<Night>& abandoned, int64_t now, bool fresh) {
  Abandoned plan;
  for (const Night& night : abandoned) {
    // A clock that was set back gives no more than the whole.
    const int64_t left = std::min(night.began_at + night.budget_s - now, night.budget_s);
    if (fresh || left <= 0) {
      plan.close.push_back(night);
      continue;
    }
    if (plan.resume && plan.resume->id > night.id) {
      plan.close.push_back(night);
      continue;
    }
    if (plan.resume) plan.close.push_back(*plan.resume);
    plan.resume = night;
    plan.left_s = left;
  }
  return plan;
}

std::vector<Night> to_remove(const std::vector<Night>& nights, const Retention& retention, int64_t now) {
  constexpr int64_t kDay = 86'400;
  std::vector<Night> ended;
  for (const Night& night : nights) {
    if (night.ended_at && !night.removed) ended.push_back(night);
  }
  std::sort(ended.begin(), ended.end(),
            [](const Night& one, const Night& other) { return one.id > other.id; });
  std::vector<Night> removed;
  for (size_t i = 0; i < ended.size(); ++i) {
    const bool is_one_too_many = retention.keep > 0 && static_cast<int64_t>(i) >= retention.keep;
    const bool is_old = retention.keep_days > 0 && *ended[i].ended_at < now - retention.keep_days * kDay;
    if (is_one_too_many || is_old) removed.push_back(ended[i]);
  }
  return removed;
}

}  // namespace treeline

#include "generators/gens.h"

#include <algorithm>
#include <cmath>

namespace treeline {

rc::Gen<int64_t> log_uniform(int64_t least, int64_t most) {
  constexpr int64_t kSteps = 1 << 20;
  return rc::gen::map(uniform<int64_t>(0, kSteps), [least, most](int64_t step) {
    const double from = std::log(static_cast<double>(least));
    const double to = std::log(static_cast<double>(most));
    const double value = std::exp(from + (to - from) * static_cast<double>(step) / kSteps);
    return std::clamp(static_cast<int64_t>(std::llround(value)), least, most);
  });
}

rc::Gen<bool> chance(int percent) {
  return rc::gen::map(uniform(0, 99), [percent](int drawn) { return drawn < percent; });
}

rc::Gen<std::vector<int64_t>> parts_of(int64_t total, int parts, int64_t least) {
  return rc::gen::exec([=] {
    std::vector<int64_t> result;
    int64_t left = total;
    for (int rest = parts - 1; rest >= 0; --rest) {
      const int64_t most = left - rest * least;
      // Not more than twice the even share, so that no worker is left with crumbs only.
      const int64_t part =
          rest == 0 ? left : *uniform(least, std::max(least, std::min(most, 2 * left / (rest + 1))));
      result.push_back(part);
      left -= part;
    }
    return result;
  });
}

}  // namespace treeline

#include "model/kernel_range.h"

#include <algorithm>
#include <cstdint>
#include <vector>

namespace treeline {

namespace {

/// "6.1.0-28-amd64": 6, 1, 0, 28.
std::vector<int64_t> numbers_of(std::string_view release) {
  std::vector<int64_t> numbers;
  for (size_t at = 0; at < release.size();) {
    int64_t number = 0;
    const size_t begin = at;
    for (; at < release.size() && release[at] >= '0' && release[at] <= '9' && number < INT32_MAX; ++at) {
      number = number * 10 + (release[at] - '0');
    }
    if (at == begin) break;
    numbers.push_back(number);
    if (at == release.size() || (release[at] != '.' && release[at] != '-')) break;
    ++at;
  }
  return numbers;
}

/// Compares no further than the bound is written.
std::vector<int64_t> cut_to(std::vector<int64_t> numbers, size_t length) {
  numbers.resize(std::min(numbers.size(), length));
  return numbers;
}

}  // namespace

bool KernelRange::holds(std::string_view release) const {
  const std::vector<int64_t> numbers = numbers_of(release);
  if (from) {
    const std::vector<int64_t> least = numbers_of(*from);
    if (cut_to(numbers, least.size()) < least) return false;
  }
  if (!to) return true;
  const std::vector<int64_t> most = numbers_of(*to);
  return cut_to(numbers, most.size()) <= most;
}

bool is_kernel_release(std::string_view text) { return !numbers_of(text).empty(); }

}  // namespace treeline

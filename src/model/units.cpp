#include "model/units.h"

#include <fmt/format.h>

namespace treeline {

std::string format_bytes(int64_t bytes) {
  constexpr int64_t kKi = 1024;
  if (bytes != 0 && bytes % (kKi * kKi * kKi) == 0) return fmt::format("{} GiB", bytes / (kKi * kKi * kKi));
  if (bytes != 0 && bytes % (kKi * kKi) == 0) return fmt::format("{} MiB", bytes / (kKi * kKi));
  if (bytes != 0 && bytes % kKi == 0) return fmt::format("{} KiB", bytes / kKi);
  return fmt::format("{} B", bytes);
}

std::string format_us(int64_t microseconds) {
  if (microseconds != 0 && microseconds % 1'000'000 == 0)
    return fmt::format("{} s", microseconds / 1'000'000);
  if (microseconds != 0 && microseconds % 1'000 == 0) return fmt::format("{} ms", microseconds / 1'000);
  return fmt::format("{} us", microseconds);
}

}  // namespace treeline

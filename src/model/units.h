#pragma once

#include <cstdint>
#include <string>

namespace treeline {

inline constexpr int64_t kMiB = int64_t{1} << 20;

/// "64 MiB", "12 KiB", "4097 B": exact, with the largest binary unit that divides the number.
std::string format_bytes(int64_t bytes);
/// "1 s", "10 ms", "1500 us": exact, with the largest unit that divides the number.
std::string format_us(int64_t microseconds);

}  // namespace treeline

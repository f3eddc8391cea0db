#pragma once

#include <algorithm>
#include <string_view>

namespace treeline {

/// Nothing but zeros, as are most blocks of a guest's disk and most pages of its memory.
inline bool is_zero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; });
}

}  // namespace treeline

#pragma once

#include <cstdint>
#include <string_view>

namespace treeline {

inline constexpr uint64_t kHashStart = 0xCBF29CE484222325ULL;

/// FNV-1a: the same on every machine. `start` chains: what was hashed before.
inline uint64_t hash_of(std::string_view bytes, uint64_t start = kHashStart) {
  uint64_t hash = start;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return hash;
}

}  // namespace treeline

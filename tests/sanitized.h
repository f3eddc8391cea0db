#pragma once

namespace treeline {

/// The sanitizers look for what code does to memory, which a few of many like draws show; how many of the
/// draws hold is for the build without them, which is ten times as fast.
#ifdef __SANITIZE_ADDRESS__
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif

/// `count`, or with the sanitizers a tenth of it.
constexpr int times(int count) { return kIsSanitized ? count / 10 : count; }

}  // namespace treeline

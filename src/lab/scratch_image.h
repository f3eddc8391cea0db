#pragma once

#include <cstdint>
#include <string>

#include "model/error.h"

namespace treeline {

/// The file system of a guest's scratch disk, made on the host since the guest has no mke2fs. It travels in
/// the initramfs as the runs of blocks that are not zero: each a ScratchChunk, then its bytes.
struct ScratchChunk {
  uint64_t offset = 0;
  uint64_t length = 0;
};
inline constexpr int64_t kScratchDiskBytes = 64 << 20;
inline constexpr const char* kScratchImagePath = "/scratch.image";

/// ext4 without a journal, the same bytes at every call. `folder` is for a file that is removed again.
/// Unavailable without mke2fs.
Result<std::string> make_scratch_image(const std::string& folder);

}  // namespace treeline

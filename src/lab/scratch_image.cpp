#include "lab/scratch_image.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "cgroup/fd.h"
#include "lab/zero_bytes.h"
#include "machine/process.h"

namespace treeline {

namespace {

constexpr size_t kBlockBytes = 4096;

std::string to_chunks(std::string_view disk) {
  std::string chunks;
  for (size_t at = 0; at < disk.size();) {
    size_t end = at;
    while (end < disk.size() && !is_zero(disk.substr(end, kBlockBytes))) end += kBlockBytes;
    if (end > at) {
      const ScratchChunk chunk{at, end - at};
      chunks.append(reinterpret_cast<const char*>(&chunk), sizeof chunk);
      chunks += disk.substr(at, end - at);
    }
    at = end + kBlockBytes;
  }
  return chunks;
}

}  // namespace

Result<std::string> make_scratch_image(const std::string& folder) {
  const std::string path = folder + "/scratch.ext4";
  const std::string megabytes = std::to_string(kScratchDiskBytes >> 20) + "M";
  const Result<std::string> made =
      run_tool({"env",
                "PATH=/usr/sbin:/sbin:/usr/bin:/bin",
                "E2FSPROGS_FAKE_TIME=1700000000",
                "mke2fs",
                "-q",
                "-F",
                "-t",
                "ext4",
                "-b",
                "4096",
                "-m",
                "0",
                "-O",
                "^has_journal,^resize_inode,^metadata_csum",
                "-U",
                "7265656c-696e-6500-8000-000000000001",
                "-E",
                "lazy_itable_init=0,nodiscard,hash_seed=7265656c-696e-6500-8000-000000000002",
                path,
                megabytes},
               std::chrono::seconds(30));
  const Result<std::string> disk = read_file(path);
  ::unlink(path.c_str());
  if (!made) return tl::unexpected(made.error());
  if (!disk) return tl::unexpected(disk.error());
  return to_chunks(*disk);
}

}  // namespace treeline

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "cgroup/fd.h"
#include "executor/worker.h"

namespace treeline {

namespace {

Fd open_scratch(const IoHog& hog, const std::string& path) {
  const int access = hog.direction == IoDirection::Read ? O_RDONLY : O_WRONLY;
  return Fd(::open(path.c_str(), access | (hog.direct ? O_DIRECT : 0) | O_CLOEXEC));
}

/// One block, all the way to the device: the page cache is emptied before a buffered read and written out
/// after a buffered write.
bool move_block(const IoHog& hog, int fd, char* buffer, int64_t offset) {
  const auto length = static_cast<size_t>(hog.block_bytes);
  if (hog.direction == IoDirection::Read) {
    if (!hog.direct) ::posix_fadvise(fd, offset, hog.block_bytes, POSIX_FADV_DONTNEED);
    return ::pread(fd, buffer, length, offset) == hog.block_bytes;
  }
  if (::pwrite(fd, buffer, length, offset) != hog.block_bytes) return false;
  return hog.direct || ::fdatasync(fd) == 0;
}

void note_duration(WorkerReport& report, int64_t took_ns) {
  const int64_t fastest = report.fastest_op_ns.load();
  if (fastest == 0 || took_ns < fastest) report.fastest_op_ns.store(took_ns);
}

}  // namespace

void run_io_hog(const IoHog& hog, const WorkerContext& context) {
  const Fd fd = open_scratch(hog, context.scratch_file);
  if (!fd) return report_failure(context.report, "open scratch file", errno);
  if (!hog.direct) ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_RANDOM);  // no read-ahead
  const size_t length = (static_cast<size_t>(hog.block_bytes) + 4095) / 4096 * 4096;
  void* const buffer = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (buffer == MAP_FAILED) return report_failure(context.report, "map buffer", errno);
  const int64_t blocks = std::max<int64_t>(hog.file_bytes / hog.block_bytes, 1);
  for (int64_t i = 0; !should_stop(context); ++i) {
    const int64_t began_ns = monotonic_ns();
    if (!move_block(hog, fd.get(), static_cast<char*>(buffer), i % blocks * hog.block_bytes)) {
      if (errno == EINTR) continue;
      report_failure(context.report, "move a block", errno);
      break;
    }
    context.report.bytes_moved.fetch_add(hog.block_bytes);
    context.report.io_ops.fetch_add(1);
    note_duration(context.report, monotonic_ns() - began_ns);
    context.report.progress.fetch_add(1);
    note_cpu(context);
  }
  if (context.report.first_errno.load() != 0) wait_for_stop(context);
}

}  // namespace treeline

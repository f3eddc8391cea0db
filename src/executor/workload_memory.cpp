#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "executor/worker.h"

namespace treeline {

namespace {

constexpr int64_t kPage = 4096;

/// Fresh memory of the hog's kind; MAP_FAILED with errno.
char* map_memory(const MemoryHog& hog, const WorkerContext& context) {
  const auto length = static_cast<size_t>(hog.bytes);
  void* memory = MAP_FAILED;
  if (hog.kind == MemoryKind::File) {
    const int fd = ::open(context.scratch_file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return static_cast<char*>(MAP_FAILED);
    memory = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, fd, 0);
    ::close(fd);
    // No read-ahead: what is charged is what is touched.
    if (memory != MAP_FAILED) ::madvise(memory, length, MADV_RANDOM);
  } else {
    const int sharing = hog.kind == MemoryKind::Shared ? MAP_SHARED : MAP_PRIVATE;
    memory = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
    // A huge page would charge more than is touched.
    if (memory != MAP_FAILED) ::madvise(memory, length, MADV_NOHUGEPAGE);
  }
  return static_cast<char*>(memory);
}

/// The order in which chunks are touched. Random: a fixed permutation by a step that shares no divisor with
/// the number of chunks.
class ChunkOrder {
 public:
  ChunkOrder(TouchOrder order, int64_t chunks) : order_(order), chunks_(chunks) {
    step_ = chunks / 2 + chunks / 8 + 1;
    while (gcd(step_, chunks) != 1) ++step_;
  }
  int64_t at(int64_t i) const {
    if (order_ == TouchOrder::Backward) return chunks_ - 1 - i;
    return order_ == TouchOrder::Random ? i * step_ % chunks_ : i;
  }

 private:
  static int64_t gcd(int64_t a, int64_t b) { return b == 0 ? a : gcd(b, a % b); }
  TouchOrder order_;
  int64_t chunks_;
  int64_t step_;
};

void touch_page(char* page, bool readable_only) {
  volatile char* const cell = page;
  if (readable_only) {
    [[maybe_unused]] const char value = *cell;
  } else {
    *cell = 1;
  }
}

bool touch_all(char* memory, const MemoryHog& hog, const WorkerContext& context) {
  const int64_t chunk = std::max(hog.chunk_bytes / kPage * kPage, kPage);
  const int64_t chunks = (hog.bytes + chunk - 1) / chunk;
  const ChunkOrder order(hog.order, chunks);
  for (int64_t i = 0; i < chunks; ++i) {
    if (should_stop(context)) return false;
    const int64_t first = order.at(i) * chunk;
    const int64_t end = std::min(first + chunk, hog.bytes);
    for (int64_t at = first; at < end; at += kPage) {
      touch_page(memory + at, hog.kind == MemoryKind::File);
      context.report.bytes_touched.fetch_add(kPage, std::memory_order_relaxed);
      context.report.progress.fetch_add(1, std::memory_order_relaxed);
    }
    note_cpu(context);
  }
  return true;
}

}  // namespace

void run_memory_hog(const MemoryHog& hog, const WorkerContext& context) {
  char* const memory = map_memory(hog, context);
  if (memory == MAP_FAILED) {
    report_failure(context.report, "map memory", errno);
  } else {
    if (!touch_all(memory, hog, context)) return;  // stopped: it has not settled
    if (!hog.hold) ::munmap(memory, static_cast<size_t>(hog.bytes));
  }
  report_settled(context.report);
  wait_for_stop(context);
}

bool touch_anonymous(int64_t bytes, const WorkerContext& context) {
  MemoryHog hog;
  hog.bytes = bytes;
  char* const memory = map_memory(hog, context);
  if (memory == MAP_FAILED) {
    report_failure(context.report, "map memory", errno);
    return false;
  }
  return touch_all(memory, hog, context);
}

}  // namespace treeline

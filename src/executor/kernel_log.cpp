#include "executor/kernel_log.h"

#include <cstdlib>

namespace treeline {

namespace {

constexpr size_t kMaxLines = 400;

int64_t taint() {
  return std::strtoll(read_file("/proc/sys/kernel/tainted").value_or("0").c_str(), nullptr, 10);
}

}  // namespace

KernelLog::KernelLog()
    : kmsg_(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)), taint_before_(taint()) {
  if (kmsg_) ::lseek(kmsg_.get(), 0, SEEK_END);
}

KernelHealth KernelLog::finish() {
  KernelHealth health;
  health.taint_before = taint_before_;
  health.taint_after = taint();
  health.log_readable = static_cast<bool>(kmsg_);
  char record[8192];
  while (kmsg_ && health.log.size() < kMaxLines) {
    const ssize_t got = ::read(kmsg_.get(), record, sizeof record);
    if (got < 0 && errno == EPIPE) continue;  // overwritten while we were away: go on with the oldest
    if (got <= 0) break;
    // "priority,sequence,time,flags;text\n" and, below it, " KEY=value" lines.
    std::string_view text(record, static_cast<size_t>(got));
    const size_t start = text.find(';');
    if (start == std::string_view::npos) continue;
    text.remove_prefix(start + 1);
    health.log.emplace_back(text.substr(0, text.find('\n')));
  }
  return health;
}

}  // namespace treeline

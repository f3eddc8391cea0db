#include "executor/worker_events.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "executor/worker.h"

namespace treeline {

namespace {

constexpr int64_t kLongestNs = 50'000'000;

sigset_t child_signal() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  return set;
}

}  // namespace

WorkerEvents::WorkerEvents() {
  const sigset_t set = child_signal();
  ::pthread_sigmask(SIG_BLOCK, &set, &before_);
}

WorkerEvents::~WorkerEvents() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

void WorkerEvents::wait_until(int64_t until_ns) {
  const int64_t left_ns = std::clamp<int64_t>(until_ns - monotonic_ns(), 0, kLongestNs);
  const timespec limit{0, left_ns};
  const sigset_t set = child_signal();
  ::sigtimedwait(&set, nullptr, &limit);
}

void tell_executor() { ::kill(::getppid(), SIGCHLD); }

}  // namespace treeline

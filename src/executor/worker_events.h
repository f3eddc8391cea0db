#pragma once

#include <signal.h>

#include <cstdint>

namespace treeline {

/// Lets the executor sleep until a worker ends, settles or holds still, so that it need not poll. The kernel
/// sends SIGCHLD for the first, and a worker for the others (tell_executor). While this lives the signal is
/// blocked, and so kept until it is waited for: none that comes between a look and the wait is lost.
class WorkerEvents {
 public:
  /// Before other threads are started, which inherit the mask.
  WorkerEvents();
  WorkerEvents(const WorkerEvents&) = delete;
  WorkerEvents& operator=(const WorkerEvents&) = delete;
  ~WorkerEvents();

  /// Until there is an event, at most until the instant (CLOCK_MONOTONIC). It may return early: a signal that
  /// interrupts the executor (executor/interrupt.h) may be taken by another thread.
  static void wait_until(int64_t until_ns);

 private:
  sigset_t before_{};
};

/// From a worker to its parent.
void tell_executor();

}  // namespace treeline

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "executor/worker.h"

namespace treeline {

namespace {

// Not on the heap: a worker must not touch memory that it was not told to touch.
std::array<pid_t, 256> children;
size_t child_count = 0;

}  // namespace

void end_children() {
  for (size_t i = 0; i < child_count; ++i) ::kill(children[i], SIGKILL);
  for (size_t i = 0; i < child_count; ++i) ::waitpid(children[i], nullptr, 0);
}

void fork_children(int forks, int64_t pause_us, const WorkerContext& context) {
  const pid_t self = ::getpid();
  for (int i = 0; i < forks && !should_stop(context); ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      die_with(self);
      while (true) ::pause();
    }
    if (child > 0) {
      if (child_count < children.size()) children[child_count++] = child;
      context.report.forks_ok.fetch_add(1);
    } else if (errno == EAGAIN) {
      context.report.forks_refused.fetch_add(1);
    } else {
      report_failure(context.report, "fork", errno);
    }
    context.report.progress.fetch_add(1);
    if (pause_us > 0) sleep_and_note(monotonic_ns() + pause_us * 1'000, context.report);
  }
}

void run_fork_storm(const ForkStorm& storm, const WorkerContext& context) {
  fork_children(storm.forks, storm.pause_us, context);
  report_settled(context.report);
  wait_for_stop(context);
}

void run_mixed(const Mixed& mixed, const WorkerContext& context) {
  constexpr int64_t kCycleUs = 10'000;
  fork_children(mixed.forks, 0, context);
  touch_anonymous(mixed.bytes, context);
  burn(mixed.duty_percent, kCycleUs, context);
}

}  // namespace treeline

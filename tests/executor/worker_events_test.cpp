#include "executor/worker_events.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <limits>

#include "executor/worker.h"

namespace treeline {
namespace {

constexpr int64_t kFar = std::numeric_limits<int64_t>::max();

bool is_blocked(int signal) {
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

bool is_pending(int signal) {
  sigset_t pending;
  ::sigpending(&pending);
  return sigismember(&pending, signal) == 1;
}

TEST(WorkerEvents, KeepsAnEventThatCameBeforeTheWait) {
  const WorkerEvents events;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_TRUE(is_pending(SIGCHLD));
  WorkerEvents::wait_until(kFar);
  EXPECT_FALSE(is_pending(SIGCHLD)) << "it ended the wait";
}

TEST(WorkerEvents, HearsFromALivingWorker) {
  const WorkerEvents events;
  const pid_t child = ::fork();
  if (child == 0) {
    tell_executor();
    while (true) ::pause();
  }
  for (int i = 0; i < 1'000 && !is_pending(SIGCHLD); ++i) ::usleep(10'000);
  EXPECT_TRUE(is_pending(SIGCHLD));
  WorkerEvents::wait_until(kFar);
  ::kill(child, SIGKILL);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
}

TEST(WorkerEvents, ReturnsAtTheInstantAndFromThePast) {
  const WorkerEvents events;
  const int64_t until_ns = monotonic_ns() + 5'000'000;
  while (monotonic_ns() < until_ns) WorkerEvents::wait_until(until_ns);
  WorkerEvents::wait_until(0);
}

TEST(WorkerEvents, BlocksTheSignalOnlyWhileItLives) {
  ASSERT_FALSE(is_blocked(SIGCHLD));
  {
    const WorkerEvents events;
    EXPECT_TRUE(is_blocked(SIGCHLD));
  }
  EXPECT_FALSE(is_blocked(SIGCHLD));
}

}  // namespace
}  // namespace treeline

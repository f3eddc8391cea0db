#include <pthread.h>
#include <unistd.h>

#include <ctime>
#include <vector>

#include "executor/futex.h"
#include "executor/worker.h"

namespace treeline {

namespace {

/// A few microseconds of work between looks at the clock. Straight on and in registers: an emulated CPU (the
/// lab) pays for each branch and for each access to memory.
void spin() {
  uint64_t value = 1;
  for (int i = 0; i < 500; ++i) {
#pragma GCC unroll 32
    for (int j = 0; j < 32; ++j) {
      ++value;
      asm volatile("" : "+r"(value));  // so that each addition is made
    }
  }
}

int64_t thread_cpu_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

struct ThreadStart {
  const CpuHog& hog;
  WorkerContext context;
};

/// Once stopped, a thread that may have moved stays where it is, so that it can be counted there.
void hold_still(const WorkerContext& context) {
  futex_set_and_wake(context.threads[context.thread].still);
  while (context.signals.release.load() == 0) futex_wait(context.signals.release, 0);
}

void* burn_in_thread(void* argument) {
  // A copy: it may outlive what its creator keeps.
  const auto [hog, context] = *static_cast<const ThreadStart*>(argument);
  if (context.threads) context.threads[context.thread].tid.store(::gettid());
  burn(hog.duty_percent, hog.cycle_us, context);
  if (context.threads) hold_still(context);
  return nullptr;
}

void wait_until_still(ThreadReport& thread) {
  while (thread.still.load() == 0) futex_wait(thread.still, 0);
}

}  // namespace

void burn(int duty_percent, int64_t cycle_us, const WorkerContext& context) {
  const int64_t cycle_ns = cycle_us * 1'000;
  const int64_t budget_ns = cycle_ns * duty_percent / 100;
  const int64_t first_ns = monotonic_ns();
  int64_t spent_to_ns = thread_cpu_ns() + budget_ns;
  while (!should_stop(context)) {
    spin();
    context.report.progress.fetch_add(1, std::memory_order_relaxed);
    note_cpu(context);
    if (duty_percent == 100 || thread_cpu_ns() < spent_to_ns) continue;
    // The next boundary that is still to come: cycles that were missed are not made up for, so that no cycle
    // holds more than one budget.
    const int64_t cycles = (monotonic_ns() - first_ns) / cycle_ns + 1;
    sleep_and_note(first_ns + cycles * cycle_ns, context.report);
    spent_to_ns = thread_cpu_ns() + budget_ns;
  }
}

void run_cpu_hog(const CpuHog& hog, const WorkerContext& context) {
  std::vector<pthread_t> threads;
  std::vector<ThreadStart> starts(static_cast<size_t>(hog.threads), ThreadStart{hog, context});
  std::vector<int> created;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 64 << 10);
  for (int i = 1; i < hog.threads; ++i) {
    pthread_t thread{};
    ThreadStart& start = starts[static_cast<size_t>(i)];
    start.context.thread = i;
    const int error = pthread_create(&thread, &attributes, burn_in_thread, &start);
    if (error != 0) {
      if (error == EAGAIN) context.report.forks_refused.fetch_add(1);
      report_failure(context.report, "create thread", error);
      continue;
    }
    context.report.forks_ok.fetch_add(1);
    threads.push_back(thread);
    created.push_back(i);
  }
  burn(hog.duty_percent, hog.cycle_us, context);
  if (context.threads) {  // they end with the process
    for (const int i : created) wait_until_still(context.threads[i]);
    return;
  }
  for (const pthread_t thread : threads) pthread_join(thread, nullptr);
}

}  // namespace treeline

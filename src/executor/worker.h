#pragma once

#include <sys/types.h>

#include <string>

#include "executor/shared_page.h"
#include "model/workload.h"

namespace treeline {

/// A worker's view of its run.
struct WorkerContext {
  const Signals& signals;
  WorkerReport& report;
  std::string scratch_file;  ///< Made by the executor for workloads that need one.
  /// By index; nullptr unless some thread of the worker is to move. Its threads then live until it is
  /// released.
  ThreadReport* threads = nullptr;
  int thread = 0;  ///< The calling one.
};

/// Monotonic clock in ns.
int64_t monotonic_ns();

/// The body of a worker process: waits for the start, does its workload, then holds still (keeps its memory
/// and children) until it is released. Dies with `parent`.
[[noreturn]] void run_worker(const Workload& workload, const WorkerContext& context, pid_t parent);

/// Stop was ordered, or the deadline has passed.
bool should_stop(const WorkerContext& context);
/// Blocks until should_stop(): by futex, so that neither polling nor a lost signal matters.
void wait_for_stop(const WorkerContext& context);
/// Records the first failure only.
void report_failure(WorkerReport& report, const char* operation, int errnum);
void report_settled(WorkerReport& report);
/// Records on which CPU the calling thread is.
void note_cpu(const WorkerContext& context);
/// Sleeps until the instant or the stop signal; false if it was the signal.
bool sleep_until(int64_t until_ns);
/// The same of a worker, which notes how late it woke up.
void sleep_and_note(int64_t until_ns, WorkerReport& report);
/// Dies when the parent dies; _exit at once if it is dead already.
void die_with(pid_t parent);

// The workloads, each until it has settled and stop was ordered, or until stop.
void run_cpu_hog(const CpuHog& hog, const WorkerContext& context);
void run_memory_hog(const MemoryHog& hog, const WorkerContext& context);
void run_io_hog(const IoHog& hog, const WorkerContext& context);
void run_fork_storm(const ForkStorm& storm, const WorkerContext& context);
void run_mixed(const Mixed& mixed, const WorkerContext& context);

/// Burns CPU in the calling thread until stop, as CpuHog says.
void burn(int duty_percent, int64_t cycle_us, const WorkerContext& context);
/// Forks children that block until the parent's death or their own; counts them and the refusals.
void fork_children(int forks, int64_t pause_us, const WorkerContext& context);
/// Ends and reaps them, so that their rusage is part of this process's.
void end_children();
/// Touches `bytes` of fresh anonymous memory, never freed. False if stopped or refused.
bool touch_anonymous(int64_t bytes, const WorkerContext& context);

}  // namespace treeline

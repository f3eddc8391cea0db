#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <ctime>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "cgroup/fd.h"
#include "executor/shared_page.h"
#include "model/observation.h"
#include "model/workload.h"

namespace treeline {

/// A worker seen from the executor: forked, watched, ended and reaped. Destroyed, it leaves no process.
class WorkerProcess {
 public:
  /// `threads`, by index: of a worker whose threads part; else none.
  WorkerProcess(const Workload& workload, WorkerReport& report, std::span<ThreadReport> threads = {})
      : workload_(workload), report_(report), threads_(threads), schedstats_(threads.size()) {}
  WorkerProcess(WorkerProcess&& other) noexcept;
  WorkerProcess& operator=(WorkerProcess&&) = delete;
  ~WorkerProcess();

  /// Returns once the child has set itself up and blocks until note_attached() and Signals::start: what the
  /// set-up faults in is charged to the executor's group, whichever of both the scheduler runs first. errno,
  /// 0 if it is there; ETIME if it does not get there.
  int fork(const Signals& signals, const std::string& scratch_file);
  /// Call when attached: takes what later readings are compared with.
  void note_attached();

  pid_t pid() const { return pid_; }
  /// 0: it was not created, or the process has no such thread of its own.
  pid_t tid(int thread) const;
  bool alive() const { return pid_ > 0 && !reaped_; }
  bool settled() const { return !alive() || report_.settled_ns.load() != 0; }
  bool still() const { return !alive() || report_.still_ns.load() != 0; }
  /// Still, and blocked: the way out of the system call with which it said so may yet reclaim for
  /// memory.high.
  bool rests() const;
  /// Reaps the process if it has died. True if it is gone.
  bool try_reap();
  void kill_by_order();
  void refuse(int errnum, const char* operation);

  /// A reading in the window.
  WorkerSample sample(int64_t start_ns);
  /// Readings that need the living process, at the moment of NodeObservation::after.
  void read_held_state();
  /// Everything, after it was reaped. `actions` is how many the scenario has; `oom_killed` says whether
  /// the kernel claims an OOM kill for this pid.
  WorkerObservation observe(int64_t start_ns, int actions,
                            const std::function<bool(pid_t)>& oom_killed) const;
  LatencyHistogram wakeup_latency() const;
  const LatencyHistogram& run_delay() const { return run_delays_; }

 private:
  /// /proc/PID/schedstat; -1 each where this kernel does not offer it.
  struct Schedstat {
    int64_t run_delay_ns = -1;
    int64_t turns = -1;
  };
  Schedstat read_schedstat() const;
  /// Counts the turns since the last reading, each with their mean delay.
  void note_run_delay(const Schedstat& now);
  int64_t cpu_clock_ns() const;
  /// What the scheduler has charged each thread with; 0: it is not there yet, or not any more.
  std::vector<int64_t> read_thread_clocks();
  void read_held_threads();

  const Workload& workload_;
  WorkerReport& report_;
  std::span<ThreadReport> threads_;
  std::vector<Fd> schedstats_;  ///< Of each thread, once it is there.
  pid_t pid_ = -1;
  bool reaped_ = false;
  bool killed_by_order_ = false;
  bool has_clock_ = false;
  clockid_t clock_{};
  int status_ = 0;
  struct rusage usage_ {};
  int64_t ended_ns_ = 0;
  int64_t attached_rss_ = 0;
  Fd statm_;  ///< Of /proc/PID, opened once: they are read in each sample.
  Fd schedstat_;
  Schedstat last_turns_;
  LatencyHistogram run_delays_;
  WorkerObservation held_;
};

}  // namespace treeline

#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/counter.h"
#include "model/latency.h"
#include "model/machine_facts.h"
#include "model/scenario.h"

namespace treeline {

/// All instants are ns since the scenario's common start (CLOCK_MONOTONIC); negative before it.
struct Sample {
  int64_t at_ns = 0;  ///< When all nodes' counters of this sample had been read.
  Counters counters;
  int64_t took_ns = 0;  ///< From before the first of them was read.
  bool operator==(const Sample&) const = default;
};

/// A limit as it was set and as it reads back.
struct Readback {
  Knob knob = Knob::CpuMax;
  std::string file;
  std::string read;  ///< Normalized text (model/knob.h); "" if unreadable.
  int write_errno = 0;
  bool operator==(const Readback&) const = default;
};

struct NodeObservation {
  std::vector<Readback> readbacks;
  Counters before;   ///< After the tree was set up, before any worker was attached.
  Counters after;    ///< After all workers have stopped or been held still: see Observation::final_at_ns.
  Counters drained;  ///< After every worker has exited and been reaped (charges gone away).
  std::vector<Sample> series;
  /// What making one more group below the node was answered, after all workers had gone; tried where some
  /// group carries cgroup.max.depth or cgroup.max.descendants.
  int child_errno = kNotTried;
  /// Of all workers that were first placed in its subtree together: see WorkerObservation.
  Latency wakeup_latency;
  Latency run_delay;
  static constexpr int kNotTried = -1;
  bool operator==(const NodeObservation&) const = default;
};

struct ProbeObservation {
  int write_errno = 0;  ///< 0 if the kernel took the write. The first refusal where a knob is several files.
  std::string read_before;  ///< Texts of the knob's files joined by ' '.
  std::string read_after;   ///< The same after the probe's write (before the old value is put back).
  bool operator==(const ProbeObservation&) const = default;
};

enum class WorkerEnd : uint8_t {
  Finished,    ///< Did all it had to do and exited 0.
  Stopped,     ///< Ran until the deadline or the executor's stop signal.
  OomKilled,   ///< SIGKILL that the executor did not send, and the kernel counted or logged an OOM kill.
  Killed,      ///< Died of another signal.
  Failed,      ///< Reported an error: see first_errno.
  NotStarted,  ///< Could not be forked or attached: see first_errno.
};
/// For people; JSON has its own.
std::string_view end_name(WorkerEnd end);

/// A worker's own account of itself: witnesses that do not come from cgroup files.
struct WorkerSample {
  int64_t at_ns = 0;
  int64_t cpu_ns = 0;     ///< Of all its threads, by CLOCK_PROCESS_CPUTIME_ID or /proc/PID/stat + children.
  int64_t progress = 0;   ///< Loop iterations, pages touched, blocks moved or forks tried.
  int64_t rss_bytes = 0;  ///< /proc/PID/status: VmRSS.
  /// Of each thread, if some thread of the worker is to move: what the scheduler had charged it with by then
  /// (/proc/PID/task/TID/schedstat: sum_exec_runtime, as of its last update_curr). 0: not there yet.
  std::vector<int64_t> thread_cpu_ns = {};
  bool operator==(const WorkerSample&) const = default;
};

/// One thread of a worker of which some thread is to move.
struct ThreadObservation {
  /// As in WorkerSample when NodeObservation::after was read; -1: it was never there, or cannot be read.
  int64_t cpu_clock_ns = -1;
  IdSet cpus_seen;
  std::vector<IdSet> cpus_by_stretch;
  std::string cpus_allowed;  ///< "" if it was dead by then.
  bool operator==(const ThreadObservation&) const = default;
};

struct WorkerObservation {
  WorkerEnd end = WorkerEnd::NotStarted;
  int exit_status = 0;  ///< As from waitpid.
  int first_errno = 0;
  std::string first_error;  ///< The operation that failed.
  int64_t started_ns = 0;   ///< First instruction after the common start.
  int64_t settled_ns = -1;  ///< When it settled; -1: never.
  bool wants_cpu = false;   ///< When run_delay_ns was read, which lacks a wait that goes on.
  bool held_still = false;  ///< It had stopped, or was dead, when NodeObservation::after was read.
  int64_t ended_ns = 0;     ///< When it was reaped.
  int64_t user_ns = 0;      ///< rusage from wait4, children included.
  int64_t system_ns = 0;
  int64_t attached_cpu_ns = 0;  ///< CPU time that it had used, blocked, when it was attached.
  int64_t cpu_clock_ns = 0;     ///< Its CPU clock when NodeObservation::after was read (children excluded).
  int64_t progress = 0;
  int64_t bytes_touched = 0;
  int64_t bytes_moved = 0;
  int64_t io_ops = 0;
  int64_t fastest_op_ns = 0;  ///< The shortest time that one block took; 0: none was moved.
  int64_t forks_ok = 0;
  int64_t forks_refused = 0;  ///< With EAGAIN.
  int64_t max_rss_bytes = 0;
  /// RssAnon when `after` was read, less the same when it was attached; -1: not known (dead). RssShmem is no
  /// part of it: a program that lies in a tmpfs counts there (mm_counter_file), and is charged to no worker.
  int64_t held_rss_bytes = -1;
  int64_t voluntary_switches = 0;
  int64_t involuntary_switches = 0;
  int64_t run_delay_ns = -1;  ///< /proc/PID/schedstat; -1: this kernel does not offer it.
  /// The same when it was attached, blocked; -1: not known.
  int64_t attached_run_delay_ns = -1;
  /// How much later than asked for each timed sleep ended (clock_nanosleep of a CPU hog below 100% duty, and
  /// of a fork storm with pauses), by the worker's own clock: timer slack (50 us, kernel/fork.c: init_task's
  /// timer_slack_ns), interrupt, wait for the CPU, and what was frozen or throttled of it.
  Latency wakeup_latency;
  /// How long it waited for the CPU each time that it got it, throttled time included: between two samples,
  /// the growth of run_delay over that of the number of turns (/proc/PID/schedstat; kernel/sched/stats.h,
  /// sched_info_arrive), each turn counted with that mean. A long wait among short ones in one interval is
  /// thus spread over them, so that max_ns may be too small. Of the first thread only.
  Latency run_delay;
  IdSet cpus_seen;  ///< CPUs on which its threads found themselves, sampled in its loop.
  /// The same before the first action, between each and the next, and after the last. What was seen while an
  /// action was carried out is in none. Empty without actions.
  std::vector<IdSet> cpus_by_stretch;
  std::string cpus_allowed;  ///< /proc/PID/status: Cpus_allowed_list while it ran.
  std::vector<WorkerSample> series;
  std::vector<ThreadObservation> threads;  ///< By index; empty if no thread of it is to move.
  bool operator==(const WorkerObservation&) const = default;
};

inline constexpr int64_t kNever = -1;  ///< As a time.
/// So long the executor waits for a group to read as frozen.
inline constexpr int64_t kFreezeDeadlineNs = 500'000'000;

/// When an action really happened and what the kernel answered.
struct ActionObservation {
  static constexpr int64_t kNotTried = -1;  ///< The window was over before its turn came.
  int64_t started_ns = 0;
  /// Freeze: when the state read FROZEN; Thaw: when it read THAWED; Kill: when no task was left; SetLimit,
  /// DisableController, EnableController, attempts: when the last call had returned; else kNever.
  int64_t completed_ns = kNever;
  int write_errno = 0;
  /// Progress of each worker (by index) when the action had completed. For Thaw: just before the write.
  std::vector<int64_t> progress;
  /// SetLimit: texts of the knob's files joined by ' ', after the write. DisableController, EnableController:
  /// text_below() of model/controllers.h. Attempts: change_of() of executor/attempts.h, "" for none.
  /// MigrateThread: the nodes that then list the thread (cgroup.threads, v1: tasks), by their paths joined by
  /// ' '.
  std::string read = {};
  bool operator==(const ActionObservation&) const = default;
};

/// A group that the whole run is in.
struct GroupAbove {
  int64_t shares = 0;  ///< Its weight, as cpu.shares: the least that was seen.
  int64_t beside = 0;  ///< The most that the groups beside it were seen to have.
  bool operator==(const GroupAbove&) const = default;
};

/// The outside world in the window, per CPU: how much of it was not the kernel's to give.
struct CpuNoise {
  int cpu = 0;
  /// The longest time that this CPU ran nothing at all on behalf of its highest-priority thread: greatest
  /// lateness of a 1 ms SCHED_FIFO timer. A tick can be that late (hypervisor, SMI, interrupts off).
  int64_t max_gap_ns = 0;
  int64_t steal_ns = 0;  ///< /proc/stat, over the window.
  /// When no task ran: what /proc/schedstat does not count as run; without CONFIG_SCHEDSTATS idle + iowait of
  /// /proc/stat.
  int64_t idle_ns = 0;
  int64_t busy_ns = 0;  ///< /proc/stat: all but steal, idle and iowait.
  /// How far idle_ns may be off.
  int64_t idle_error_ns = 20'000'000;
  bool operator==(const CpuNoise&) const = default;
};

struct KernelHealth {
  int64_t taint_before = 0;
  int64_t taint_after = 0;
  bool log_readable = false;
  std::vector<std::string>
      log;  ///< New kernel log lines of the run, without time stamps, OOM reports included.
  bool operator==(const KernelHealth&) const = default;
};

/// Everything measured in one run of one scenario; indices match the scenario's.
struct Observation {
  MachineFacts machine;
  int64_t first_attach_ns = 0;  ///< Before the first worker was attached.
  int64_t final_at_ns = 0;      ///< When NodeObservation::after was complete. T = final_at − first_attach.
  int64_t window_ns = 0;        ///< From the common start to the stop order.
  int64_t overhead_ns = 0;      ///< Wall time of the run outside that window.
  bool noise_is_realtime = false;  ///< The noise monitors got SCHED_FIFO.
  /// When `noise` begins to count; it ends with final_at_ns.
  int64_t noise_began_ns = kNotKnown;
  static constexpr int64_t kNotKnown = std::numeric_limits<int64_t>::min();
  int running_tasks = 0;  ///< Most runnable tasks on the host seen in the window (/proc/loadavg).
  /// Most weight that the groups beside the tree's owner group were seen to have in the window, as
  /// cpu.shares.
  int64_t outside_shares = 0;
  /// From the owner group's parent up to, not including, the root of the cpu controller's hierarchy, as far
  /// as it can be seen; none where the owner group is at the top.
  std::vector<GroupAbove> groups_above;
  std::vector<NodeObservation> nodes;
  std::vector<WorkerObservation> workers;
  std::vector<ActionObservation> actions;
  std::vector<ProbeObservation> probes;
  std::vector<CpuNoise> noise;
  KernelHealth health;
  bool operator==(const Observation&) const = default;

  /// Nothing was observed but the machine and, in health.log, the kernel's last words.
  bool kernel_died() const { return nodes.empty(); }
};

}  // namespace treeline

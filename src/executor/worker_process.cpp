#include "executor/worker_process.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "cgroup/fd.h"
#include "executor/futex.h"
#include "executor/worker.h"

namespace treeline {

namespace {

int64_t ns_of(const timeval& time) {
  return time.tv_sec * int64_t{1'000'000'000} + time.tv_usec * int64_t{1'000};
}

/// "Key:   123 kB" or "Key:\t0-1" in /proc/PID/status.
std::string_view status_value(const std::string& status, std::string_view key) {
  const size_t at = status.find(fmt::format("\n{}:", key));
  if (at == std::string::npos) return {};
  const size_t start = status.find_first_not_of(" \t", at + key.size() + 2);
  return std::string_view(status).substr(start, status.find('\n', start) - start);
}

int64_t status_number(const std::string& status, std::string_view key) {
  const std::string_view text = status_value(status, key);
  return text.empty() ? 0 : std::strtoll(std::string(text).c_str(), nullptr, 10);
}

std::string read_status(pid_t pid) { return read_file(fmt::format("/proc/{}/status", pid)).value_or(""); }

/// Resident memory that is charged to whoever touched it, as far as the process can tell.
int64_t charged_rss_bytes(const std::string& status) { return status_number(status, "RssAnon") * 1024; }

/// The second number of /proc/PID/schedstat; -1 if there is none.
int64_t run_delay_ns(pid_t pid) {
  const std::string schedstat = read_file(fmt::format("/proc/{}/schedstat", pid)).value_or("");
  const size_t second = schedstat.find(' ');
  return second == std::string::npos ? -1 : std::strtoll(schedstat.c_str() + second, nullptr, 10);
}

IdSet ids_of(const CpuBits& bits) {
  IdSet set;
  for (int cpu = 0; cpu < kMaxSeenCpus; ++cpu) {
    if (bits[cpu / 64].load() >> (cpu % 64) & 1) set.ids.push_back(cpu);
  }
  return set;
}

}  // namespace

WorkerProcess::WorkerProcess(WorkerProcess&& other) noexcept
    : workload_(other.workload_), report_(other.report_) {
  // Only moved by a container that grows before any process is forked.
}

WorkerProcess::~WorkerProcess() {
  if (!alive()) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

int WorkerProcess::fork(const Signals& signals, const std::string& scratch_file) {
  const pid_t parent = ::getpid();
  const WorkerContext context{signals, report_, scratch_file};
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) run_worker(workload_, context, parent);
  pid_ = child;
  return 0;
}

void WorkerProcess::note_attached() {
  has_clock_ = ::clock_getcpuclockid(pid_, &clock_) == 0;
  held_.attached_cpu_ns = cpu_clock_ns();
  attached_rss_ = charged_rss_bytes(read_status(pid_));
  held_.attached_run_delay_ns = run_delay_ns(pid_);
  futex_set_and_wake(report_.attached);
}

bool WorkerProcess::try_reap() {
  if (!alive()) return true;
  const pid_t got = ::wait4(pid_, &status_, WNOHANG, &usage_);
  if (got != pid_) return false;
  reaped_ = true;
  ended_ns_ = monotonic_ns();
  return true;
}

void WorkerProcess::kill_by_order() {
  if (!alive()) return;
  killed_by_order_ = true;
  ::kill(pid_, SIGKILL);
}

void WorkerProcess::refuse(int errnum, const char* operation) {
  report_failure(report_, operation, errnum);
  if (!alive()) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

int64_t WorkerProcess::cpu_clock_ns() const {
  timespec now{};
  if (!has_clock_ || reaped_ || ::clock_gettime(clock_, &now) != 0) return 0;
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

WorkerSample WorkerProcess::sample(int64_t start_ns) const {
  WorkerSample sample;
  sample.progress = report_.progress.load();
  sample.cpu_ns = reaped_ ? ns_of(usage_.ru_utime) + ns_of(usage_.ru_stime) : cpu_clock_ns();
  const std::string statm = read_file(fmt::format("/proc/{}/statm", pid_)).value_or("");
  const size_t second = statm.find(' ');
  if (second != std::string::npos) {
    sample.rss_bytes = std::strtoll(statm.c_str() + second, nullptr, 10) * ::sysconf(_SC_PAGESIZE);
  }
  sample.at_ns = monotonic_ns() - start_ns;
  return sample;
}

void WorkerProcess::read_held_state() {
  held_.held_still = still();
  held_.progress = report_.progress.load();
  held_.bytes_moved = report_.bytes_moved.load();
  held_.io_ops = report_.io_ops.load();
  if (!alive()) {
    held_.cpu_clock_ns = ns_of(usage_.ru_utime) + ns_of(usage_.ru_stime);
    return;
  }
  held_.cpu_clock_ns = cpu_clock_ns();
  const std::string status = read_status(pid_);
  held_.held_rss_bytes = std::max<int64_t>(charged_rss_bytes(status) - attached_rss_, 0);
  held_.cpus_allowed = status_value(status, "Cpus_allowed_list");
  held_.run_delay_ns = run_delay_ns(pid_);
}

WorkerObservation WorkerProcess::observe(int64_t start_ns, int actions,
                                         const std::function<bool(pid_t)>& oom_killed) const {
  WorkerObservation worker = held_;
  worker.first_errno = report_.first_errno.load();
  worker.first_error = report_.first_error;
  if (pid_ <= 0) return worker;  // NotStarted
  worker.exit_status = status_;
  const int64_t settled = report_.settled_ns.load();
  const int64_t started = report_.started_ns.load();
  worker.started_ns = started ? started - start_ns : -1;
  worker.settled_ns = settled ? settled - start_ns : -1;
  worker.ended_ns = ended_ns_ - start_ns;
  worker.user_ns = ns_of(usage_.ru_utime);
  worker.system_ns = ns_of(usage_.ru_stime);
  worker.bytes_touched = report_.bytes_touched.load();
  worker.fastest_op_ns = report_.fastest_op_ns.load();
  worker.forks_ok = report_.forks_ok.load();
  worker.forks_refused = report_.forks_refused.load();
  worker.max_rss_bytes = usage_.ru_maxrss * 1024;
  worker.voluntary_switches = usage_.ru_nvcsw;
  worker.involuntary_switches = usage_.ru_nivcsw;
  worker.cpus_seen = ids_of(report_.cpus_seen);
  for (int i = 0; actions > 0 && i <= actions; ++i) {
    worker.cpus_by_stretch.push_back(ids_of(report_.cpus_by_stretch[i]));
  }
  if (WIFSIGNALED(status_)) {
    if (killed_by_order_) {
      worker.end = WorkerEnd::Stopped;
    } else {
      worker.end =
          WTERMSIG(status_) == SIGKILL && oom_killed(pid_) ? WorkerEnd::OomKilled : WorkerEnd::Killed;
    }
  } else if (worker.first_errno != 0) {
    worker.end = WorkerEnd::Failed;
  } else {
    worker.end = settles(workload_) && settled != 0 ? WorkerEnd::Finished : WorkerEnd::Stopped;
  }
  return worker;
}

}  // namespace treeline

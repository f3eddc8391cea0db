#include "executor/worker_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "executor/futex.h"
#include "executor/worker.h"

namespace treeline {

namespace {

constexpr int64_t kReadyWithinNs = 10'000'000'000;
/// A child that died says nothing.
constexpr int64_t kLookAgainNs = 100'000'000;

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

/// It sleeps until something that it waits for happens: not for memory or a disk, which reads D.
char state_of(const std::string& status) { return status_value(status, "State")[0]; }
bool is_blocked(const std::string& status) { return state_of(status) == 'S'; }

Fd open_of(pid_t pid, const char* file) {
  return Fd(::open(fmt::format("/proc/{}/{}", pid, file).c_str(), O_RDONLY | O_CLOEXEC));
}

/// The numbers of a file that holds some, in one line; none that are missing.
template <size_t N>
std::array<std::optional<int64_t>, N> read_numbers(const Fd& fd) {
  char text[256];
  const ssize_t got = fd ? ::pread(fd.get(), text, sizeof text - 1, 0) : -1;
  text[std::max<ssize_t>(got, 0)] = '\0';
  std::array<std::optional<int64_t>, N> numbers;
  char* at = text;
  for (std::optional<int64_t>& number : numbers) {
    char* end = at;
    const int64_t value = std::strtoll(at, &end, 10);
    if (end == at) break;
    number = value;
    at = end;
  }
  return numbers;
}

IdSet ids_of(const CpuBits& bits) {
  IdSet set;
  for (int cpu = 0; cpu < kMaxSeenCpus; ++cpu) {
    if (bits[cpu / 64].load() >> (cpu % 64) & 1) set.ids.push_back(cpu);
  }
  return set;
}

std::vector<IdSet> by_stretch(const CpuBits (&bits)[kMaxStretches], int actions) {
  std::vector<IdSet> sets;
  for (int i = 0; actions > 0 && i <= actions; ++i) sets.push_back(ids_of(bits[i]));
  return sets;
}

}  // namespace

WorkerProcess::WorkerProcess(WorkerProcess&& other) noexcept
    : workload_(other.workload_),
      report_(other.report_),
      threads_(other.threads_),
      schedstats_(other.threads_.size()) {
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
  const WorkerContext context{signals, report_, scratch_file, threads_.empty() ? nullptr : threads_.data(),
                              0};
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) run_worker(workload_, context, parent);
  pid_ = child;
  const int64_t deadline_ns = monotonic_ns() + kReadyWithinNs;
  while (report_.ready.load() == 0) {
    if (monotonic_ns() >= deadline_ns || try_reap()) return ETIME;
    futex_wait(report_.ready, 0, std::min(deadline_ns, monotonic_ns() + kLookAgainNs));
  }
  // It has said so, but goes on to the place where it blocks.
  while (!is_blocked(read_status(pid_))) {
    if (monotonic_ns() >= deadline_ns || try_reap()) return ETIME;
    ::usleep(100);
  }
  return 0;
}

void WorkerProcess::note_attached() {
  has_clock_ = ::clock_getcpuclockid(pid_, &clock_) == 0;
  held_.attached_cpu_ns = cpu_clock_ns();
  attached_rss_ = charged_rss_bytes(read_status(pid_));
  statm_ = open_of(pid_, "statm");
  schedstat_ = open_of(pid_, "schedstat");
  last_turns_ = read_schedstat();
  held_.attached_run_delay_ns = last_turns_.run_delay_ns;
  futex_set_and_wake(report_.attached);
}

bool WorkerProcess::rests() const { return still() && (!alive() || is_blocked(read_status(pid_))); }

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

pid_t WorkerProcess::tid(int thread) const {
  const auto i = static_cast<size_t>(thread);
  return i < threads_.size() ? threads_[i].tid.load() : 0;
}

std::vector<int64_t> WorkerProcess::read_thread_clocks() {
  std::vector<int64_t> clocks;
  for (size_t i = 0; i < threads_.size(); ++i) {
    const pid_t tid = threads_[i].tid.load();
    if (tid > 0 && !schedstats_[i])
      schedstats_[i] = open_of(pid_, fmt::format("task/{}/schedstat", tid).c_str());
    const auto [ran_ns] = read_numbers<1>(schedstats_[i]);
    clocks.push_back(ran_ns.value_or(0));
  }
  return clocks;
}

void WorkerProcess::read_held_threads() {
  held_.threads.assign(threads_.size(), {});
  if (!alive()) return;
  const std::vector<int64_t> clocks = read_thread_clocks();
  for (size_t i = 0; i < threads_.size(); ++i) {
    if (!schedstats_[i]) continue;
    held_.threads[i].cpu_clock_ns = clocks[i];
    const std::string file = fmt::format("/proc/{}/task/{}/status", pid_, threads_[i].tid.load());
    held_.threads[i].cpus_allowed = status_value(read_file(file).value_or(""), "Cpus_allowed_list");
  }
}

WorkerSample WorkerProcess::sample(int64_t start_ns) {
  WorkerSample sample;
  sample.progress = report_.progress.load();
  sample.cpu_ns = reaped_ ? ns_of(usage_.ru_utime) + ns_of(usage_.ru_stime) : cpu_clock_ns();
  const auto [size_pages, resident_pages] = read_numbers<2>(statm_);
  sample.rss_bytes = resident_pages.value_or(0) * ::sysconf(_SC_PAGESIZE);
  note_run_delay(read_schedstat());
  sample.thread_cpu_ns = read_thread_clocks();
  sample.at_ns = monotonic_ns() - start_ns;
  return sample;
}

void WorkerProcess::read_held_state() {
  held_.held_still = still();
  held_.progress = report_.progress.load();
  held_.bytes_moved = report_.bytes_moved.load();
  held_.io_ops = report_.io_ops.load();
  read_held_threads();
  if (!alive()) {
    held_.cpu_clock_ns = ns_of(usage_.ru_utime) + ns_of(usage_.ru_stime);
    return;
  }
  held_.cpu_clock_ns = cpu_clock_ns();
  const std::string status = read_status(pid_);
  held_.held_still = held_.held_still && is_blocked(status);
  held_.wants_cpu = state_of(status) == 'R';
  held_.held_rss_bytes = std::max<int64_t>(charged_rss_bytes(status) - attached_rss_, 0);
  held_.cpus_allowed = status_value(status, "Cpus_allowed_list");
  const Schedstat turns = read_schedstat();
  note_run_delay(turns);
  held_.run_delay_ns = turns.run_delay_ns;
}

WorkerProcess::Schedstat WorkerProcess::read_schedstat() const {
  const auto [ran_ns, delay_ns, turns] = read_numbers<3>(schedstat_);
  return turns ? Schedstat{*delay_ns, *turns} : Schedstat{};
}

void WorkerProcess::note_run_delay(const Schedstat& now) {
  const Schedstat before = std::exchange(last_turns_, now);
  const int64_t turns = now.turns - before.turns;
  if (before.turns < 0 || turns <= 0) return;
  run_delays_.add((now.run_delay_ns - before.run_delay_ns) / turns, turns);
}

LatencyHistogram WorkerProcess::wakeup_latency() const {
  LatencyHistogram histogram;
  for (int bucket = 0; bucket < kLatencyBuckets; ++bucket) {
    histogram.add_bucket(bucket, report_.wakeups[bucket].load());
  }
  histogram.add_max(report_.latest_wakeup_ns.load());
  return histogram;
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
  worker.wakeup_latency = wakeup_latency().summary();
  worker.run_delay = run_delays_.summary();
  worker.forks_ok = report_.forks_ok.load();
  worker.forks_refused = report_.forks_refused.load();
  worker.max_rss_bytes = usage_.ru_maxrss * 1024;
  worker.voluntary_switches = usage_.ru_nvcsw;
  worker.involuntary_switches = usage_.ru_nivcsw;
  worker.cpus_seen = ids_of(report_.cpus_seen);
  worker.cpus_by_stretch = by_stretch(report_.cpus_by_stretch, actions);
  for (size_t i = 0; i < worker.threads.size(); ++i) {
    worker.threads[i].cpus_seen = ids_of(threads_[i].cpus_seen);
    worker.threads[i].cpus_by_stretch = by_stretch(threads_[i].cpus_by_stretch, actions);
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

#include "executor/worker.h"

#include <fcntl.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

#include "executor/futex.h"
#include "executor/worker_events.h"

namespace treeline {

namespace {

void do_nothing(int) {}

/// The OOM killer must take workers before anything else on the machine.
void volunteer_for_oom() {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  [[maybe_unused]] const ssize_t written = ::write(fd, "1000", 4);
  ::close(fd);
}

/// The stop signal must break system calls off, so without SA_RESTART.
void set_up_signals() {
  struct sigaction action {};
  action.sa_handler = do_nothing;
  ::sigaction(SIGUSR1, &action, nullptr);
  action.sa_handler = SIG_DFL;
  for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) ::sigaction(signal, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Reads a byte of each page table's worth of what is loaded.
int touch_page_tables(dl_phdr_info* object, size_t, void*) {
  constexpr uintptr_t kSpan = 2 << 20;  // 512 pages of 4 KiB
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = object->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_R) == 0) continue;
    const uintptr_t begin = object->dlpi_addr + part.p_vaddr;
    for (uintptr_t at = begin; at < begin + part.p_memsz; at = (at / kSpan + 1) * kSpan) {
      // NOLINTNEXTLINE(performance-no-int-to-ptr): the linker tells addresses as numbers.
      [[maybe_unused]] const char byte = *reinterpret_cast<const volatile char*>(at);
    }
  }
  return 0;
}

/// After a fork the page tables of files and the unused stack are not there. How many a worker comes to need
/// is a matter of addresses, which each kernel lays out in its own way: they must not be its group's.
void fault_in() {
  constexpr int kStackBytes = 64 << 10;
  ::dl_iterate_phdr(touch_page_tables, nullptr);
  [[maybe_unused]] volatile char stack[kStackBytes];
  for (int i = 0; i < kStackBytes; i += 4 << 10) stack[i] = 0;
  monotonic_ns();  // the vDSO's data
}

struct Runner {
  const WorkerContext& context;
  void operator()(const CpuHog& hog) const { run_cpu_hog(hog, context); }
  void operator()(const MemoryHog& hog) const { run_memory_hog(hog, context); }
  void operator()(const IoHog& hog) const { run_io_hog(hog, context); }
  void operator()(const ForkStorm& storm) const { run_fork_storm(storm, context); }
  void operator()(const Mixed& mixed) const { run_mixed(mixed, context); }
  void operator()(const Idle&) const {
    report_settled(context.report);
    wait_for_stop(context);
  }
};

}  // namespace

int64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

bool should_stop(const WorkerContext& context) {
  return context.signals.stop.load(std::memory_order_relaxed) != 0 ||
         monotonic_ns() >= context.signals.deadline_ns.load(std::memory_order_relaxed);
}

void wait_for_stop(const WorkerContext& context) {
  while (!should_stop(context)) futex_wait(context.signals.stop, 0, context.signals.deadline_ns.load());
}

void report_failure(WorkerReport& report, const char* operation, int errnum) {
  int none = 0;
  if (!report.first_errno.compare_exchange_strong(none, errnum)) return;
  std::strncpy(report.first_error, operation, kMaxOperation - 1);
}

void report_settled(WorkerReport& report) {
  report.settled_ns.store(monotonic_ns());
  tell_executor();
}

namespace {

void set_bit(CpuBits& bits, int number) {
  std::atomic<uint64_t>& word = bits[number / 64];
  const uint64_t bit = uint64_t{1} << (number % 64);
  if ((word.load(std::memory_order_relaxed) & bit) == 0) word.fetch_or(bit, std::memory_order_relaxed);
}

}  // namespace

void note_cpu(const WorkerContext& context) {
  const uint32_t epoch = context.signals.epoch.load();
  const int cpu = ::sched_getcpu();
  if (cpu < 0 || cpu >= kMaxSeenCpus) return;
  ThreadReport* own = context.threads ? &context.threads[context.thread] : nullptr;
  set_bit(context.report.cpus_seen, cpu);
  if (own) set_bit(own->cpus_seen, cpu);
  // An action that began or ended meanwhile may have moved the thread after it was asked, or before.
  if (epoch % 2 != 0 || context.signals.epoch.load() != epoch) return;
  set_bit(context.report.cpus_by_stretch[epoch / 2], cpu);
  if (own) set_bit(own->cpus_by_stretch[epoch / 2], cpu);
}

bool sleep_until(int64_t until_ns) {
  const timespec until{until_ns / 1'000'000'000, until_ns % 1'000'000'000};
  return ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == 0;
}

void sleep_and_note(int64_t until_ns, WorkerReport& report) {
  if (!sleep_until(until_ns)) return;
  const int64_t late_ns = monotonic_ns() - until_ns;
  report.wakeups[latency_bucket(late_ns)].fetch_add(1, std::memory_order_relaxed);
  int64_t latest_ns = report.latest_wakeup_ns.load(std::memory_order_relaxed);
  while (late_ns > latest_ns && !report.latest_wakeup_ns.compare_exchange_weak(latest_ns, late_ns)) {
  }
}

void die_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);  // it died before the order was in place
}

void run_worker(const Workload& workload, const WorkerContext& context, pid_t parent) {
  die_with(parent);
  set_up_signals();
  volunteer_for_oom();
  if (context.threads) context.threads[0].tid.store(::getpid());
  fault_in();
  futex_set_and_wake(context.report.ready);
  while (context.report.attached.load() == 0) futex_wait(context.report.attached, 0);
  while (context.signals.start.load() == 0) futex_wait(context.signals.start, 0);
  context.report.started_ns.store(monotonic_ns());
  note_cpu(context);
  std::visit(Runner{context}, workload);
  context.report.still_ns.store(monotonic_ns());
  tell_executor();
  while (context.signals.release.load() == 0) futex_wait(context.signals.release, 0);
  end_children();
  ::_exit(0);
}

}  // namespace treeline

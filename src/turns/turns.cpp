/// treeline-turns.so, preloaded into the QEMU of a lab clone: its main loop and its vCPUs take turns, and its
/// TLBs do not grow and shrink by the host's time, so that what the guest sees does not hang on which host
/// thread was quicker.
///
/// QEMU (accel/tcg/tcg-accel-ops-rr.c) executes all vCPUs in one thread; its main loop runs timers in
/// another, and where all vCPUs idle it moves the virtual clock on to the next timer (softmmu/icount.c,
/// icount_start_warp_timer). A guest that idles sets a timer, which wakes the main loop, and halts. Between
/// `halted = 1` (helper_hlt) and icount_process_data, which adds the instructions since the last look to the
/// clock, the main loop can find all vCPUs idle and the clock too early: it then moves it too far, by those
/// instructions' time. With several vCPUs, a timer that the main loop runs while one executes also ends that
/// one's turn, at an instant of the host's.
///
/// So the main loop, back from its wait for events, goes on only while the vCPU thread waits to be woken
/// (rr_wait_io_event). A guest that never idles needs no main loop: the vCPU thread runs due timers itself
/// (icount_handle_deadline). Of QEMU's other threads none waits on a condition variable in a clone.
///
/// QEMU fits the size of a vCPU's TLB, whenever it flushes it, to what was used in the last 100 ms of the
/// host's time (accel/tcg/cputlb.c, tlb_mmu_resize_locked). A guest sees the size: Linux lets stale entries
/// be for a while, as where a fork has made a page read-only and flushes when it has copied all (dup_mmap).
/// A thread that runs between writes through such an entry if it is still there, and faults if it is not.
/// So the time that QEMU asks gettimeofday for goes on by the flushes themselves.
#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace {

enum Turn : int { kMainLoop, kVcpus };

std::atomic<int> turn{kMainLoop};
/// Where the vCPU thread waits, or last did, and with which lock: QEMU's global one.
std::atomic<pthread_cond_t*> resting_place{nullptr};
std::atomic<pthread_mutex_t*> global_lock{nullptr};

bool is_main_thread() {
  static thread_local const bool is_main = ::gettid() == ::getpid();
  return is_main;
}

/// As when QEMU ends: the vCPU thread cannot go on then, and there is nothing to wait for.
bool holds_global_lock() {
  const pthread_mutex_t* const lock = global_lock;
  return lock && lock->__data.__owner == ::gettid();
}

void futex(int operation, int value) {
  ::syscall(SYS_futex, &turn, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

/// The next definition of a function of libc's. Its condition variables have an older, incompatible version,
/// too.
template <typename Function>
Function* next(const char* name, const char* version) {
  void* const found = version ? ::dlvsym(RTLD_NEXT, name, version) : ::dlsym(RTLD_NEXT, name);
  return reinterpret_cast<Function*>(found);
}

/// How often another thread than the main one, which is the vCPUs', has asked for the time.
std::atomic<int64_t> looks{0};
/// A window of 100 ms is 10,000 flushes then.
constexpr int64_t kMicrosecondsPerLook = 10;

constexpr const char* kCondVersion = "GLIBC_2.3.2";

/// Whoever wakes the vCPU thread gives it its turn: the main loop must not come in before that has woken.
void about_to_wake(const pthread_cond_t* condition) {
  if (resting_place == condition) turn = kVcpus;
}

}  // namespace

extern "C" {

int ppoll(pollfd* watched, nfds_t count, const timespec* limit, const sigset_t* mask) {
  static auto* const real = next<decltype(ppoll)>("ppoll", nullptr);
  const int ready = real(watched, count, limit, mask);
  const int error = errno;
  while (is_main_thread() && turn == kVcpus && !holds_global_lock()) futex(FUTEX_WAIT, kVcpus);
  errno = error;
  return ready;
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  static auto* const real = next<decltype(pthread_cond_wait)>("pthread_cond_wait", kCondVersion);
  if (is_main_thread()) return real(condition, mutex);
  resting_place = condition;
  global_lock = mutex;
  turn = kMainLoop;
  futex(FUTEX_WAKE, 1);
  const int result = real(condition, mutex);
  turn = kVcpus;  // woken without cause, it may have no turn yet
  return result;
}

int pthread_cond_signal(pthread_cond_t* condition) noexcept {
  static auto* const real = next<decltype(pthread_cond_signal)>("pthread_cond_signal", kCondVersion);
  about_to_wake(condition);
  return real(condition);
}

int pthread_cond_broadcast(pthread_cond_t* condition) noexcept {
  static auto* const real = next<decltype(pthread_cond_broadcast)>("pthread_cond_broadcast", kCondVersion);
  about_to_wake(condition);
  return real(condition);
}

/// QEMU sets up the TLBs in its main thread, which therefore has the same time, but does not move it on: how
/// often that asks hangs on the host.
int gettimeofday(timeval* now, void*) noexcept {
  const int64_t us = kMicrosecondsPerLook * (is_main_thread() ? looks.load() : ++looks);
  *now = {us / 1'000'000, us % 1'000'000};
  return 0;
}

}  // extern "C"

#include "machine/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "cgroup/fd.h"

namespace treeline {

namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  Fd read;
  Fd write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(ErrorKind::Infrastructure, "make a pipe", "", errno);
  // Far above 3 and 4, so that dup2 in the child cannot overwrite one end with the other.
  Pipe pipe{Fd(::fcntl(ends[0], F_DUPFD_CLOEXEC, 10)), Fd(::fcntl(ends[1], F_DUPFD_CLOEXEC, 10))};
  ::close(ends[0]);
  ::close(ends[1]);
  if (!pipe.read || !pipe.write) return fail(ErrorKind::Infrastructure, "make a pipe", "", errno);
  return pipe;
}

/// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void become(char* const* arguments, int request, int answer) {
  const int null = ::open("/dev/null", O_RDONLY);
  if (null >= 0) ::dup2(null, 0);
  if (::dup2(request, 3) < 0 || ::dup2(answer, 4) < 0) ::_exit(127);
  ::close_range(5, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

/// Appends what there is to read; false if there will never be more.
bool read_some(const Fd& from_child, std::string& answer) {
  char buffer[65536];
  const ssize_t got = ::read(from_child.get(), buffer, sizeof buffer);
  if (got > 0) answer.append(buffer, static_cast<size_t>(got));
  return got > 0 || (got < 0 && errno == EINTR);
}

/// Moves bytes both ways until the child closes its answer, ends, or the time is up. False at the deadline.
/// Its end is watched too (pidfd), since its own children may hold the pipe open.
bool converse(pid_t child, Fd& to_child, const Fd& from_child, std::string_view request, std::string& answer,
              Clock::time_point deadline) {
  ::fcntl(to_child.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(from_child.get(), F_SETFL, O_NONBLOCK);
  const Fd end(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  while (true) {
    if (request.empty()) to_child.reset();  // end of file for the child
    // poll ignores negative descriptors.
    pollfd watched[3] = {
        {from_child.get(), POLLIN, 0}, {to_child ? to_child.get() : -1, POLLOUT, 0}, {end.get(), POLLIN, 0}};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    const int ready = ::poll(watched, 3, static_cast<int>(std::min<int64_t>(left, 1000)));
    if (ready < 0 && errno != EINTR) return true;
    if (ready <= 0) continue;
    if (to_child && watched[1].revents != 0) {
      const ssize_t sent = ::write(to_child.get(), request.data(), request.size());
      if (sent > 0) request.remove_prefix(static_cast<size_t>(sent));
      if (sent < 0 && errno != EAGAIN && errno != EINTR) request = {};  // it died: its status says how
    }
    if (watched[0].revents != 0 && !read_some(from_child, answer)) return true;
    if (watched[2].revents != 0) {
      while (read_some(from_child, answer)) {
      }
      return true;
    }
  }
}

/// Waits for the child's end until the deadline. True if it was reaped.
bool reap(pid_t child, int& status, Clock::time_point deadline) {
  while (true) {
    const pid_t got = ::waitpid(child, &status, WNOHANG);
    if (got == child || (got < 0 && errno == ECHILD)) return true;
    if (Clock::now() >= deadline) return false;
    ::usleep(500);
  }
}

}  // namespace

Result<SubprocessResult> run_subprocess(const std::vector<std::string>& command, const std::string& request,
                                        std::chrono::milliseconds deadline, std::chrono::milliseconds grace) {
  Result<Pipe> down = make_pipe();
  if (!down) return tl::unexpected(down.error());
  Result<Pipe> up = make_pipe();
  if (!up) return tl::unexpected(up.error());
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  const pid_t child = ::fork();
  if (child < 0) return fail(ErrorKind::Infrastructure, "fork the executor", "", errno);
  if (child == 0) become(arguments.data(), down->read.get(), up->write.get());
  down->read.reset();
  up->write.reset();
  SubprocessResult result;
  result.timed_out = !converse(child, down->write, up->read, request, result.answer, Clock::now() + deadline);
  if (result.timed_out) ::kill(child, SIGTERM);
  if (!reap(child, result.status, Clock::now() + grace)) {
    ::kill(child, SIGKILL);
    reap(child, result.status, Clock::now() + std::chrono::hours(1));
  }
  return result;
}

}  // namespace treeline

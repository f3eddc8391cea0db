#include "machine/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>

#include "cgroup/fd.h"
#include "machine/process.h"

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
  return Pipe{Fd(ends[0]), Fd(ends[1])};
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
bool converse(const Process& child, Fd& to_child, const Fd& from_child, std::string_view request,
              std::string& answer, Clock::time_point deadline) {
  ::fcntl(to_child.get(), F_SETFL, O_NONBLOCK);
  ::fcntl(from_child.get(), F_SETFL, O_NONBLOCK);
  while (true) {
    if (request.empty()) to_child.reset();  // end of file for the child
    // poll ignores negative descriptors.
    pollfd watched[3] = {{from_child.get(), POLLIN, 0},
                         {to_child ? to_child.get() : -1, POLLOUT, 0},
                         {child.end_fd(), POLLIN, 0}};
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

}  // namespace

Result<SubprocessResult> run_subprocess(const std::vector<std::string>& command, const std::string& request,
                                        std::chrono::milliseconds deadline, std::chrono::milliseconds grace) {
  Result<Pipe> down = make_pipe();
  if (!down) return tl::unexpected(down.error());
  Result<Pipe> up = make_pipe();
  if (!up) return tl::unexpected(up.error());
  ::signal(SIGPIPE, SIG_IGN);
  Result<Process> child =
      Process::start(command, {.descriptors = {{1, 1}, {2, 2}, {down->read.get(), 3}, {up->write.get(), 4}},
                               .folder = {},
                               .environment = {},
                               .dies_with_starter = false});
  if (!child) return tl::unexpected(child.error());
  down->read.reset();
  up->write.reset();
  SubprocessResult result;
  result.timed_out =
      !converse(*child, down->write, up->read, request, result.answer, Clock::now() + deadline);
  if (result.timed_out) ::kill(child->pid(), SIGTERM);
  if (!child->wait(Clock::now() + grace)) child->kill();
  result.status = child->status();
  return result;
}

}  // namespace treeline

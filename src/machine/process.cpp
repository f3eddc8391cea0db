#include "machine/process.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

namespace treeline {

namespace {

using Clock = std::chrono::steady_clock;

/// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void become(char* const* words, char* const* environment,
                         const std::vector<std::pair<int, int>>& descriptors, pid_t parent,
                         const ProcessOptions& options) {
  if (options.dies_with_starter) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(kNoProgram);
  }
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, 0);
  ::dup2(null, 1);
  ::dup2(null, 2);
  int highest = 2;
  for (const auto& [from, to] : descriptors) {
    if (::dup2(from, to) < 0) ::_exit(kNoProgram);
    highest = to > highest ? to : highest;
  }
  ::close_range(static_cast<unsigned>(highest) + 1, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) ::_exit(kNoProgram);
  ::execvpe(words[0], words, environment);
  ::_exit(kNoProgram);
}

/// As exec wants it; `words` must outlive it.
std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

}  // namespace

Result<Process> Process::start(const std::vector<std::string>& command, const ProcessOptions& options) {
  // Far above the numbers they get, so that no dup2 overwrites one that is still wanted.
  std::vector<Fd> high;
  std::vector<std::pair<int, int>> moves;
  for (const auto& [from, to] : options.descriptors) {
    high.emplace_back(::fcntl(from, F_DUPFD_CLOEXEC, 200));
    if (!high.back()) return fail(ErrorKind::Infrastructure, "duplicate a descriptor", "", errno);
    moves.emplace_back(high.back().get(), to);
  }
  const std::vector<char*> words = pointers_to(command);
  std::vector<std::string> variables = options.environment;
  for (char* const* own = environ; *own; ++own) variables.emplace_back(*own);
  const std::vector<char*> everything = pointers_to(variables);
  Process process;
  const pid_t parent = ::getpid();
  process.pid_ = ::fork();
  if (process.pid_ < 0) return fail(ErrorKind::Infrastructure, "fork for", command[0], errno);
  if (process.pid_ == 0) become(words.data(), everything.data(), moves, parent, options);
  process.end_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid_, 0)));
  if (!process.end_) return fail(ErrorKind::Infrastructure, "watch", command[0], errno);
  return process;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), end_(std::move(other.end_)), status_(other.status_) {}

Process::~Process() { kill(); }

bool Process::has_ended() {
  if (pid_ < 0) return true;
  const pid_t got = ::waitpid(pid_, &status_, WNOHANG);
  if (got == 0 || (got < 0 && errno == EINTR)) return false;
  pid_ = -1;
  return true;
}

bool Process::wait(Deadline deadline) {
  while (!has_ended()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd watched{end_.get(), POLLIN, 0};
    ::poll(&watched, 1, static_cast<int>(std::min<int64_t>(left, 1'000)));
  }
  return true;
}

void Process::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  wait(Clock::now() + std::chrono::hours(1));
}

std::string how_ended(int status) {
  if (WIFSIGNALED(status)) return fmt::format("it was killed by SIG{}", sigabbrev_np(WTERMSIG(status)));
  return fmt::format("it exited with {}", WEXITSTATUS(status));
}

Result<std::string> run_tool(const std::vector<std::string>& command, std::chrono::milliseconds limit,
                             const std::string& folder) {
  Result<Fd> output = make_memory_file("stdout");
  if (!output) return tl::unexpected(output.error());
  Result<Fd> errors = make_memory_file("stderr");
  if (!errors) return tl::unexpected(errors.error());
  Result<Process> process = Process::start(
      command,
      {.descriptors = {{output->get(), 1}, {errors->get(), 2}}, .folder = folder, .environment = {}});
  if (!process) return tl::unexpected(process.error());
  if (!process->wait(Clock::now() + limit)) {
    return fail(ErrorKind::Infrastructure, "run", command[0], ETIMEDOUT, "it overran its deadline");
  }
  const int status = process->status();
  if (status == 0) return read_all(*output);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNoProgram) {
    return fail(ErrorKind::Unavailable, "run", command[0], ENOENT, "install it: scripts/setup does");
  }
  const std::string said = last_line(read_all(*errors).value_or(""));
  return fail(ErrorKind::Infrastructure, "run", command[0], 0,
              said.empty() ? how_ended(status) : fmt::format("{}: {}", how_ended(status), said));
}

Result<Fd> make_memory_file(const char* name, size_t bytes) {
  Fd fd(::memfd_create(name, MFD_CLOEXEC));
  if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    return fail(ErrorKind::Infrastructure, "make a file in memory", name, errno);
  }
  return fd;
}

Result<std::string> read_all(const Fd& fd) {
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return fail(ErrorKind::Infrastructure, "look at", "a file", errno);
  std::string text(static_cast<size_t>(status.st_size), '\0');
  for (size_t at = 0; at < text.size();) {
    const ssize_t got = ::pread(fd.get(), text.data() + at, text.size() - at, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(ErrorKind::Infrastructure, "read", "a file", errno);
    if (got == 0) text.resize(at);
    at += static_cast<size_t>(got);
  }
  return text;
}

}  // namespace treeline

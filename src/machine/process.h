#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "cgroup/fd.h"
#include "model/error.h"

namespace treeline {

using Deadline = std::chrono::steady_clock::time_point;

/// The exit code of a child that could not execute its program.
inline constexpr int kNoProgram = 127;

struct ProcessOptions {
  std::vector<std::pair<int, int>> descriptors;  ///< One here and its number there; all others are closed.
  std::string folder;                            ///< It starts there; "": where this process is.
  std::vector<std::string> environment;          ///< "NAME=value", on top of this process's own.
  /// With the thread that started it. Else it has to notice by itself that it is alone.
  bool dies_with_starter = true;
};

/// A child process that dies with its handle.
class Process {
 public:
  /// Executes `command` (its first word is looked up in PATH). stdin, stdout and stderr are /dev/null unless
  /// they are given. A program that is not there ends with kNoProgram.
  static Result<Process> start(const std::vector<std::string>& command, const ProcessOptions& options);
  Process(Process&& other) noexcept;
  Process& operator=(Process&&) = delete;
  ~Process();

  pid_t pid() const { return pid_; }
  /// Becomes readable when the process has ended.
  int end_fd() const { return end_.get(); }
  /// Reaps it if it has ended. Its status is then known.
  bool has_ended();
  bool wait(Deadline deadline);
  /// SIGKILL, and waits for the end.
  void kill();
  /// As from waitpid; only after the end.
  int status() const { return status_; }

 private:
  Process() = default;
  pid_t pid_ = -1;  ///< -1: reaped, or moved from.
  Fd end_;
  int status_ = 0;
};

/// "it exited with 2", "it was killed by SIGKILL"
std::string how_ended(int status);

/// Runs a tool to its end and gives its stdout. Infrastructure with the last line of its stderr if it fails.
Result<std::string> run_tool(const std::vector<std::string>& command, std::chrono::milliseconds limit,
                             const std::string& folder = {});

/// An anonymous file in memory of `bytes` zeros: nothing to remove, whatever happens.
Result<Fd> make_memory_file(const char* name, size_t bytes = 0);
/// All that is in a file, wherever its offset is.
Result<std::string> read_all(const Fd& fd);

}  // namespace treeline

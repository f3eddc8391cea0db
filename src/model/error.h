#pragma once

#include <string>
#include <tl/expected.hpp>

namespace treeline {

/// What went wrong, seen from the person who has to act on it. It selects the exit code.
enum class ErrorKind {
  InvalidInput,  ///< A file, option or value that the user gave. Exit code 2.
  Unavailable,   ///< This machine cannot do it: no privilege, a controller or program missing. Exit code 77.
  Infrastructure,  ///< The harness failed: ENOSPC, a lost child, a full pipe. Never a verdict. Exit code 99.
};

/// An error that says what to do. `operation` is a verb phrase ("write knob"), `path` the file, cgroup or
/// JSON path that it concerns, `errnum` the errno or 0, `advice` one sentence for the reader.
struct Error {
  ErrorKind kind = ErrorKind::Infrastructure;
  std::string operation;
  std::string path;
  int errnum = 0;
  std::string advice;

  bool operator==(const Error&) const = default;
};

template <typename T>
using Result = tl::expected<T, Error>;

/// "write knob /sys/fs/cgroup/…/cpu.max: Permission denied (EACCES). Run as root …"
std::string to_string(const Error& error);

/// Process exit codes, the same for every command and script.
namespace exit_code {
inline constexpr int kHeld = 0;          ///< Ran; nothing violated.
inline constexpr int kViolated = 1;      ///< Ran; at least one invariant violated (replay: reproduced).
inline constexpr int kInvalidInput = 2;  ///< Bad option, file or value; nothing was run.
inline constexpr int kInconclusive = 3;  ///< Ran, but could not have shown a violation.
inline constexpr int kUnavailable = 77;  ///< Nothing could be tested here.
inline constexpr int kInfrastructure = 99;
}  // namespace exit_code

int exit_code_of(ErrorKind kind);

inline tl::unexpected<Error> fail(ErrorKind kind, std::string operation, std::string path, int errnum = 0,
                                  std::string advice = {}) {
  return tl::unexpected<Error>(Error{kind, std::move(operation), std::move(path), errnum, std::move(advice)});
}

}  // namespace treeline

#include "model/error.h"

#include <fmt/format.h>

#include <cstring>

namespace treeline {

std::string to_string(const Error& error) {
  std::string text = error.operation;
  if (!error.path.empty()) text += fmt::format(" {}", error.path);
  if (error.errnum != 0) {
    const char* name = strerrorname_np(error.errnum);
    const char* description = strerrordesc_np(error.errnum);
    text += name && description ? fmt::format(": {} ({})", description, name)
                                : fmt::format(": unknown error {}", error.errnum);
  }
  if (!error.advice.empty()) text += fmt::format(": {}", error.advice);
  return text;
}

int exit_code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::InvalidInput:
      return exit_code::kInvalidInput;
    case ErrorKind::Unavailable:
      return exit_code::kUnavailable;
    case ErrorKind::Infrastructure:
      break;
  }
  return exit_code::kInfrastructure;
}

}  // namespace treeline

#include "cli/commands.h"

#include <fmt/format.h>
#include <signal.h>

#include <cstdio>

namespace treeline::cli {

namespace {

volatile sig_atomic_t interrupted = 0;

void note(int) { interrupted = 1; }

}  // namespace

int report_error(const Error& error) {
  std::string line = to_string(error);
  for (char& c : line) c = c == '\n' ? ' ' : c;
  fmt::print(stderr, "treeline: {}\n", line);
  return exit_code_of(error.kind);
}

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = note;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool was_interrupted() { return interrupted != 0; }

}  // namespace treeline::cli

#include "cli/commands.h"

#include <fmt/format.h>
#include <signal.h>

#include <cstdio>

#include "model/planted_fault.h"

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

void add_host_options(CLI::App& command, HostChoice& choice) {
  command.add_option("--cgroup-root", choice.options.cgroup_root,
                     "Make groups below this one only (relative to each hierarchy's mount)");
  command.add_option("--scratch", choice.options.scratch_dir, "Folder for the I/O workers' files")
      ->capture_default_str();
  command.add_option("--fault", choice.fault, "Play a planted fault: shows that the suite can fail");
}

Result<std::unique_ptr<HostMachine>> open_host(const HostChoice& choice) {
  HostOptions options = choice.options;
  if (!choice.fault.empty()) {
    options.fault = planted_fault_from_name(choice.fault);
    if (!options.fault) {
      std::string known;
      for (const PlantedFaultInfo& info : planted_fault_table()) known += fmt::format(" {}", info.name);
      return fail(ErrorKind::InvalidInput, "plant the fault", choice.fault, 0, "the known ones are" + known);
    }
  }
  return HostMachine::open(std::move(options));
}

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = note;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool was_interrupted() { return interrupted != 0; }

}  // namespace treeline::cli

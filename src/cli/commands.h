#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "machine/host_machine.h"

namespace treeline::cli {

/// What a command does once its options are read; returns the exit code (model/error.h).
using Action = std::function<int()>;

/// Each adds a subcommand to the app and gives what to do if it was chosen.
Action add_run(CLI::App& app);
Action add_replay(CLI::App& app);
Action add_show(CLI::App& app);
Action add_judge(CLI::App& app);
Action add_doctor(CLI::App& app);

/// One line on stderr; its exit code.
int report_error(const Error& error);

/// --cgroup-root, --scratch and --fault, for the commands that use this machine's kernel.
struct HostChoice {
  HostOptions options;
  std::string fault;
};
void add_host_options(CLI::App& command, HostChoice& choice);
Result<std::unique_ptr<HostMachine>> open_host(const HostChoice& choice);

/// SIGINT and SIGTERM end the command between two runs, after its groups are removed.
void catch_interrupts();
bool was_interrupted();

}  // namespace treeline::cli

#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "generators/property.h"
#include "lab/lab_machine.h"
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
Action add_history(CLI::App& app);
Action add_report(CLI::App& app);
Action add_compare(CLI::App& app);
Action add_nightly(CLI::App& app);
Action add_plan(CLI::App& app);
Action add_job(CLI::App& app);
Action add_merge(CLI::App& app);
/// Of the commands that the app has when they are chosen.
Action add_completion(CLI::App& app);
Action add_manual(CLI::App& app);

/// One line on stderr; its exit code.
int report_error(const Error& error);
/// The code, or that of the error, which is reported.
int code_or_report(const Result<int>& code);

/// "90", "90s", "2m", "1h", "7d".
Result<std::chrono::milliseconds> parse_time(const std::string& text);

/// InvalidInput, with the known names, if there is none of one of the names.
Result<std::vector<const Property*>> find_properties(const std::vector<std::string>& names);

/// When drawing ends, as --count and --time say; 0: no end by it.
struct Ends {
  uint64_t count;
  std::chrono::milliseconds time;
};
/// 100 scenarios if neither is given (0, "").
Result<Ends> ends_of(uint64_t count, const std::string& time);

/// Which machine, and all options of either kind.
struct MachineChoice {
  /// "Host" or "Lab/debian-6.12/v2", what Machine::name() says; "": the command chooses.
  std::string name;
  HostOptions host;
  LabOptions lab;
  std::string mode;  ///< These, where given, override what the name says.
  std::string cmdline;
  int cpus = 0;
  int numa_nodes = 0;
  int64_t memory_mib = 0;
  int64_t swap_mib = 0;
  std::string fault;
  bool names_lab() const { return !name.empty() && name != "Host"; }
  bool is_host() const { return !names_lab() && lab.kernel_path.empty(); }
};
/// --machine and what goes with it, for the commands that run something. `unnamed`: which one it is without
/// --machine.
void add_machine_options(CLI::App& command, MachineChoice& choice, const std::string& unnamed);
/// Those of them that are the same for all machines of a kind: where the host and the lab keep their files.
void add_folder_options(CLI::App& command, MachineChoice& choice);
/// What `treeline replay` needs besides the machine's name, which is in the file; "" for most.
std::string replay_options(const MachineChoice& choice);
Result<std::unique_ptr<Machine>> open_machine(const MachineChoice& choice);
/// The same, but where the choice names no machine, and the host cannot serve, the lab does: stderr says so.
Result<std::unique_ptr<Machine>> open_machine_or_lab(const MachineChoice& choice);
Result<std::unique_ptr<HostMachine>> open_host(const MachineChoice& choice);
Result<std::unique_ptr<LabMachine>> open_lab(const MachineChoice& choice);

/// SIGINT and SIGTERM end the command between two runs, after its groups are removed.
void catch_interrupts();
bool was_interrupted();

}  // namespace treeline::cli

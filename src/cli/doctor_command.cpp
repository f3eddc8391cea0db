#include <fmt/format.h>

#include "cgroup/hierarchies.h"
#include "cli/commands.h"
#include "generators/property.h"
#include "model/knob_docs.h"

namespace treeline::cli {

namespace {

constexpr Controller kControllers[] = {Controller::Cpu,    Controller::Cpuacct, Controller::Memory,
                                       Controller::Pids,   Controller::Cpuset,  Controller::Io,
                                       Controller::Freezer};

std::string controllers_text(const Hierarchies& hierarchies, const MachineFacts& facts) {
  std::string text;
  for (const Controller controller : kControllers) {
    std::string state = "not mounted; mount it, or boot with cgroup_no_v1= unset";
    if (const Hierarchy* hierarchy = hierarchies.find(controller)) {
      state = fmt::format("{} at {}", hierarchy->version == CgroupVersion::V1 ? "v1" : "v2", hierarchy->base);
    } else if (hierarchies.unusable().contains(controller)) {
      state = "no: " + hierarchies.unusable().at(controller);
    } else if (controller == Controller::Cpuacct && facts.controllers.contains(Controller::Cpu)) {
      state = "part of cpu on v2";
    }
    text += fmt::format("  {:<10} {}\n", controller_name(controller), state);
  }
  return text;
}

/// How many properties can be tested.
int print_properties(const MachineFacts& facts) {
  int testable = 0;
  for (const Property& property : properties()) {
    const auto why = facts.controllers.empty() ? std::optional<std::string>("the machine cannot be used")
                                               : why_untestable(property, facts);
    testable += why ? 0 : 1;
    fmt::print("  {:<16} {}\n", property.name, why ? "no: " + *why : "yes: " + std::string(property.summary));
  }
  return testable;
}

/// What the machine can test, or why there is none.
int finish(const MachineFacts& facts, const Error* error) {
  fmt::print("\nproperties:\n");
  const int testable = print_properties(facts);
  if (error) {
    fmt::print("\n");
    std::fflush(stdout);
    return report_error(*error);
  }
  return testable > 0 ? exit_code::kHeld : exit_code::kUnavailable;
}

int diagnose_lab(const MachineChoice& choice) {
  constexpr int kClones = 5;
  Result<std::unique_ptr<LabMachine>> machine = open_lab(choice);
  if (!machine) return finish({}, &machine.error());
  const MachineFacts& facts = (*machine)->facts();
  fmt::print("{}: Linux {}, cgroup {}, {} CPUs, HZ {}, {} MiB available, {} MiB swap\n", (*machine)->name(),
             facts.kernel_release, facts.mode, facts.cpus.size(), facts.hz, facts.memory_bytes >> 20,
             facts.swap_bytes >> 20);
  fmt::print("snapshot: {}\ncontrollers:", (*machine)->snapshot_folder());
  for (const auto& [controller, version] : facts.controllers) {
    fmt::print(" {}:{}", controller_name(controller), version == CgroupVersion::V1 ? "v1" : "v2");
  }
  const Result<int> equal = (*machine)->count_equal(LabMachine::self_check_scenario(), kClones);
  if (!equal) return finish(facts, &equal.error());
  fmt::print("\nself-check: {} of {} clones gave the same bytes: the machine is {}deterministic\n", *equal,
             kClones, (*machine)->deterministic() && *equal == kClones ? "" : "not ");
  return finish(facts, nullptr);
}

int diagnose(const MachineChoice& choice) {
  if (!choice.is_host()) return diagnose_lab(choice);
  Result<std::unique_ptr<HostMachine>> machine = open_host(choice);
  if (!machine) return finish({}, &machine.error());
  const MachineFacts& facts = (*machine)->facts();
  fmt::print("Linux {}, cgroup {}, {} CPUs, HZ {}, {} MiB available, {} MiB swap, libcgroup {}\n",
             facts.kernel_release, facts.mode, facts.cpus.size(), facts.hz, facts.memory_bytes >> 20,
             facts.swap_bytes >> 20, facts.libcgroup_version);
  fmt::print("block device below {}: {}\n", choice.host.scratch_dir,
             facts.device.empty() ? "none; give another folder with --scratch to test io.max" : facts.device);
  fmt::print("\ncontrollers:\n{}", controllers_text((*machine)->hierarchies(), facts));
  return finish(facts, nullptr);
}

}  // namespace

Action add_doctor(CLI::App& app) {
  auto choice = std::make_shared<MachineChoice>();
  auto knobs = std::make_shared<bool>(false);
  CLI::App* command =
      app.add_subcommand("doctor", "Say what this machine can test, what it cannot, why, and what to do");
  command->add_flag("--knobs", *knobs, "Document every limit instead");
  add_machine_options(*command, *choice, "Host");
  return [choice, knobs] {
    if (!*knobs) return diagnose(*choice);
    fmt::print("{}", knob_documentation());
    return exit_code::kHeld;
  };
}

}  // namespace treeline::cli

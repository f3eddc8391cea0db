#include <fmt/format.h>

#include "cli/commands.h"
#include "generators/property.h"
#include "lab/lab_name.h"
#include "model/planted_fault.h"
#include "search/search.h"

namespace treeline::cli {

namespace {

/// Where the host cannot serve.
constexpr const char* kUsualLab = "Lab/debian-6.12/v2";
/// A group of options in --help.
constexpr const char* kLab = "The lab";

Result<std::optional<PlantedFault>> fault_of(const MachineChoice& choice) {
  if (choice.fault.empty()) return std::nullopt;
  const std::optional<PlantedFault> fault = planted_fault_from_name(choice.fault);
  if (fault) return fault;
  std::string known;
  for (const PlantedFaultInfo& info : planted_fault_table()) known += fmt::format(" {}", info.name);
  return fail(ErrorKind::InvalidInput, "plant the fault", choice.fault, 0, "the known ones are" + known);
}

}  // namespace

std::string replay_options(const MachineChoice& choice) {
  std::string text;
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) text += fmt::format(" {} {}", option, shell_quoted(value));
  };
  if (choice.is_host()) {
    add("--cgroup-root", choice.host.cgroup_root);
    return text;
  }
  add("--kernel", choice.lab.kernel_path);
  add("--modules", choice.lab.modules);
  add("--cache", choice.lab.cache);
  return text;
}

void add_folder_options(CLI::App& command, MachineChoice& choice) {
  constexpr const char* kHost = "This machine's kernel";
  command
      .add_option("--cgroup-root", choice.host.cgroup_root,
                  "Make groups below this one only (relative to each hierarchy's mount)")
      ->group(kHost);
  command.add_option("--scratch", choice.host.scratch_dir, "Folder for the I/O workers' files")
      ->capture_default_str()
      ->group(kHost);
  command
      .add_option("--cache", choice.lab.cache,
                  "Folder for kernels and snapshots (default " + default_cache_folder() + ")")
      ->group(kLab);
}

void add_machine_options(CLI::App& command, MachineChoice& choice, const std::string& unnamed) {
  command.add_option(
      "--machine,-m", choice.name,
      fmt::format("Host, or {}; KERNEL is debian-6.1 or debian-6.12, MODE v1, v2 or hybrid (default: "
                  "{})",
                  kLabNameForm, unnamed));
  command.add_option("--fault", choice.fault, "Play a planted fault: shows that the suite can fail");
  add_folder_options(command, choice);
  command.add_option("--kernel", choice.lab.kernel_path, "A bzImage or vmlinux of your own")->group(kLab);
  command.add_option("--modules", choice.lab.modules, "Folder that holds its modules")->group(kLab);
  command.add_option("--cmdline", choice.cmdline, "More words for the kernel's command line")->group(kLab);
  command.add_option("--mode", choice.mode, "How cgroups are mounted: v1, v2 or hybrid")->group(kLab);
  command.add_option("--cpus", choice.cpus, "Virtual CPUs")->check(CLI::Range(1, 64))->group(kLab);
  command.add_option("--numa-nodes", choice.numa_nodes, "NUMA nodes")->check(CLI::Range(1, 64))->group(kLab);
  command.add_option("--memory-mib", choice.memory_mib, "Memory of the guest (default 512)")
      ->check(CLI::Range(128, 1 << 18))
      ->group(kLab);
  command.add_option("--swap-mib", choice.swap_mib, "Swap of the guest (zram)")
      ->check(CLI::Range(1, 1 << 16))
      ->group(kLab);
}

Result<std::unique_ptr<HostMachine>> open_host(const MachineChoice& choice) {
  const auto fault = fault_of(choice);
  if (!fault) return tl::unexpected(fault.error());
  HostOptions options = choice.host;
  options.fault = *fault;
  return HostMachine::open(std::move(options));
}

Result<std::unique_ptr<LabMachine>> open_lab(const MachineChoice& choice) {
  const auto fault = fault_of(choice);
  if (!fault) return tl::unexpected(fault.error());
  LabOptions options = choice.lab;
  options.fault = *fault;
  if (choice.names_lab()) {
    const Result<LabOptions> named = lab_options_from_name(choice.name);
    if (!named) return tl::unexpected(named.error());
    options.kernel = named->kernel;
    options.shape = named->shape;
  }
  if (!choice.cmdline.empty()) options.shape.cmdline = choice.cmdline;
  if (choice.numa_nodes > 0) options.shape.numa_nodes = choice.numa_nodes;
  if (!choice.mode.empty()) options.shape.mode = choice.mode;
  if (choice.cpus > 0) options.shape.cpus = choice.cpus;
  if (choice.memory_mib > 0) options.shape.memory_bytes = choice.memory_mib << 20;
  if (choice.swap_mib > 0) options.shape.swap_bytes = choice.swap_mib << 20;
  return LabMachine::open(std::move(options));
}

Result<std::unique_ptr<Machine>> open_machine(const MachineChoice& choice) {
  if (choice.is_host()) return open_host(choice);
  return open_lab(choice);
}

namespace {

/// The host, unless there is no property that it could test.
Result<std::unique_ptr<Machine>> open_useful_host(const MachineChoice& choice) {
  Result<std::unique_ptr<HostMachine>> host = open_host(choice);
  if (!host) return tl::unexpected(host.error());
  for (const Property& property : properties()) {
    if (!why_untestable(property, (*host)->facts())) return std::unique_ptr<Machine>(std::move(*host));
  }
  return fail(ErrorKind::Unavailable, "test this machine", "", 0,
              "no property can be tested; see treeline doctor");
}

}  // namespace

Result<std::unique_ptr<Machine>> open_machine_or_lab(const MachineChoice& choice) {
  const bool is_free = choice.name.empty() && choice.is_host() && choice.host.cgroup_root.empty();
  if (!is_free) return open_machine(choice);
  Result<std::unique_ptr<Machine>> host = open_useful_host(choice);
  if (host || host.error().kind != ErrorKind::Unavailable) return host;
  MachineChoice instead = choice;
  instead.name = kUsualLab;
  Result<std::unique_ptr<Machine>> lab = open_machine(instead);
  if (lab) {
    fmt::print(stderr, "treeline: this machine's kernel cannot be tested, so {} is: {}\n", (*lab)->name(),
               to_string(host.error()));
    return lab;
  }
  Error error = host.error();
  error.advice += fmt::format("; nor can the lab serve: {}", to_string(lab.error()));
  return tl::unexpected(std::move(error));
}

}  // namespace treeline::cli

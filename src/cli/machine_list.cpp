#include "cli/machine_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "lab/lab_name.h"
#include "model/planted_fault.h"

namespace treeline::cli {

namespace {

namespace fs = std::filesystem;

struct OwnKernel {
  std::string label;  ///< As in the names of its machines.
  std::string file;
  std::string modules;
};

OwnKernel own_kernel(const std::string& text) {
  std::error_code ignored;
  const size_t colon = text.rfind(':');
  const bool is_whole = colon == std::string::npos || fs::exists(text, ignored);
  const std::string file = is_whole ? text : text.substr(0, colon);
  return {fs::path(file).filename().string(), file, is_whole ? "" : text.substr(colon + 1)};
}

Result<MachineChoice> choice_of(const std::string& name, const MachineList& list) {
  MachineChoice choice = list.common;
  choice.name = name;
  if (!choice.names_lab()) return choice;
  const Result<LabOptions> named = lab_options_from_name(name);
  if (!named) return tl::unexpected(named.error());
  for (const std::string& text : list.kernels) {
    const OwnKernel kernel = own_kernel(text);
    if (kernel.label != named->kernel) continue;
    choice.lab.kernel_path = kernel.file;
    choice.lab.modules = kernel.modules;
  }
  return choice;
}

/// Puts "NAME@MACHINE" or "NAME" where it belongs.
Result<void> plant(const std::string& text, std::vector<MachineChoice>& choices) {
  const size_t at = text.find('@');
  const std::string fault = text.substr(0, at);
  const std::string machine = at == std::string::npos ? "" : text.substr(at + 1);
  if (!planted_fault_from_name(fault)) {
    return fail(ErrorKind::InvalidInput, "plant the fault", text, 0,
                "write NAME or NAME@MACHINE; names are in README.md");
  }
  bool is_planted = false;
  for (MachineChoice& choice : choices) {
    if (at != std::string::npos && choice.name != machine) continue;
    choice.fault = fault;
    is_planted = true;
  }
  if (is_planted) return {};
  return fail(ErrorKind::InvalidInput, "plant the fault", text, 0, "name the machine with --machine, too");
}

}  // namespace

void add_machine_list(CLI::App& command, MachineList& list) {
  command.add_option(
      "--machine,-m", list.names,
      fmt::format("Machine to test: Host, or {}; repeat for more (default: Host, or the lab if that "
                  "cannot serve)",
                  kLabNameForm));
  command.add_option("--kernel", list.kernels,
                     "A bzImage or vmlinux of your own, FILE or FILE:MODULES-FOLDER; its machines are called "
                     "Lab/NAME-OF-FILE/MODE (default: v2)");
  command.add_option("--fault", list.faults,
                     "Play a planted fault: NAME, or NAME@MACHINE in one of them only");
  add_folder_options(command, list.common);
}

Result<std::vector<MachineChoice>> choices_of(const MachineList& list) {
  std::vector<std::string> names = list.names;
  for (const std::string& text : list.kernels) {
    const std::string label = own_kernel(text).label;
    const bool is_named = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return name.starts_with(fmt::format("Lab/{}/", label));
    });
    if (!is_named) names.push_back(lab_name(label, LabShape{}));
  }
  if (names.empty()) names.emplace_back();
  std::vector<MachineChoice> choices;
  for (const std::string& name : names) {
    if (std::count(names.begin(), names.end(), name) > 1) {
      return fail(ErrorKind::InvalidInput, "test the machine", name, 0, "name each one once");
    }
    Result<MachineChoice> choice = choice_of(name, list);
    if (!choice) return tl::unexpected(choice.error());
    choices.push_back(std::move(*choice));
  }
  for (const std::string& fault : list.faults) {
    if (Result<void> planted = plant(fault, choices); !planted) return tl::unexpected(planted.error());
  }
  return choices;
}

}  // namespace treeline::cli

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"

namespace treeline::cli {

/// Several machines, as the options of one command name them.
struct MachineList {
  std::vector<std::string> names;  ///< Machine::name(): "Host", "Lab/debian-6.12/v2", "Lab/bzImage/v2/2cpus".
  std::vector<std::string> kernels;  ///< FILE or FILE:MODULES, which names call Lab/FILE'S NAME/…
  std::vector<std::string> faults;   ///< NAME, for all of them, or NAME@MACHINE.
  MachineChoice common;
};
void add_machine_list(CLI::App& command, MachineList& list);

/// One choice a machine; a kernel that no name asks for is a machine in mode v2. Without names and kernels
/// one choice that names none. InvalidInput for a name that stands twice and a fault for a machine that is
/// not there.
Result<std::vector<MachineChoice>> choices_of(const MachineList& list);

}  // namespace treeline::cli

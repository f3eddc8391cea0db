#pragma once

#include <string>
#include <vector>

#include "lab/lab_shape.h"

namespace treeline {

/// Options that the lab needs, and that a kernel with this configuration (the text of .config) lacks:
/// "CONFIG_PCI", or "CONFIG_EXT4_FS (built in, or as a module with --modules)".
std::vector<std::string> missing_options(const std::string& config, bool has_modules, const LabShape& shape);

}  // namespace treeline

#pragma once

#include <string>

#include "lab/lab_machine.h"

/// Names of lab machines read like paths and carry their shape, in this order; what is the default is left
/// out: Lab/KERNEL/MODE/4cpus/2nodes/1024MiB/64MiB-swap/cmdline=WORDS. All that they lack is where to find
/// KERNEL if it is a user's own file.
namespace treeline {

/// How lab_options_from_name reads it, for help and errors.
inline constexpr const char* kLabNameForm =
    "Lab/KERNEL/MODE, like Lab/debian-6.12/v2, and after it, in this order, what is not the default: /4cpus "
    "/2nodes (NUMA) /1024MiB (memory) /64MiB-swap /cmdline=WORDS";

std::string lab_name(const std::string& kernel, const LabShape& shape);

/// InvalidInput unless it is, to the letter, what lab_name() gives.
Result<LabOptions> lab_options_from_name(const std::string& name);

}  // namespace treeline

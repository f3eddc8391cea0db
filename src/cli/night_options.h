#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "model/known_failures.h"
#include "nightly/plan.h"

/// Options that the commands which end a night have in common.
namespace treeline::cli {

/// What is kept unless the options say otherwise.
inline constexpr Retention kUsualRetention{30, 0};
/// --keep and --keep-days.
void add_retention_options(CLI::App& command, Retention& retention);
/// Of the file of --known-failures; "": none.
Result<std::vector<KnownFailure>> known_from(const std::string& file);

}  // namespace treeline::cli

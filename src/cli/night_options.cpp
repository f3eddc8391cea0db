#include "cli/night_options.h"

namespace treeline::cli {

void add_retention_options(CLI::App& command, Retention& retention) {
  command.add_option("--keep", retention.keep, "Nights to keep; 0: all")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command.add_option("--keep-days", retention.keep_days, "Days for which a night is kept; 0: without end")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
}

Result<std::vector<KnownFailure>> known_from(const std::string& file) {
  if (file.empty()) return std::vector<KnownFailure>();
  return known_failures_from_file(file);
}

}  // namespace treeline::cli

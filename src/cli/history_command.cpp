#include <fmt/format.h>

#include "cli/commands.h"
#include "store/history.h"

namespace treeline::cli {

namespace {

Result<std::string> history_of(const std::string& folder, const std::string& since) {
  Result<ResultsDb> results = ResultsDb::open_existing(folder + "/results.db");
  if (!results) return tl::unexpected(results.error());
  if (const auto ago = parse_time(since)) {
    return history(*results, results->now() - std::chrono::duration_cast<std::chrono::seconds>(*ago).count());
  }
  const Result<int64_t> time = time_from_text(since);
  if (!time) return tl::unexpected(time.error());
  return history(*results, *time);
}

}  // namespace

Action add_history(CLI::App& app) {
  struct Choice {
    std::string results = "treeline-results";
    std::string since = "24h";
  };
  auto choice = std::make_shared<Choice>();
  CLI::App* command =
      app.add_subcommand("history", "What is new, since when does it fail, and on which kernels");
  command->add_option("--results", choice->results, "Folder that run wrote to")->capture_default_str();
  command->add_option("--since", choice->since, "24h, 7d, 2026-11-25 or '2026-11-25 23:05'")
      ->capture_default_str();
  return [choice] {
    const Result<std::string> text = history_of(choice->results, choice->since);
    if (!text) return report_error(text.error());
    fmt::print("{}", *text);
    return exit_code::kHeld;
  };
}

}  // namespace treeline::cli

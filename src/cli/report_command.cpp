#include <fmt/format.h>

#include <cerrno>

#include "cli/commands.h"
#include "report/report_document.h"
#include "report/test_cases.h"
#include "search/results_store.h"

namespace treeline::cli {

namespace {

struct ReportChoice {
  std::string results = "treeline-results";
  std::string output;
  std::string junit;
  std::string ktap;
};

/// The path is right, but what is there takes no more.
bool is_full(int errnum) { return errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG || errnum == EIO; }

/// A path that cannot be written to is the caller's to change; a full disk is not.
Result<void> write(const std::string& path, const std::string& text) {
  Result<void> written = replace_file(path, text);
  if (written) {
    fmt::print("wrote {} ({:.1f} KB)\n", path, static_cast<double>(text.size()) / 1e3);
    return written;
  }
  if (is_full(written.error().errnum)) return written;
  return fail(ErrorKind::InvalidInput, "write the report", path, written.error().errnum,
              "give a file in a folder that is there and can be written to");
}

Result<void> write_report(const ReportChoice& choice) {
  Result<ResultsDb> results = ResultsDb::open_existing(choice.results + "/results.db");
  if (!results) return tl::unexpected(results.error());
  const Result<ReportData> data = read_report_data(*results);
  if (!data) return tl::unexpected(data.error());
  const std::string page = choice.output.empty() ? choice.results + "/report.html" : choice.output;
  Result<void> done = write(page, report_page(report_document(*data, choice.results)));
  const std::vector<TestSuite> suites = test_suites(*data, choice.results);
  if (done && !choice.junit.empty()) done = write(choice.junit, junit_of(suites));
  if (done && !choice.ktap.empty()) done = write(choice.ktap, ktap_of(suites));
  return done;
}

}  // namespace

Action add_report(CLI::App& app) {
  auto choice = std::make_shared<ReportChoice>();
  CLI::App* command = app.add_subcommand("report", "Write a page of what was run and what came of it");
  command->add_option("--results", choice->results, "Folder that run wrote to")->capture_default_str();
  command->add_option("--output,-o", choice->output, "The page (default: report.html in that folder)");
  command->add_option("--junit", choice->junit, "Also write JUnit XML to this file");
  command->add_option("--ktap", choice->ktap, "Also write KTAP, for a kernel CI, to this file");
  return [choice] {
    const Result<void> written = write_report(*choice);
    return written ? exit_code::kHeld : report_error(written.error());
  };
}

}  // namespace treeline::cli

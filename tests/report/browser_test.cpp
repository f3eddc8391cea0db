#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "report/report_document.h"
#include "tests/report/report_world.h"

/// What a browser makes of the page. Skipped where there is none: Debian's is the package `chromium`.
namespace treeline::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

bool has_chromium() { return std::system("command -v chromium >/dev/null 2>&1") == 0; }

/// The page as the browser holds it after its scripts have run, and what it said of it.
struct Opened {
  std::string dom;
  std::string said;
};

Opened open_in_chromium(const ReportWorld& world, const std::string& page) {
  const std::string path = world.folder() + "/report.html";
  std::ofstream(path) << page;
  // High enough for every chart to come into sight.
  const std::string command = fmt::format(
      "timeout 120 chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-extensions "
      "--user-data-dir={0}/profile --enable-logging=stderr --window-size=1200,20000 "
      "--virtual-time-budget=5000 --dump-dom file://{0}/report.html >{0}/dom 2>{0}/said",
      world.folder());
  EXPECT_EQ(std::system(command.c_str()), 0) << read_file(world.folder() + "/said");
  return {read_file(world.folder() + "/dom"), read_file(world.folder() + "/said")};
}

/// The figures of the rows that begin so: `<td data-figure="NAME" …>VALUE</td>`.
std::map<std::string, std::string> figures_in(const std::string& dom, const std::string& row) {
  const size_t from = dom.find(row);
  EXPECT_NE(from, std::string::npos) << row;
  if (from == std::string::npos) return {};
  const std::string text = dom.substr(from, dom.find("</tr>", from) - from);
  static const std::regex kFigure("<td data-figure=\"([a-z_]+)\"[^>]*>([^<]*)</td>");
  std::map<std::string, std::string> figures;
  for (std::sregex_iterator found(text.begin(), text.end(), kFigure), end; found != end; ++found) {
    figures[found->str(1)] = found->str(2);
  }
  return figures;
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

class BrowserTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_chromium()) GTEST_SKIP() << "there is no chromium here: apt-get install chromium";
  }
  ReportWorld world_;
};

TEST_F(BrowserTest, ShowsTheFiguresOfTheDatabaseWithoutAnError) {
  world_.add_many(2'500);
  world_.begin_run("Lab/debian-6.12/v2", kNoon + 3 * kDay, "memory-ancestor-unset");
  world_.add_failure("memory", memory_failure());
  const Opened opened = open_in_chromium(world_, report_page(world_.document()));
  EXPECT_THAT(opened.said, Not(HasSubstr("CONSOLE"))) << opened.said;
  EXPECT_THAT(opened.dom, HasSubstr("data-ready=\"true\""));
  const ReportData data = world_.data();
  for (const PropertyCount& count : data.counts) {
    const Subject& subject = data.subjects[count.subject];
    const auto figures = figures_in(opened.dom, fmt::format("<tr data-subject=\"{}\" data-property=\"{}\">",
                                                            count.subject, count.property));
    const auto asked = [&](const std::string& what) {
      return world_.ask(fmt::format(
          "SELECT {} FROM scenarios s JOIN properties p ON p.id = s.property JOIN runs r ON r.id = s.run "
          "LEFT JOIN "
          "margins m ON m.scenario = s.id WHERE p.name = '{}' AND r.kernel = {} AND r.fault = '{}'",
          what, count.property, subject.kernel, subject.fault));
    };
    const std::map<std::string, std::string> expected{
        {"scenarios", asked("count(DISTINCT s.id)")},
        {"errors", asked("count(DISTINCT CASE WHEN s.status IS NULL THEN s.id END)")},
        {"held", asked("sum(m.held)")},
        {"violated", asked("sum(m.violated)")},
        {"inconclusive", asked("sum(m.inconclusive)")}};
    EXPECT_EQ(figures, expected) << count.property;
  }
  EXPECT_EQ(figures_in(opened.dom, "<tr data-property=\"all\">")["scenarios"], "2501");
  for (const InvariantRow& row : data.invariants) {
    auto figures = figures_in(opened.dom, fmt::format("<tr data-invariant=\"{}\" data-subject=\"{}\">",
                                                      row.invariant, row.subject));
    const std::string where = fmt::format(
        " FROM margins m JOIN invariants i ON i.id = m.invariant JOIN scenarios s ON s.id = m.scenario JOIN "
        "runs r "
        "ON r.id = s.run WHERE i.name = '{}' AND r.kernel = {} AND r.fault = '{}'",
        row.invariant, data.subjects[row.subject].kernel, data.subjects[row.subject].fault);
    EXPECT_EQ(figures["held"], world_.ask("SELECT sum(m.held)" + where));
    EXPECT_EQ(figures["violated"], world_.ask("SELECT sum(m.violated)" + where));
    EXPECT_EQ(figures["inconclusive"], world_.ask("SELECT sum(m.inconclusive)" + where));
    const std::string worst = world_.ask("SELECT max(m.worst)" + where);
    EXPECT_EQ(figures["worst"], fmt::format("{:.4g}", std::stod(worst))) << row.invariant;
  }
}

TEST_F(BrowserTest, DrawsTheTreesTheChartsAndTheCommandOfAFailure) {
  world_.begin_run("Lab/debian-6.12/v2");
  world_.add_failure("memory", memory_failure());
  const Opened opened = open_in_chromium(world_, report_page(world_.document()));
  EXPECT_THAT(opened.said, Not(HasSubstr("CONSOLE"))) << opened.said;
  const size_t failure = opened.dom.find("<article class=\"failure\" data-failure=\"1\">");
  ASSERT_NE(failure, std::string::npos);
  const std::string article = opened.dom.substr(failure, opened.dom.find("</article>", failure) - failure);
  EXPECT_THAT(article, HasSubstr("<code>treeline replay " + world_.folder() + "/failures/1.json</code>"));
  EXPECT_THAT(article, HasSubstr("Copy</button>"));
  EXPECT_EQ(count_of(article, "<ul class=\"tree\">"), 2u);
  EXPECT_EQ(count_of(article, "node bad"), 1u);
  EXPECT_THAT(article, HasSubstr("<span class=\"why\">memory.max: 10 MiB, bound 8.03125</span>"));
  EXPECT_THAT(article, HasSubstr("role=\"img\" aria-label=\"memory over "));
  EXPECT_THAT(article, HasSubstr("<canvas"));
  EXPECT_THAT(article, HasSubstr("at 30 ms: freeze t/child"));
  // One chart of usage, and one of the margins of the one invariant.
  EXPECT_EQ(count_of(opened.dom, "<canvas"), 2u);
}

TEST_F(BrowserTest, ReadsNoTextAsHtml) {
  const std::string evil = "</script><img src=x onerror=console.error(1)>";
  world_.begin_run(evil);
  Counterexample failure = memory_failure();
  failure.verdict->findings[0].sentence = evil;
  failure.observation->health.log = {evil};
  failure.machine = evil;
  world_.add_failure(evil, failure);
  const Opened opened = open_in_chromium(world_, report_page(world_.document()));
  EXPECT_THAT(opened.said, Not(HasSubstr("CONSOLE"))) << opened.said;
  EXPECT_THAT(opened.dom, Not(HasSubstr("<img")));
  EXPECT_THAT(opened.dom, HasSubstr("data-ready=\"true\""));
}

TEST_F(BrowserTest, ShowsAnEmptyDatabase) {
  const Opened opened = open_in_chromium(world_, report_page(world_.document()));
  EXPECT_THAT(opened.said, Not(HasSubstr("CONSOLE"))) << opened.said;
  EXPECT_THAT(opened.dom, HasSubstr("No scenario was run."));
}

}  // namespace
}  // namespace treeline::testing

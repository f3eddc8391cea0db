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

/// What a browser makes of the page. Skipped where there is none.
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
      "timeout 300 chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-extensions "
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

/// Of the first element that has it.
std::string attribute_in(const std::string& dom, const std::string& name) {
  const std::string mark = " " + name + "=\"";
  const size_t from = dom.find(mark);
  if (from == std::string::npos) return "";
  return dom.substr(from + mark.size(), dom.find('"', from + mark.size()) - from - mark.size());
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

class BrowserTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_chromium()) GTEST_SKIP() << "there is no chromium here; scripts/setup --tests installs it";
  }
  /// The page with a script that runs after its own.
  std::string page_with(const std::string& script) {
    std::string page = report_page(world_.document());
    page.insert(
        page.rfind("</body>"),
        "<script>const openAll = () => document.querySelectorAll('details').forEach(box => { box.open = "
        "true; }); const root = document.documentElement; " +
            script + "</script>");
    return page;
  }

  ReportWorld world_;
};

TEST_F(BrowserTest, ShowsTheFiguresOfTheDatabaseWithoutAnError) {
  world_.add_many(2'500);
  world_.begin_run("Lab/debian-6.12/v2", kNoon + 3 * kDay, "memory-ancestor-unset");
  world_.add_failure("memory", memory_failure());
  const Opened opened = open_in_chromium(world_, report_page(world_.document()));
  EXPECT_THAT(opened.said, Not(HasSubstr("CONSOLE"))) << opened.said;
  EXPECT_EQ(attribute_in(opened.dom, "data-ready"), "true");
  const ReportData data = world_.data();
  for (const PropertyCount& count : data.counts) {
    const ReportedKernel& subject = data.subjects[count.subject];
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
    EXPECT_TRUE(figures.contains("drift")) << row.invariant;
    const std::string worst = world_.ask("SELECT max(m.worst)" + where);
    EXPECT_EQ(figures["worst"], fmt::format("{:.4g}", std::stod(worst))) << row.invariant;
  }
}

TEST_F(BrowserTest, WouldSeeAnErrorOfAPage) {
  const Opened opened = open_in_chromium(world_, "<script>undefined.x</script>");
  EXPECT_THAT(opened.said, HasSubstr("CONSOLE"));
}

TEST_F(BrowserTest, DrawsTheTreesTheChartsAndTheCommandOfAFailure) {
  world_.begin_run("Lab/debian-6.12/v2");
  world_.add_failure("memory", memory_failure());
  const Opened opened = open_in_chromium(world_, page_with("openAll()"));
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
  EXPECT_THAT(article, HasSubstr("<pre>WARNING: at mm/memcontrol.c:1 &lt;b&gt;</pre>"));
  // The chart's readings: 20, and one at each end.
  EXPECT_EQ(count_of(article, "<tr><th scope=\"row\">"), 22u);
  // One chart of usage, and one of the margins of the one invariant.
  EXPECT_EQ(count_of(opened.dom, "<canvas"), 2u);
  EXPECT_EQ(count_of(opened.dom, "data-figure=\"drift\""), 0u) << "there was no search before";
}

TEST_F(BrowserTest, FitsAPhone) {
  world_.add_many(1'500);
  world_.begin_run("Lab/debian-6.12/v2", kNoon + 3 * kDay, "memory-ancestor-unset");
  world_.add_failure("memory", memory_failure());
  // A window is never as narrow, but a frame is.
  std::ofstream(world_.folder() + "/framed.html") << page_with(
      "openAll(); setTimeout(() => parent.postMessage(root.scrollWidth + ' of ' + innerWidth, '*'), 1000);");
  const Opened opened = open_in_chromium(
      world_,
      "<iframe src=framed.html width=360 height=20000 scrolling=no style=border:0></iframe><script>"
      "addEventListener('message', said => { document.documentElement.dataset.width = said.data; "
      "});</script>");
  EXPECT_THAT(opened.said, Not(HasSubstr("CONSOLE")));
  EXPECT_EQ(attribute_in(opened.dom, "data-width"), "360 of 360");
}

TEST_F(BrowserTest, CopiesOrSelectsTheCommand) {
  world_.begin_run("Host");
  world_.add_failure("memory", memory_failure());
  const Opened opened = open_in_chromium(
      world_,
      page_with("document.querySelector('.command button').click(); setTimeout(() => { root.dataset.said = "
                "document.getElementById('said').textContent; root.dataset.chosen = String(getSelection()); "
                "}, 1000);"));
  EXPECT_THAT(opened.said, Not(HasSubstr("CONSOLE"))) << opened.said;
  EXPECT_TRUE(attribute_in(opened.dom, "data-said") == "The command was copied." ||
              attribute_in(opened.dom, "data-chosen").starts_with("treeline replay "));
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
  EXPECT_EQ(count_of(opened.dom, "<img"), 0u);
  EXPECT_EQ(attribute_in(opened.dom, "data-ready"), "true");
}

TEST_F(BrowserTest, ShowsAnEmptyDatabase) {
  const Opened opened = open_in_chromium(world_, report_page(world_.document()));
  EXPECT_THAT(opened.said, Not(HasSubstr("CONSOLE"))) << opened.said;
  EXPECT_EQ(count_of(opened.dom, "<p>No scenario was run.</p>"), 1u);
}

}  // namespace
}  // namespace treeline::testing

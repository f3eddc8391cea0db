#include "report/report_document.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/report/report_world.h"

namespace treeline::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr size_t kMaxPageBytes = 3 << 20;

/// What the page holds, as a browser would take it.
Json document_in(const std::string& page) {
  const std::string mark = "<script type=\"application/json\" id=\"document\">";
  const size_t from = page.find(mark);
  const size_t to = page.find("</script>", from);
  EXPECT_NE(to, std::string::npos);
  return Json::parse(page.substr(from + mark.size(), to - from - mark.size()));
}

std::string condition_on(const Json& document, const Json& subject) {
  const Json& found = document["subjects"][subject.get<size_t>()];
  return fmt::format("k.machine = '{}' AND r.fault = '{}'", found["machine"].get<std::string>(),
                     found["fault"].get<std::string>());
}

TEST(ReportDocumentTest, FiguresOfTenThousandScenariosEqualTheDatabaseAndFitIntoThreeMegabytes) {
  ReportWorld world;
  world.add_many(10'000);
  const std::string page = report_page(world.document());
  EXPECT_LE(page.size(), kMaxPageBytes);
  const Json document = document_in(page);
  EXPECT_EQ(document["totals"]["scenarios"], 10'000);
  int64_t scenarios = 0;
  for (const Json& count : document["counts"]) {
    const std::string where = fmt::format(
        " FROM scenarios s JOIN properties p ON p.id = s.property JOIN runs r ON r.id = s.run JOIN kernels k "
        "ON k.id = r.kernel LEFT JOIN margins m ON m.scenario = s.id WHERE p.name = '{}' AND {}",
        count["property"].get<std::string>(), condition_on(document, count["subject"]));
    const auto asked = [&](const std::string& what) {
      return std::stoll(world.ask("SELECT " + what + where));
    };
    EXPECT_EQ(count["held"], asked("sum(m.held)"));
    EXPECT_EQ(count["violated"], asked("sum(m.violated)"));
    EXPECT_EQ(count["inconclusive"], asked("sum(m.inconclusive)"));
    EXPECT_EQ(count["scenarios"], asked("count(DISTINCT s.id)"));
    EXPECT_EQ(count["violated_scenarios"], asked("count(DISTINCT CASE s.status WHEN 3 THEN s.id END)"));
    EXPECT_EQ(count["errors"], asked("count(DISTINCT CASE WHEN s.status IS NULL THEN s.id END)"));
    scenarios += count["scenarios"].get<int64_t>();
  }
  EXPECT_EQ(scenarios, 10'000);
  size_t rows = 0;
  for (const Json& invariant : document["invariants"]) {
    for (const Json& row : invariant["rows"]) {
      ++rows;
      const std::string where = fmt::format(
          " FROM margins m JOIN invariants i ON i.id = m.invariant JOIN scenarios s ON s.id = m.scenario "
          "JOIN runs r ON r.id = s.run JOIN kernels k ON k.id = r.kernel WHERE i.name = '{}' AND {}",
          invariant["name"].get<std::string>(), condition_on(document, row["subject"]));
      const auto asked = [&](const std::string& what) {
        return std::stod(world.ask("SELECT " + what + where));
      };
      EXPECT_EQ(row["held"], asked("sum(m.held)"));
      EXPECT_EQ(row["violated"], asked("sum(m.violated)"));
      EXPECT_EQ(row["inconclusive"], asked("sum(m.inconclusive)"));
      EXPECT_EQ(row["margins"]["scenarios"], asked("count(m.worst)"));
      EXPECT_EQ(row["margins"]["worst"], asked("max(m.worst)"));
      int64_t binned = 0, above = 0, told = 0;
      for (size_t bin = 0; bin < row["bins"].size(); ++bin) {
        binned += row["bins"][bin].get<int64_t>();
        if (bin >= kFirstViolated) above += row["bins"][bin].get<int64_t>();
      }
      EXPECT_EQ(binned, asked("count(m.worst)"));
      EXPECT_EQ(above, asked("count(CASE WHEN m.worst > 1 THEN 1 END)"));
      for (const Json& period : row["periods"]["scenarios"]) told += period.get<int64_t>();
      EXPECT_EQ(told, asked("count(m.worst)"));
    }
  }
  EXPECT_EQ(rows,
            std::stoull(world.ask("SELECT count(*) FROM (SELECT DISTINCT invariant, kernel FROM margins m "
                                  "JOIN scenarios s ON s.id = m.scenario JOIN runs r ON r.id = s.run)")));
}

TEST(ReportDocumentTest, EscapesWhateverTheTextsAre) {
  ReportWorld world;
  const std::string evil = "</script><script>alert(1)</script><!--&\"'";
  world.begin_run(evil);
  Counterexample failure = memory_failure();
  failure.observation->health.log = {evil + "\xFF\x01"};
  failure.machine = evil;
  world.add_failure(evil, failure);
  const std::string page = report_page(world.document());
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
  EXPECT_THAT(page, Not(HasSubstr("<!--")));
  const Json document = document_in(page);
  EXPECT_EQ(document["subjects"][0]["machine"], evil);
  EXPECT_EQ(document["counts"][0]["property"], evil);
  EXPECT_EQ(document["failures"][0]["details"]["machine"], evil);
  EXPECT_EQ(document["failures"][0]["details"]["health"]["log"][0], evil + "\xEF\xBF\xBD\x01");
}

TEST(ReportDocumentTest, TellsAllOfAFailure) {
  ReportWorld world;
  world.begin_run("Lab/debian-6.12/v2", kNoon, "memory-ancestor-unset");
  Counterexample failure = memory_failure();
  failure.provenance->fault = "memory-ancestor-unset";
  failure.observation->nodes[0].run_delay = {7, 1'000'000, 2'000'000, 3'500'000};
  world.add_failure("memory", failure);
  const Json document = Json::parse(world.document());
  const Json& told = document["failures"][0];
  EXPECT_EQ(told["command"],
            "treeline replay " + world.folder() + "/failures/1.json --fault memory-ancestor-unset");
  EXPECT_EQ(told["title"], "memory.max (memory, v2), with the planted fault memory-ancestor-unset");
  EXPECT_EQ(told["violated"], 4);
  const Json& details = told["details"];
  EXPECT_FALSE(details.contains("trouble"));
  EXPECT_EQ(details["sentence"], "most memory charged to t: 10 MiB where at most 8.03125 is allowed");
  EXPECT_EQ(details["minimal"]["nodes"][0]["limits"], Json::array({"memory.max=8 MiB"}));
  EXPECT_EQ(details["minimal"]["nodes"][0]["note"], "memory.max: 10 MiB, bound 8.03125");
  EXPECT_FALSE(details["minimal"]["nodes"][1].contains("note"));
  EXPECT_EQ(details["minimal"]["nodes"][1]["workers"], Json::array({"memory hog 9 MiB anonymous"}));
  EXPECT_EQ(details["minimal"]["then"][0], "at 30 ms freeze t/child");
  EXPECT_EQ(details["original"]["nodes"][2]["name"], "as-drawn");
  EXPECT_EQ(details["health"]["taint_after"], 512);
  EXPECT_EQ(details["environment"][1], Json::array({"cgroup", "v2"}));
  EXPECT_EQ(details["chart"]["series"][0]["label"], "t");
  ASSERT_EQ(details["latency"].size(), 1u);
  EXPECT_EQ(details["latency"][0]["what"], "run delay");
  EXPECT_EQ(details["latency"][0]["max_ms"], 3.5);
  EXPECT_TRUE(details["fairness"].empty());
}

TEST(ReportDocumentTest, FallsBackToTheFolderAndThenToTheDatabaseForAFileThatIsGone) {
  ReportWorld world;
  world.begin_run("Host");
  const Counterexample failure = memory_failure();
  world.add_failure("memory", failure);
  ASSERT_TRUE(world.results().database().execute("UPDATE sightings SET file = 'elsewhere/failures/1.json'"));
  Json told = Json::parse(world.document())["failures"][0];
  EXPECT_EQ(told["file"], world.folder() + "/failures/1.json");
  EXPECT_FALSE(told["details"].contains("trouble"));
  ASSERT_TRUE(world.results().database().execute("UPDATE sightings SET file = 'elsewhere/gone.json'"));
  told = Json::parse(world.document())["failures"][0];
  EXPECT_THAT(told["details"]["trouble"].get<std::string>(), HasSubstr("elsewhere/gone.json"));
  EXPECT_EQ(told["details"]["minimal"]["nodes"][1]["name"], "child");
}

TEST(ReportDocumentTest, FindsAFileOfAMovedNightBelowItsMachine) {
  ReportWorld world;
  world.begin_run("Host");
  const Counterexample failure = memory_failure();
  world.add_failure("memory", failure);
  const std::string failures = world.folder() + "/failures/";
  std::filesystem::create_directory(failures + "Lab_a");
  // The same name in another folder is another failure.
  std::filesystem::copy_file(failures + "1.json", failures + "Lab_a/1.json");
  ASSERT_TRUE(
      world.results().database().execute("UPDATE sightings SET file = 'elsewhere/failures/Lab_a/1.json'"));
  const Json told = Json::parse(world.document())["failures"][0];
  EXPECT_EQ(told["file"], failures + "Lab_a/1.json");
  EXPECT_FALSE(told["details"].contains("trouble"));
}

TEST(ReportDocumentTest, ManyGreatFailuresFitIntoThreeMegabytesAndEachIsNamed) {
  ReportWorld world;
  world.begin_run("Host");
  constexpr int kFailures = 100;
  for (int i = 0; i < kFailures; ++i) {
    Counterexample failure = memory_failure(5'000);
    failure.scenario.tree.nodes[0].limits[Knob::PidsMax] = Amount{100 + i};
    failure.observation->health.log.assign(1'000, std::string(1'000, 'x'));
    while (failure.original->tree.size() < kMaxNodes) {
      failure.original->tree.nodes.push_back(
          {fmt::format("{:032}", failure.original->tree.size()), kRoot, {{Knob::PidsMax, Amount{3}}}});
    }
    world.add_failure("memory", failure);
  }
  const std::string page = report_page(world.document());
  EXPECT_LE(page.size(), kMaxPageBytes);
  const Json failures = document_in(page)["failures"];
  ASSERT_EQ(failures.size(), static_cast<size_t>(kFailures));
  EXPECT_TRUE(failures.front().contains("details"));
  EXPECT_FALSE(failures.back().contains("details"));
  EXPECT_THAT(failures.back()["command"].get<std::string>(), HasSubstr("treeline replay "));
}

}  // namespace
}  // namespace treeline::testing

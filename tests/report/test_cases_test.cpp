#include "report/test_cases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <sstream>

#include "tests/report/report_world.h"

namespace treeline::testing {
namespace {

using ::testing::HasSubstr;

/// Elements, as they begin, of XML that is well formed by a strict reading: one root, every element closed in
/// turn, attributes in double quotes, no bare '<', '>' or '&', no control character.
std::vector<std::string> elements_of(const std::string& xml) {
  static const std::regex kTag(R"re(<(/?)([a-z]+)((?: [a-z]+="[^"<>]*")*)(/?)>|[^<>]+)re");
  static const std::regex kBadReference("&(?!amp;|lt;|gt;|quot;|#10;)");
  const std::string head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  EXPECT_EQ(xml.substr(0, head.size()), head);
  EXPECT_FALSE(std::regex_search(xml, kBadReference));
  for (const char c : xml) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
  std::vector<std::string> begun, open;
  size_t at = head.size();
  std::smatch token;
  const std::string body = xml.substr(head.size());
  auto from = body.cbegin();
  while (from != body.cend() &&
         std::regex_search(from, body.cend(), token, kTag, std::regex_constants::match_continuous)) {
    from = token[0].second;
    at += static_cast<size_t>(token.length(0));
    if (!token[2].matched) {
      EXPECT_TRUE(!open.empty() || token.str(0) == "\n") << "text outside of the root";
      continue;
    }
    if (token.length(1) > 0) {
      EXPECT_FALSE(open.empty() || open.back() != token.str(2)) << "closes " << token.str(2);
      if (!open.empty()) open.pop_back();
      continue;
    }
    EXPECT_TRUE(!open.empty() || begun.empty()) << "a second root";
    begun.push_back(token.str(2) + token.str(3));
    if (token.length(4) == 0) open.push_back(token.str(2));
  }
  EXPECT_EQ(at, xml.size()) << "not well formed at: " << xml.substr(at, 80);
  EXPECT_TRUE(open.empty());
  return begun;
}

/// Every outcome, on two kernels.
void fill(ReportWorld& world) {
  world.begin_run("Lab/a/v2");
  world.add("held", Status::Held, 0.5);
  world.add("held", nullptr);
  world.add("inconclusive", Status::Inconclusive, 0);
  world.add("trouble", nullptr);
  world.add_failure("memory", memory_failure());
  world.add("unpursued", Status::Violated, 1.5);
  Counterexample flaky = memory_failure();
  flaky.flaky = true;
  world.add_failure("flaky", flaky);
  world.add("flaky", Status::Held, 0.5);
  world.begin_run("Host");
  world.add("held", Status::Held, 0.5);
}

TEST(TestCasesTest, SayWhatCameOfEachPropertyOnEachKernel) {
  ReportWorld world;
  fill(world);
  const std::vector<TestSuite> suites = test_suites(world.data(), world.folder());
  ASSERT_EQ(suites.size(), 2u);
  EXPECT_EQ(suites[0].name, "Host (Linux 6.12.0-fake, cgroup v1)");
  std::map<std::string, TestCase> cases;
  for (const TestCase& one : suites[1].cases) cases[one.count.property] = one;
  using Outcome = TestCase::Outcome;
  EXPECT_EQ(cases["held"].outcome, Outcome::Passed);
  EXPECT_EQ(cases["inconclusive"].outcome, Outcome::Skipped);
  EXPECT_EQ(cases["trouble"].outcome, Outcome::Error);
  EXPECT_EQ(cases["memory"].outcome, Outcome::Failed);
  ASSERT_EQ(cases["memory"].failures.size(), 1u);
  EXPECT_EQ(cases["memory"].failures[0].command, "treeline replay " + world.folder() + "/failures/1.json");
  EXPECT_EQ(cases["unpursued"].outcome, Outcome::Failed);
  EXPECT_THAT(cases["unpursued"].message, HasSubstr("none of them was pursued"));
  EXPECT_EQ(cases["flaky"].outcome, Outcome::Passed);
}

TEST(JunitTest, IsWellFormedAndCountsWhatItHolds) {
  ReportWorld world;
  fill(world);
  const std::string xml = junit_of(test_suites(world.data(), world.folder()));
  const std::vector<std::string> elements = elements_of(xml);
  EXPECT_EQ(elements.front(),
            "testsuites name=\"treeline\" tests=\"7\" failures=\"2\" errors=\"1\" skipped=\"1\"");
  const auto count = [&](const std::string& begin) {
    return std::count_if(elements.begin(), elements.end(),
                         [&](const std::string& element) { return element.starts_with(begin); });
  };
  EXPECT_EQ(count("testsuite "), 2);
  EXPECT_EQ(count("testcase "), 7);
  EXPECT_EQ(count("failure message=\"memory.max (memory, v2)\" type=\"violated\""), 1);
  EXPECT_EQ(count("failure "), 2);
  EXPECT_EQ(count("skipped "), 1);
  EXPECT_EQ(count("error "), 1);
  EXPECT_THAT(xml, HasSubstr("again: treeline replay " + world.folder() + "/failures/1.json"));
}

TEST(JunitTest, EscapesWhateverTheNamesAre) {
  ReportWorld world;
  world.begin_run("<a href=\"x\">&\x01\n\xFF");
  world.add("]]><b>'", Status::Violated, 1.5);
  const std::vector<std::string> elements = elements_of(junit_of(test_suites(world.data(), world.folder())));
  EXPECT_THAT(elements.at(1), HasSubstr("&lt;a href=&quot;x&quot;&gt;&amp; &#10;\xEF\xBF\xBD"));
}

/// Lines of KTAP that holds to the specification: a version, a plan, and as many results as that says,
/// numbered in turn; diagnostics begin with '#', and a subtest is indented by two.
class KtapReader {
 public:
  explicit KtapReader(const std::string& text) : in_(text) {}
  /// Results by name: "ok", "not ok", "SKIP", "ERROR".
  std::map<std::string, std::string> read() {
    read_test("");
    std::string rest;
    EXPECT_FALSE(std::getline(in_, rest)) << rest;
    return std::move(results_);
  }

 private:
  std::string next(const std::string& indent) {
    std::string line;
    EXPECT_TRUE(std::getline(in_, line)) << "it ends too early";
    EXPECT_TRUE(line.starts_with(indent)) << line;
    return line.substr(std::min(indent.size(), line.size()));
  }
  void read_test(const std::string& indent) {
    static const std::regex kResult("(ok|not ok) ([0-9]+) ([^#]*[^# ])(?: # (SKIP|ERROR)( [^#]+)?)?");
    int planned = -1;
    std::string line = next(indent);
    while (line.starts_with("#")) line = next(indent);
    ASSERT_TRUE(line.starts_with("1..")) << line;
    planned = std::stoi(line.substr(3));
    for (int number = 1; number <= planned;) {
      line = next(indent);
      if (line == "  KTAP version 1") {
        read_test(indent + "  ");
        continue;
      }
      if (line.starts_with("# ")) continue;
      std::smatch result;
      ASSERT_TRUE(std::regex_match(line, result, kResult)) << line;
      EXPECT_EQ(result.str(2), std::to_string(number));
      EXPECT_TRUE(
          results_.emplace(indent + result.str(3), result.length(4) > 0 ? result.str(4) : result.str(1))
              .second);
      ++number;
    }
  }

  std::istringstream in_;
  std::map<std::string, std::string> results_;
};

std::map<std::string, std::string> results_in(const std::string& ktap) {
  const std::string version = "KTAP version 1\n";
  EXPECT_TRUE(ktap.starts_with(version));
  return KtapReader(ktap.substr(version.size())).read();
}

TEST(KtapTest, GivesEachOutcomeItsResult) {
  ReportWorld world;
  world.begin_run("Lab/a/v2");
  world.add("held", Status::Held, 0.5);
  world.add("inconclusive", Status::Inconclusive, 0);
  world.add("trouble", nullptr);
  world.add_failure("memory", memory_failure());
  world.begin_run("Host");
  world.add("nothing", Status::Inconclusive, 0);
  const std::string ktap = ktap_of(test_suites(world.data(), world.folder()));
  EXPECT_THAT(ktap, HasSubstr("  # again: treeline replay " + world.folder() + "/failures/1.json\n"));
  EXPECT_THAT(ktap, HasSubstr("  # Subtest: Lab/a/v2 (Linux 6.12.0-fake, cgroup v1)\n  1..4\n"));
  const std::map<std::string, std::string> expected{{"Host (Linux 6.12.0-fake, cgroup v1)", "SKIP"},
                                                    {"Lab/a/v2 (Linux 6.12.0-fake, cgroup v1)", "not ok"},
                                                    {"  held", "ok"},
                                                    {"  inconclusive", "SKIP"},
                                                    {"  trouble", "ERROR"},
                                                    {"  memory", "not ok"},
                                                    {"  nothing", "SKIP"}};
  EXPECT_EQ(results_in(ktap), expected);
}

TEST(KtapTest, KeepsNamesInOneLineAndFreeOfDirectives) {
  ReportWorld world;
  world.begin_run("a # SKIP\nok 2 b");
  world.add("p # TODO\n", Status::Violated, 1.5);
  const auto results = results_in(ktap_of(test_suites(world.data(), world.folder())));
  EXPECT_EQ(results.size(), 2u);
  for (const auto& [name, result] : results) EXPECT_EQ(result, "not ok") << name;
}

TEST(KtapTest, OfNothingIsAnEmptyPlan) {
  ReportWorld world;
  EXPECT_TRUE(results_in(ktap_of(test_suites(world.data(), world.folder()))).empty());
  EXPECT_EQ(elements_of(junit_of(test_suites(world.data(), world.folder()))).size(), 1u);
}

}  // namespace
}  // namespace treeline::testing

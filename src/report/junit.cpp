#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/test_cases.h"

namespace treeline {

namespace {

/// For text and attributes. XML 1.0 has no way to write most control characters, nor what is no UTF-8.
std::string escaped(const std::string& text) {
  using Json = nlohmann::json;
  const std::string valid =
      Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
  std::string result;
  for (const char c : valid) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\n':
        result += "&#10;";
        break;
      default:
        result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return result;
}

std::string body_of(const TestCase& one) {
  const std::string message = escaped(one.message);
  switch (one.outcome) {
    case TestCase::Outcome::Passed:
      return "";
    case TestCase::Outcome::Skipped:
      return fmt::format("      <skipped message=\"{}\"/>\n", message);
    case TestCase::Outcome::Error:
      return fmt::format("      <error message=\"{}\" type=\"infrastructure\"/>\n", message);
    case TestCase::Outcome::Failed:
      break;
  }
  std::string text = one.message;
  for (const TestCase::Failure& failure : one.failures) {
    text += fmt::format("\n{}\nagain: {}", failure.title, failure.command);
  }
  const std::string& title = one.failures.empty() ? one.message : one.failures.front().title;
  return fmt::format("      <failure message=\"{}\" type=\"violated\">{}</failure>\n", escaped(title),
                     escaped(text));
}

std::string counts_of(const TestSuite& suite, size_t tests) {
  return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"", tests,
                     suite.count(TestCase::Outcome::Failed), suite.count(TestCase::Outcome::Error),
                     suite.count(TestCase::Outcome::Skipped));
}

}  // namespace

std::string junit_of(const std::vector<TestSuite>& suites) {
  TestSuite all;
  std::string text;
  for (const TestSuite& suite : suites) {
    const std::string name = escaped(suite.name);
    double seconds = 0;
    std::string cases;
    for (const TestCase& one : suite.cases) {
      seconds += one.count.seconds;
      cases += fmt::format("    <testcase name=\"{}\" classname=\"{}\" time=\"{:.3f}\">\n{}    </testcase>\n",
                           escaped(one.count.property), name, one.count.seconds, body_of(one));
    }
    text += fmt::format("  <testsuite name=\"{}\" {} time=\"{:.3f}\">\n{}  </testsuite>\n", name,
                        counts_of(suite, suite.cases.size()), seconds, cases);
    all.cases.insert(all.cases.end(), suite.cases.begin(), suite.cases.end());
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"treeline\" {}>\n{}</testsuites>\n",
      counts_of(all, all.cases.size()), text);
}

}  // namespace treeline

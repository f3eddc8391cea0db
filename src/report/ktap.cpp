#include <fmt/format.h>

#include <algorithm>

#include "report/test_cases.h"

namespace treeline {

namespace {

/// A description holds neither '#' nor a line's end, nor then does a diagnostic line.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '#' || static_cast<unsigned char>(c) < 0x20; }, '_');
  return text;
}

std::string result_line(size_t number, const TestCase& one) {
  const std::string name = one_line(one.count.property);
  const std::string message = one_line(one.message);
  switch (one.outcome) {
    case TestCase::Outcome::Passed:
      return fmt::format("ok {} {}\n", number, name);
    case TestCase::Outcome::Skipped:
      return fmt::format("ok {} {} # SKIP {}\n", number, name, message);
    case TestCase::Outcome::Error:
      return fmt::format("not ok {} {} # ERROR {}\n", number, name, message);
    case TestCase::Outcome::Failed:
      break;
  }
  return fmt::format("not ok {} {}\n", number, name);
}

}  // namespace

std::string ktap_of(const std::vector<TestSuite>& suites) {
  std::string text = fmt::format("KTAP version 1\n1..{}\n", suites.size());
  size_t number = 0;
  for (const TestSuite& suite : suites) {
    const std::string name = one_line(suite.name);
    text += fmt::format("  KTAP version 1\n  # Subtest: {}\n  1..{}\n", name, suite.cases.size());
    for (size_t i = 0; i < suite.cases.size(); ++i) {
      const TestCase& one = suite.cases[i];
      const PropertyCount& count = one.count;
      text += fmt::format("  # {} scenarios: {} checks held, {} violated, {} inconclusive; {} errors\n",
                          count.scenarios, count.held, count.violated, count.inconclusive, count.errors);
      for (const TestCase::Failure& failure : one.failures) {
        text += fmt::format("  # {}\n  # again: {}\n", one_line(failure.title), one_line(failure.command));
      }
      text += "  " + result_line(i + 1, one);
    }
    const auto has = [&](TestCase::Outcome outcome) { return suite.count(outcome) > 0; };
    const bool failed = has(TestCase::Outcome::Failed) || has(TestCase::Outcome::Error);
    const bool skipped = !failed && !has(TestCase::Outcome::Passed);
    text += fmt::format("{} {} {}{}\n", failed ? "not ok" : "ok", ++number, name,
                        skipped ? " # SKIP nothing was shown" : "");
  }
  return text;
}

}  // namespace treeline

#pragma once

#include <string>
#include <vector>

#include "report/report_data.h"

namespace treeline {

/// One property on one kernel, as a test case of JUnit or KTAP.
struct TestCase {
  enum class Outcome : uint8_t { Passed, Failed, Skipped, Error };
  struct Failure {
    std::string title;
    std::string command;  ///< Replays it.
  };
  PropertyCount count;
  Outcome outcome = Outcome::Passed;
  std::string message;            ///< Why it did not pass; "" if it did.
  std::vector<Failure> failures;  ///< Where it failed.
};

/// All of a subject.
struct TestSuite {
  std::string name;
  std::vector<TestCase> cases;
  int count(TestCase::Outcome outcome) const;
};

/// Failed: a violation that came again, or was not pursued. Skipped: nothing held, so nothing was shown.
/// Error: nothing but infrastructure trouble. Flaky violations fail nothing, as in `treeline run`'s exit
/// code. Subjects without scenarios are left out.
std::vector<TestSuite> test_suites(const ReportData& data, const std::string& folder);

/// JUnit XML: a testsuite a kernel, a testcase a property, as gtest and `ctest --output-junit` write them.
std::string junit_of(const std::vector<TestSuite>& suites);

/// KTAP version 1 (Documentation/dev-tools/ktap.rst): a test a kernel, with a subtest a property.
std::string ktap_of(const std::vector<TestSuite>& suites);

}  // namespace treeline

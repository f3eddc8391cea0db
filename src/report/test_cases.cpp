#include "report/test_cases.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/failure_file.h"
#include "search/search.h"

namespace treeline {

namespace {

bool is_seen_in(const ReportData& data, const StoredFailure& failure, const PropertyCount& count) {
  return std::any_of(data.sightings.begin(), data.sightings.end(), [&](const Sighting& sighting) {
    return sighting.failure == failure.id && sighting.subject == count.subject &&
           sighting.property == count.property;
  });
}

TestCase test_case(const ReportData& data, const std::string& folder, const PropertyCount& count) {
  TestCase result;
  result.count = count;
  int64_t flaky = 0;
  for (const StoredFailure& failure : data.failures) {
    if (!is_seen_in(data, failure, count)) continue;
    if (failure.flaky) {
      ++flaky;
    } else {
      result.failures.push_back({title_of(failure.signature, failure.fault),
                                 replay_command(file_of(failure, folder), failure.fault)});
    }
  }
  if (!result.failures.empty() || (count.violated_scenarios > 0 && flaky == 0)) {
    result.outcome = TestCase::Outcome::Failed;
    result.message = fmt::format("{} of {} scenarios violated", count.violated_scenarios, count.scenarios);
    if (result.failures.empty()) result.message += ", and none of them was pursued";
  } else if (count.held > 0) {
    result.outcome = TestCase::Outcome::Passed;
  } else if (count.errors > 0) {
    result.outcome = TestCase::Outcome::Error;
    result.message =
        fmt::format("infrastructure trouble in {} of {} scenarios", count.errors, count.scenarios);
  } else {
    result.outcome = TestCase::Outcome::Skipped;
    result.message = fmt::format("no check of {} scenarios could have shown a violation", count.scenarios);
  }
  return result;
}

}  // namespace

int TestSuite::count(TestCase::Outcome outcome) const {
  return static_cast<int>(
      std::count_if(cases.begin(), cases.end(), [&](const TestCase& one) { return one.outcome == outcome; }));
}

std::vector<TestSuite> test_suites(const ReportData& data, const std::string& folder) {
  std::vector<TestSuite> suites;
  for (size_t subject = 0; subject < data.subjects.size(); ++subject) {
    TestSuite suite{name_of(data.subjects[subject]), {}};
    for (const PropertyCount& count : data.counts) {
      if (count.subject == subject) suite.cases.push_back(test_case(data, folder, count));
    }
    if (!suite.cases.empty()) suites.push_back(std::move(suite));
  }
  return suites;
}

}  // namespace treeline

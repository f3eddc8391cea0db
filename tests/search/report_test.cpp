#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/search/fake_machine.h"

namespace treeline::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// top ─ mid ─ deep, where mid exceeds its limit; the original had a sibling too.
Counterexample failure_at_mid() {
  Counterexample failure;
  failure.scenario.tree.nodes = {
      {"top", kNoParent, {}}, {"mid", 0, {{Knob::PidsMax, Amount{7}}}}, {"deep", 1, {}}};
  failure.scenario.workers = {{2, ForkStorm{9}}};
  failure.original = failure.scenario;
  failure.original->tree.nodes.push_back({"sibling", 0, {}});
  failure.provenance = Provenance{"pids", 42, 17, ""};
  failure.signature = Signature{"pids.max", Controller::Pids, "v1"};
  failure.verdict = Verdict{{{"pids.max", Controller::Pids, 1, Status::Violated, 7, 8, 8.0 / 7, "tasks",
                              "8 tasks where 7 are allowed"}}};
  failure.original_rate = {3, 4};
  failure.rate = {19, 20};
  failure.shrink_runs = 123;
  failure.minimum_proven = true;
  return failure;
}

/// The first line of `text` that contains `part`.
std::string line_with(const std::string& text, const std::string& part) {
  const size_t at = text.find(part);
  if (at == std::string::npos) return "";
  const size_t begin = text.rfind('\n', at) + 1;
  return text.substr(begin, text.find('\n', at) - begin);
}

TEST(Report, NamesTheInvariantAndSaysWhatWasAllowedAndSeen) {
  const std::string text = report(failure_at_mid(), "failures/x.json");
  EXPECT_THAT(text, HasSubstr("pids.max"));
  EXPECT_THAT(text, HasSubstr("8 tasks where 7 are allowed"));
}

TEST(Report, DrawsTheOriginalAndTheMinimalTree) {
  const std::string text = report(failure_at_mid(), "failures/x.json");
  EXPECT_THAT(text, HasSubstr("sibling"));
  const size_t first = text.find("deep");
  ASSERT_NE(first, std::string::npos);
  EXPECT_NE(text.find("deep", first + 1), std::string::npos) << "both trees have it";
}

TEST(Report, NotesBoundAndObservedValueAtTheViolatingNode) {
  const std::string line = line_with(report(failure_at_mid(), "x.json"), "◄");
  EXPECT_THAT(line, HasSubstr("mid"));
  EXPECT_THAT(line, HasSubstr("8"));
  EXPECT_THAT(line, HasSubstr("7"));
}

TEST(Report, GivesTheRatesBeforeAndAfter) {
  const std::string text = report(failure_at_mid(), "x.json");
  EXPECT_THAT(text, HasSubstr("19"));
  EXPECT_THAT(text, HasSubstr("20"));
  EXPECT_THAT(text, HasSubstr("123"));
}

TEST(Report, NamesTheMachineWhereItWasFound) {
  Counterexample failure = failure_at_mid();
  failure.machine = "Lab/debian-6.12/v2/2cpus";
  EXPECT_THAT(line_with(report(failure, "x.json"), "found by property"),
              HasSubstr("on Lab/debian-6.12/v2/2cpus"));
}

TEST(Report, GivesOneCommandThatReplaysTheFile) {
  EXPECT_THAT(report(failure_at_mid(), "failures/x.json"), HasSubstr("treeline replay failures/x.json"));
}

TEST(Report, TheCommandTurnsThePlantedFaultOnAgain) {
  Counterexample failure = failure_at_mid();
  failure.provenance->fault = "pids-off-by-one";
  EXPECT_THAT(line_with(report(failure, "x.json"), "treeline replay"), HasSubstr("--fault pids-off-by-one"));
}

TEST(Report, QuotesAFileNameThatAShellWouldSplit) {
  const std::string line = line_with(report(failure_at_mid(), "my results/x.json"), "treeline replay");
  EXPECT_THAT(line, ::testing::AnyOf(HasSubstr("'my results/x.json'"), HasSubstr("\"my results/x.json\"")));
}

TEST(Report, SaysWhetherTheMinimumIsProvenOrTheBudgetRanOut) {
  Counterexample failure = failure_at_mid();
  const std::string proven = report(failure, "x.json");
  failure.minimum_proven = false;
  const std::string unproven = report(failure, "x.json");
  EXPECT_NE(proven, unproven);
  EXPECT_THAT(unproven, HasSubstr("budget"));
}

TEST(Report, CallsAFlakyRecordFlaky) {
  Counterexample failure = failure_at_mid();
  EXPECT_THAT(report(failure, "x.json"), Not(HasSubstr("flaky")));
  failure.flaky = true;
  failure.rate = {0, 4};
  EXPECT_THAT(report(failure, "x.json"), HasSubstr("flaky"));
}

TEST(Report, OfABareScenarioNeedsNothingElse) {
  Counterexample bare;
  bare.scenario = failure_at_mid().scenario;
  EXPECT_THAT(report(bare, "x.json"), HasSubstr("mid"));
}

}  // namespace
}  // namespace treeline::testing

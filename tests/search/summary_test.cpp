#include "search/summary.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "cgroup/fd.h"
#include "tests/search/fake_machine.h"

namespace treeline::testing {
namespace {

TEST(Summary, TellsPrograms) {
  SearchResult result;
  result.scenarios = 7;
  result.seconds = 2.5;
  result.tallies["pids.max"] = {3, 1, 2, 1.5, 5, 4};
  Counterexample failure;
  failure.scenario.tree.nodes = {{"a", kNoParent, {}}, {"b", 0, {}}};
  failure.scenario.workers = {{1, Idle{}}};
  failure.signature = Signature{"pids.max", Controller::Pids, "v2"};
  failure.minimum_proven = true;
  failure.shrink_runs = 5;
  result.failures = {failure};
  result.files = {"failures/x.json"};
  result.efforts = {{6, 1.25}};
  std::string text = to_json(result);
  text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c == ' ' || c == '\n'; }),
             text.end());
  EXPECT_EQ(
      text,
      R"({"scenarios":7,"seconds":2.5,"infrastructure_errors":0,)"
      R"("invariants":{"pids.max":{"held":3,"violated":1,"inconclusive":2,"worst":1.5,"scenarios":5,"conclusive":4}},)"
      R"("failures":[{"file":"failures/x.json","invariant":"pids.max","flaky":false,"scenarios":6,)"
      R"("seconds":1.25,"nodes":2,"workers":1,"actions":0,"minimum_proven":true,"shrink_runs":5}]})");
}

TEST(Summary, SaysInHowManyScenariosAnInvariantCouldHaveFailed) {
  SearchResult result;
  result.tallies["pids.max"] = {3, 1, 2, 1.5, 5, 4};
  const std::string text = summary(result);
  EXPECT_NE(text.find("pids.max                         3         1             2     1.50          5"
                      "         80%\n"),
            std::string::npos)
      << text;
}

TEST(Summary, IsLeftByEachSearchWithTheScenariosUntilItsFailure) {
  const TemporaryFolder results;
  FakeMachine machine(warns_if(has_deep_pids_max));
  const auto result = search(machine, fake_constraints(), pids_options(results));
  ASSERT_TRUE(result) << to_string(result.error());
  ASSERT_EQ(result->failures.size(), 1u);
  EXPECT_EQ(result->efforts.at(0).scenarios, result->failures[0].provenance->index + 1);
  EXPECT_LE(result->efforts[0].seconds, result->seconds);
  EXPECT_EQ(read_file(results.path() + "/summary.json").value_or(""), to_json(*result));
}

}  // namespace
}  // namespace treeline::testing

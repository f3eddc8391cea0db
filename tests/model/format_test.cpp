#include "model/format.h"

#include <gtest/gtest.h>

namespace treeline {
namespace {

TEST(Format, PrintsEachValueAsItsText) {
  Scenario scenario;
  scenario.tree.nodes.push_back({"root", kNoParent, {}});
  EXPECT_EQ(fmt::format("{}", scenario), draw(scenario));
  EXPECT_EQ(fmt::format("{}", Workload(Idle{})), describe(Workload(Idle{})));
  EXPECT_EQ(fmt::format("{}", Strategy{Strategy::Kind::Depth, 0, 2, ""}),
            describe(Strategy{Strategy::Kind::Depth, 0, 2, ""}));
  const Error error{ErrorKind::Infrastructure, "write", "/x", 28, "Make room."};
  EXPECT_EQ(fmt::format("{}", error), to_string(error));
  const Signature signature{"memory.max", Controller::Memory, "v1"};
  EXPECT_EQ(fmt::format("{}", signature), to_string(signature));
}

TEST(Format, PutsEachFindingOnALine) {
  Verdict verdict;
  verdict.findings.resize(2);
  verdict.findings[0].invariant = "pids.max";
  verdict.findings[0].status = Status::Held;
  verdict.findings[0].sentence = "3 of 4 tasks";
  verdict.findings[1].invariant = "memory.max";
  verdict.findings[1].status = Status::Violated;
  verdict.findings[1].sentence = "too much";
  EXPECT_EQ(fmt::format("{}", verdict), "held pids.max: 3 of 4 tasks\nviolated memory.max: too much\n");
}

TEST(Format, TakesTheSpecifiersOfStrings) { EXPECT_EQ(fmt::format("{:>6}|", Status::Held), "  held|"); }

}  // namespace
}  // namespace treeline

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "model/json.h"
#include "rich_values.h"

namespace treeline::model_test {
namespace {

/// The value read back from what was written, compact and indented.
template <typename T, typename Read>
void expect_round_trip(const T& value, Read read) {
  for (const int indent : {-1, 2}) {
    const std::string text = to_json(value, indent);
    const Result<T> again = read(text);
    ASSERT_TRUE(again) << to_string(again.error()) << "\n" << text;
    EXPECT_EQ(*again, value) << text;
    EXPECT_EQ(to_json(*again, indent), text) << "not canonical";
  }
}

TEST(JsonRoundTrip, KeepsEveryFieldOfAScenario) { expect_round_trip(rich_scenario(), scenario_from_json); }
TEST(JsonRoundTrip, KeepsThePlainestScenario) { expect_round_trip(plain_scenario(), scenario_from_json); }
TEST(JsonRoundTrip, KeepsEveryFieldOfTheMachine) {
  expect_round_trip(rich_machine(), machine_facts_from_json);
}
TEST(JsonRoundTrip, KeepsEveryFieldOfAnObservation) {
  expect_round_trip(rich_observation(), observation_from_json);
}
TEST(JsonRoundTrip, KeepsEveryFieldOfAVerdict) { expect_round_trip(rich_verdict(), verdict_from_json); }
TEST(JsonRoundTrip, KeepsAnEmptyVerdict) { expect_round_trip(Verdict{}, verdict_from_json); }
TEST(JsonRoundTrip, KeepsEveryFieldOfACounterexample) {
  expect_round_trip(rich_counterexample(), counterexample_from_json);
}
TEST(JsonRoundTrip, KeepsTheAbsenceOfOptionals) {
  Counterexample example;
  example.scenario = plain_scenario();
  expect_round_trip(example, counterexample_from_json);
  EXPECT_THAT(to_json(example), testing::Not(testing::HasSubstr("original\"")));
  EXPECT_THAT(to_json(example), testing::Not(testing::HasSubstr("null")));
}

TEST(JsonRoundTrip, KeepsEachPlacementStrategy) {
  for (const auto kind : {Strategy::Kind::LeavesOnly, Strategy::Kind::AllNodes, Strategy::Kind::Random,
                          Strategy::Kind::Depth, Strategy::Kind::Custom}) {
    Scenario scenario = plain_scenario();
    scenario.strategy.kind = kind;
    expect_round_trip(scenario, scenario_from_json);
  }
}

TEST(JsonRoundTrip, KeepsEachEndOfAWorker) {
  for (const auto end : {WorkerEnd::Finished, WorkerEnd::Stopped, WorkerEnd::OomKilled, WorkerEnd::Killed,
                         WorkerEnd::Failed, WorkerEnd::NotStarted}) {
    Observation observation = rich_observation();
    observation.workers[0].end = end;
    expect_round_trip(observation, observation_from_json);
  }
}

TEST(JsonRoundTrip, KeepsEachControllerInAFinding) {
  for (const auto controller :
       {Controller::Cpu, Controller::Cpuacct, Controller::Memory, Controller::Pids, Controller::Cpuset,
        Controller::Io, Controller::Freezer, Controller::Core, Controller::Hugetlb}) {
    Verdict verdict;
    verdict.findings.push_back({"x", controller, 0, Status::Held, 0, 0, 0, "", ""});
    expect_round_trip(verdict, verdict_from_json);
  }
}

TEST(JsonRoundTrip, KeepsTheExtremesOfNumbers) {
  Observation observation = rich_observation();
  observation.first_attach_ns = std::numeric_limits<int64_t>::min();
  observation.final_at_ns = std::numeric_limits<int64_t>::max();
  observation.running_tasks = std::numeric_limits<int>::max();
  observation.workers[0].exit_status = std::numeric_limits<int>::min();
  expect_round_trip(observation, observation_from_json);
}

TEST(JsonRoundTrip, KeepsAllDigitsOfADouble) {
  Verdict verdict = rich_verdict();
  verdict.findings[0].margin = std::nextafter(1.0, 2.0);
  verdict.findings[0].bound = std::numeric_limits<double>::max();
  verdict.findings[0].observed = std::numeric_limits<double>::denorm_min();
  expect_round_trip(verdict, verdict_from_json);
}

TEST(JsonRoundTrip, KernelLogThatIsNotUtf8StillGivesAReadableFile) {
  Observation observation = rich_observation();
  observation.health.log = {std::string("oops \xff\xfe") + '\0' + "end"};
  const Result<Observation> again = observation_from_json(to_json(observation));
  ASSERT_TRUE(again) << to_string(again.error());
  EXPECT_THAT(again->health.log.at(0), testing::StartsWith("oops "));
  EXPECT_THAT(again->health.log.at(0), testing::EndsWith("end"));
}

TEST(JsonRoundTrip, ANumberThatIsNotFiniteStillGivesAReadableFile) {
  Verdict verdict = rich_verdict();
  verdict.findings[0].margin = std::numeric_limits<double>::infinity();
  verdict.findings[0].bound = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(verdict_from_json(to_json(verdict)));
}

TEST(JsonCanonical, WritesTheDocumentedShape) {
  Scenario scenario = plain_scenario();
  scenario.tree.nodes.push_back({"a",
                                 0,
                                 {{Knob::CpuMax, CpuBandwidth{10'000, 100'000}},
                                  {Knob::CpuIdle, Amount{1}},
                                  {Knob::MemoryMax, Amount{8'388'608}},
                                  {Knob::PidsMax, Amount{}},
                                  {Knob::CpusetCpus, IdSet{{0, 1}}},
                                  {Knob::IoMax, IoRates{1'048'576, {}, {}, {}}}}});
  scenario.workers = {{1, CpuHog{}}};
  scenario.actions = {{50'000, Action::Kind::Freeze, 1}};
  scenario.probes = {{1, Knob::CpuWeight, Amount{0}}};
  EXPECT_EQ(
      to_json(scenario),
      R"({"schema":1,"tree":[{"name":"t","limits":{}},{"name":"a","parent":0,"limits":{)"
      R"("cpu.max":{"quota_us":10000,"period_us":100000},"cpu.idle":1,"memory.max":8388608,"pids.max":"max",)"
      R"("cpuset.cpus":"0-1","io.max":{"read_bytes":1048576}}}],)"
      R"("strategy":{"kind":"leaves_only","percent":0,"depth":0,"custom":""},)"
      R"("workers":[{"node":1,"workload":{"kind":"cpu_hog","threads":1,"duty_percent":100,"cycle_us":10000}}],)"
      R"("actions":[{"at_us":50000,"kind":"freeze","node":1}],)"
      R"("probes":[{"node":1,"knob":"cpu.weight","value":0}],)"
      R"("window":{"length_us":200000,"until_settled":false,"sample_every_us":10000},)"
      R"("requirements":{"cpus":1,"memory_bytes":67108864,"block_device":false}})");
}

TEST(JsonCanonical, OrderAndSpacesOfTheInputDoNotMatter) {
  const Result<Scenario> scenario = scenario_from_json(
      "\n { \"tree\" : [ {\"limits\":{\"pids.max\":3,\"cpu.idle\":1}, \"name\":\"t\"} ],\t\"schema\":1 } ");
  ASSERT_TRUE(scenario) << to_string(scenario.error());
  Scenario expected = plain_scenario();
  expected.tree[0].limits = {{Knob::CpuIdle, Amount{1}}, {Knob::PidsMax, Amount{3}}};
  EXPECT_EQ(*scenario, expected);
  EXPECT_EQ(to_json(*scenario), to_json(expected));
}

TEST(JsonCanonical, AFileMayLeaveDefaultsOut) {
  const Result<Scenario> scenario = scenario_from_json(
      R"({"schema":1,"tree":[{"name":"t"}],"workers":[{"node":0,"workload":{"kind":"cpu_hog"}}]})");
  ASSERT_TRUE(scenario) << to_string(scenario.error());
  Scenario expected = plain_scenario();
  expected.workers = {{kRoot, CpuHog{}}};
  EXPECT_EQ(*scenario, expected);
}

TEST(JsonCanonical, TheLargestLegalTreeIsRead) {
  Scenario scenario = plain_scenario();
  for (int i = 1; i < kMaxNodes; ++i) {
    scenario.tree.nodes.push_back({"n" + std::to_string(i), i <= kMaxDepth ? i - 1 : 0, {}});
  }
  EXPECT_EQ(scenario.tree.max_depth(), kMaxDepth);
  expect_round_trip(scenario, scenario_from_json);
}

}  // namespace
}  // namespace treeline::model_test

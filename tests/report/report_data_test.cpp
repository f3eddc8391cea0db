#include "report/report_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/report/report_world.h"

namespace treeline::testing {
namespace {

const InvariantRow& row_of(const ReportData& data, const std::string& invariant, size_t subject = 0) {
  for (const InvariantRow& row : data.invariants) {
    if (row.invariant == invariant && row.subject == subject) return row;
  }
  ADD_FAILURE() << "there is no " << invariant << " of " << subject;
  static const InvariantRow none;
  return none;
}

TEST(ReportDataTest, CountsScenariosByKernelFaultAndProperty) {
  ReportWorld world;
  world.begin_run("Lab/b/v2");
  world.add("pids", Status::Held, 0.5);
  world.add("pids", Status::Held, 0.5);
  world.add("pids", Status::Inconclusive, 0);
  world.add("memory", Status::Violated, 1.5);
  world.add("memory", nullptr);
  world.begin_run("Lab/a/v2", kNoon, "pids-off-by-one");
  world.add("pids", Status::NotApplicable, 0);
  const ReportData data = world.data();
  ASSERT_EQ(data.subjects.size(), 2u);
  EXPECT_EQ(name_of(data.subjects[0]),
            "Lab/a/v2 (Linux 6.12.0-fake, cgroup v1), with the planted fault pids-off-by-one");
  EXPECT_EQ(name_of(data.subjects[1]), "Lab/b/v2 (Linux 6.12.0-fake, cgroup v1)");
  ASSERT_EQ(data.counts.size(), 3u);
  const auto is = [](const PropertyCount& count, size_t subject, const std::string& property) {
    return count.subject == subject && count.property == property;
  };
  EXPECT_TRUE(is(data.counts[0], 0, "pids"));
  EXPECT_EQ(data.counts[0].scenarios, 1);
  EXPECT_EQ(data.counts[0].held, 0);
  EXPECT_TRUE(is(data.counts[1], 1, "memory"));
  EXPECT_EQ(data.counts[1].scenarios, 2);
  EXPECT_EQ(data.counts[1].violated, 1);
  EXPECT_EQ(data.counts[1].violated_scenarios, 1);
  EXPECT_EQ(data.counts[1].errors, 1);
  EXPECT_TRUE(is(data.counts[2], 1, "pids"));
  EXPECT_EQ(data.counts[2].held, 2);
  EXPECT_EQ(data.counts[2].inconclusive, 1);
  EXPECT_DOUBLE_EQ(data.counts[2].seconds, 0.75);
  EXPECT_EQ(data.totals().scenarios, 6);
  EXPECT_EQ(data.runs, 2);
}

TEST(ReportDataTest, CountsEachCheckOfAScenario) {
  ReportWorld world;
  world.begin_run("Host");
  const Finding held{"pids.max", Controller::Pids, 0, Status::Held, 2, 1, 0.5, "tasks", "said"};
  Finding shows_nothing = held;
  shows_nothing.invariant = "pids.fork";
  shows_nothing.status = Status::Inconclusive;
  const Verdict verdict{{held, held, shows_nothing}};
  world.add("pids", &verdict);
  const ReportData data = world.data();
  EXPECT_EQ(data.counts.at(0).scenarios, 1);
  EXPECT_EQ(data.counts.at(0).held, 2);
  EXPECT_EQ(data.counts.at(0).inconclusive, 1);
}

TEST(ReportDataTest, PutsAMarginInTheBinThatItEnds) {
  ReportWorld world;
  world.begin_run("Host");
  for (const double margin : {0.02, 0.05, 0.051, 1.0, 1.001, 1.45, 9.0}) {
    world.add("pids", margin > 1 ? Status::Violated : Status::Held, margin);
  }
  world.add("pids", Status::Inconclusive, 2.0);
  std::array<int64_t, kBins> expected{};
  expected[0] = 2;
  expected[1] = 1;
  expected[kFirstViolated - 1] = 1;
  expected[kFirstViolated] = 1;
  expected[28] = 1;
  expected[kBins - 1] = 1;
  const ReportData data = world.data();
  EXPECT_EQ(row_of(data, "pids.max").bins, expected);
  EXPECT_EQ(row_of(data, "pids.max").inconclusive, 1);
}

TEST(ReportDataTest, ComparesTheLastDayWithThoseBefore) {
  ReportWorld world;
  world.begin_run("Host", kNoon - 2 * kDay);
  for (const double margin : {0.1, 0.2, 0.3}) world.add("pids", Status::Held, margin);
  world.begin_run("Host", kNoon - kDay);
  for (const double margin : {0.4, 0.9}) world.add("pids", Status::Held, margin);
  world.begin_run("Host");
  for (const double margin : {0.5, 0.7}) world.add("pids", Status::Held, margin);
  // Another kernel's last day is its own.
  world.begin_run("Lab/a/v2", kNoon - kDay);
  world.add("pids", Status::Held, 0.25);
  const ReportData data = world.data();
  EXPECT_TRUE(data.by_day);
  const InvariantRow& host = row_of(data, "pids.max", 0);
  EXPECT_EQ(host.margins->scenarios, 7);
  EXPECT_DOUBLE_EQ(host.margins->median, 0.4);
  EXPECT_DOUBLE_EQ(host.margins->worst, 0.9);
  EXPECT_DOUBLE_EQ(host.latest->median, 0.6);
  EXPECT_DOUBLE_EQ(host.latest->worst, 0.7);
  EXPECT_DOUBLE_EQ(host.earlier->median, 0.3);
  EXPECT_DOUBLE_EQ(host.earlier->worst, 0.9);
  ASSERT_EQ(host.periods.size(), 3u);
  EXPECT_LT(host.periods[0].label, host.periods[1].label);
  EXPECT_EQ(host.periods[1].began_at, kNoon - kDay);
  EXPECT_DOUBLE_EQ(host.periods[1].margins.median, 0.65);
  const InvariantRow& lab = row_of(data, "pids.max", 1);
  EXPECT_DOUBLE_EQ(lab.latest->median, 0.25);
  EXPECT_FALSE(lab.earlier);
}

TEST(ReportDataTest, ComparesSearchesIfAllAreOfOneDay) {
  ReportWorld world;
  world.begin_run("Host", kNoon);
  world.add("pids", Status::Held, 0.1);
  world.begin_run("Host", kNoon + 60);
  world.add("pids", Status::Held, 0.3);
  const ReportData data = world.data();
  EXPECT_FALSE(data.by_day);
  EXPECT_DOUBLE_EQ(row_of(data, "pids.max").earlier->median, 0.1);
  EXPECT_DOUBLE_EQ(row_of(data, "pids.max").latest->median, 0.3);
}

TEST(ReportDataTest, KeepsTheLastPeriodsOfMany) {
  ReportWorld world;
  constexpr auto kDays = static_cast<int64_t>(kMaxPeriods) + 5;
  for (int64_t day = 0; day < kDays; ++day) {
    world.begin_run("Host", kNoon + day * kDay);
    world.add("pids", Status::Held, 0.1);
  }
  const ReportData data = world.data();
  const InvariantRow& row = row_of(data, "pids.max");
  ASSERT_EQ(row.periods.size(), kMaxPeriods);
  EXPECT_EQ(row.periods.front().began_at, kNoon + 5 * kDay);
  EXPECT_EQ(row.periods.back().began_at, kNoon + (kDays - 1) * kDay);
}

TEST(ReportDataTest, AnEmptyDatabaseIsAReportOfNothing) {
  ReportWorld world;
  const ReportData data = world.data();
  EXPECT_TRUE(data.subjects.empty());
  EXPECT_EQ(data.totals().scenarios, 0);
}

}  // namespace
}  // namespace treeline::testing

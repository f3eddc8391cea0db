#include "model/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "batch/make_plan.h"

namespace treeline::testing {
namespace {

using ::testing::HasSubstr;

PlanRequest two_machines(uint64_t count, uint64_t job_size) {
  PlanRequest request;
  request.machines = {{"Lab/debian-6.1/v2"}, {"Lab/debian-6.12/v2", "", "pids-off-by-one"}};
  request.properties = {"pids", "memory", "rules"};
  request.seed = 18'446'744'073'709'551'615ULL;
  request.count = count;
  request.job_size = job_size;
  return request;
}

TEST(MakePlan, HasEachScenarioOnceWhateverTheSizes) {
  for (const uint64_t count : {1, 2, 7, 50, 101}) {
    for (const uint64_t size : {1, 2, 7, 50, 1000}) {
      std::set<std::tuple<std::string, std::string, uint64_t>> scenarios;
      size_t drawn = 0;
      for (const Job& job : make_plan(two_machines(count, size))) {
        EXPECT_GE(job.count, 1u);
        EXPECT_LE(job.count, size);
        EXPECT_EQ(job.seed, 18'446'744'073'709'551'615ULL);
        for (uint64_t i = job.first; i < job.first + job.count; ++i, ++drawn) {
          scenarios.emplace(job.machine, job.property, i);
          EXPECT_LT(i, count);
        }
      }
      EXPECT_EQ(scenarios.size(), 2 * 3 * count) << count << ' ' << size;
      EXPECT_EQ(drawn, scenarios.size()) << count << ' ' << size;
    }
  }
}

TEST(MakePlan, DependsOnTheRequestAlone) {
  EXPECT_EQ(make_plan(two_machines(20, 6)), make_plan(two_machines(20, 6)));
}

TEST(Plan, IsReadAsItWasWritten) {
  std::vector<Job> plan = make_plan(two_machines(20, 6));
  plan[1].kernel = "/boot/bzImage:/lib/modules";
  plan[2].budget_s = 60;
  const auto read = plan_from_text(plan_to_text(plan));
  ASSERT_TRUE(read) << to_string(read.error());
  EXPECT_EQ(*read, plan);
}

TEST(Plan, RefusesALineThatIsWrongAndNamesIt) {
  const std::string good = plan_to_text({{"Host", "", "", "pids", 1, 0, 5, 0}});
  struct Bad {
    std::string line;
    const char* says;
  };
  for (const Bad& bad :
       {Bad{"not JSON", "is not JSON"},
        {R"({"schema":1,"machine":"Host","property":"pids","seed":1,"first":5})", "/count"},
        {R"({"schema":2,"machine":"Host","property":"pids","seed":1,"first":5,"count":1})", "/schema"},
        {R"({"schema":1,"machine":"","property":"pids","seed":1,"first":5,"count":1})", "/machine"},
        {R"({"schema":1,"machine":"Host","property":"pids","seed":1,"first":5,"count":0})", "/count"},
        {R"({"schema":1,"machine":"Host","property":"pids","seed":-1,"first":5,"count":1})", "/seed"},
        {R"({"schema":1,"machine":"Host","property":"pids","seed":1,"first":9223372036854775807,"count":1})",
         "/count"},
        {R"({"schema":1,"machine":"Host","property":"pids","seed":1,"first":5,"count":1,"x":1})", "/x"}}) {
    const auto read = plan_from_text(good + bad.line + "\n");
    ASSERT_FALSE(read) << bad.line;
    EXPECT_EQ(read.error().kind, ErrorKind::InvalidInput);
    EXPECT_THAT(to_string(read.error()), HasSubstr("line 2")) << bad.line;
    EXPECT_THAT(to_string(read.error()), HasSubstr(bad.says)) << bad.line;
  }
  EXPECT_FALSE(plan_from_text(""));
}

TEST(Plan, RefusesJobsThatShareAScenario) {
  const auto job = [](uint64_t first, uint64_t count) {
    return Job{"Host", "", "", "pids", 1, first, count, 0};
  };
  EXPECT_TRUE(plan_from_text(plan_to_text({job(0, 5), job(10, 5), job(5, 5)})));
  for (const auto& [first, count] : {std::pair<uint64_t, uint64_t>{4, 1}, {0, 1}, {0, 20}, {9, 2}, {14, 9}}) {
    const auto read = plan_from_text(plan_to_text({job(0, 5), job(10, 5), job(first, count)}));
    ASSERT_FALSE(read) << first;
    EXPECT_THAT(to_string(read.error()), HasSubstr("line 3"));
  }
  Job other = job(0, 5);
  other.seed = 2;
  EXPECT_TRUE(plan_from_text(plan_to_text({job(0, 5), other})));
}

TEST(JobOutcome, IsReadAsItWasWritten) {
  const JobOutcome outcome{{"Host", "", "io-limit-unset", "io", 9, 5, 5, 0},   "no io", 4, 1, 99, 10, 20,
                           {{"results.db", "0011"}, {"failures/x.json", "22"}}};
  const auto read = job_outcome_from_json(to_json(outcome));
  ASSERT_TRUE(read) << to_string(read.error());
  EXPECT_EQ(*read, outcome);
}

}  // namespace
}  // namespace treeline::testing

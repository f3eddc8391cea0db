#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "batch/job_folder.h"
#include "batch/make_plan.h"
#include "batch/merge.h"
#include "batch/run_job.h"
#include "cgroup/fd.h"
#include "model/json.h"
#include "search/results_store.h"
#include "store/job_results.h"
#include "tests/search/fake_machine.h"

namespace treeline::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

/// A batch of `pids` scenarios on a fake whose pids.max at depth 2 warns.
class BatchTest : public ::testing::Test {
 protected:
  void write_plan(uint64_t count, uint64_t job_size,
                  const std::vector<std::string>& properties = {"pids", "memory"}) {
    PlanRequest request;
    request.machines = {{"Fake"}};
    request.properties = properties;
    request.seed = 7;
    request.count = count;
    request.job_size = job_size;
    plan_ = make_plan(request);
    ASSERT_TRUE(make_results_folder(jobs()));
    ASSERT_TRUE(replace_file(batch() + "/plan.jsonl", plan_to_text(plan_)));
  }
  std::string batch() const { return folder_.path() + "/nights/" + name_; }
  std::string jobs() const { return batch() + "/jobs"; }

  Result<JobOutcome> run(size_t number, FakeMachine::Behaviour behaviour = warns_if(has_deep_pids_max)) {
    JobOptions options;
    options.jobs = jobs();
    options.number = number;
    return run_job(plan_[number], fake(std::move(behaviour)), options);
  }
  OpenMachine fake(FakeMachine::Behaviour behaviour) {
    return [this, behaviour](const Job& job) -> Result<std::unique_ptr<Machine>> {
      ++opened_;
      return std::unique_ptr<Machine>(std::make_unique<FakeMachine>(behaviour, true, job.machine));
    };
  }
  void run_all() {
    for (size_t number = 0; number < plan_.size(); ++number) {
      const auto outcome = run(number);
      ASSERT_TRUE(outcome) << to_string(outcome.error());
    }
  }
  Merged merge(const std::string& results) {
    const Result<Merged> merged = merge_batch({batch(), results, {}, {}, {}});
    EXPECT_TRUE(merged) << to_string(merged.error());
    return merged.value_or(Merged{});
  }
  Merged merge() { return merge(folder_.path()); }
  static std::string dump(const std::string& results) {
    Result<ResultsDb> database = ResultsDb::open(results + "/results.db");
    if (!database) return to_string(database.error());
    std::string text;
    for (const char* table : {"kernels", "nights", "runs", "properties", "invariants", "scenarios", "margins",
                              "failures", "sightings", "behaviours"}) {
      const auto rows = database->database().value(std::string("SELECT count(*) FROM ") + table);
      text += std::string(table) + " " + rows->value_or("") + "\n";
    }
    const auto night = Nights(*database).all();
    return text + canonical_results(*database, night->front()).value_or("");
  }

  TemporaryFolder folder_;
  std::string name_ = "batch";
  std::vector<Job> plan_;
  std::atomic<int> opened_ = 0;
};

TEST_F(BatchTest, IsTheSameHoweverItsJobsAreOrderedAndWhereverTheyFail) {
  write_plan(40, 10);
  run_all();
  const Merged one = merge();
  EXPECT_EQ(exit_code_of(one.summary), exit_code::kViolated) << to_text(one);
  EXPECT_EQ(one.merged, plan_.size());
  ASSERT_EQ(one.summary.runs.size(), 1u);
  EXPECT_EQ(one.summary.runs[0].explored, 80);
  const std::string expected = dump(folder_.path());
  EXPECT_THAT(expected, HasSubstr("failure"));

  fs::remove_all(jobs());
  for (size_t number = plan_.size(); number-- > 0;) ASSERT_TRUE(run(number));
  const TemporaryFolder elsewhere;
  EXPECT_EQ(merge(elsewhere.path()).digest, one.digest);
  EXPECT_EQ(dump(elsewhere.path()), expected);
}

TEST_F(BatchTest, HasTheScenariosAndMarginsOfOneSearchWhateverTheJobsSize) {
  std::string first;
  for (const uint64_t size : {40, 7, 1}) {
    const TemporaryFolder results;
    fs::remove_all(jobs());
    write_plan(40, size, {"pids"});
    run_all();
    merge(results.path());
    Result<ResultsDb> database = ResultsDb::open(results.path() + "/results.db");
    const auto night = Nights(*database).all();
    std::string scenarios = canonical_results(*database, night->front()).value_or("");
    scenarios = scenarios.substr(scenarios.find("scenario "));
    scenarios = scenarios.substr(0, scenarios.find("failure "));
    if (first.empty()) first = scenarios;
    EXPECT_EQ(scenarios, first) << size;
  }
  EXPECT_EQ(std::count(first.begin(), first.end(), '\n'), 40);
}

TEST_F(BatchTest, MergedTwiceOrInPartsChangesNothing) {
  write_plan(40, 10);
  run_all();
  const TemporaryFolder parts;
  fs::rename(job_folder(jobs(), 2), batch() + "/late");
  const Merged incomplete = merge(parts.path());
  EXPECT_EQ(incomplete.merged, plan_.size() - 1);
  fs::rename(batch() + "/late", job_folder(jobs(), 2));
  const std::string digest = merge(parts.path()).digest;
  const std::string once = dump(parts.path());
  EXPECT_EQ(merge(parts.path()).digest, digest);
  EXPECT_EQ(dump(parts.path()), once);
  EXPECT_EQ(merge().digest, digest);
}

TEST_F(BatchTest, AJobWithoutResultsIsNamedAndTheExitCodeIsNotZero) {
  write_plan(6, 2, {"pids"});
  for (const size_t number : {0, 2}) ASSERT_TRUE(run(number, healthy()));
  const auto missing = missing_jobs(batch(), plan_);
  ASSERT_TRUE(missing);
  ASSERT_EQ(missing->size(), 1u);
  EXPECT_EQ(missing->front().number, 1u);
  const Merged merged = merge();
  EXPECT_EQ(exit_code_of(merged.summary), exit_code::kInfrastructure);
  EXPECT_THAT(to_text(merged), AllOf(HasSubstr("job 0001 (pids 2–3"), HasSubstr("merged 2 of 3 jobs")));
  ASSERT_TRUE(run(1, healthy()));
  EXPECT_EQ(exit_code_of(merge().summary), exit_code::kHeld);
}

TEST_F(BatchTest, ADamagedFolderIsNamedAndItsJobRunAgain) {
  write_plan(20, 10, {"pids"});
  run_all();
  const std::string digest = merge().digest;
  const std::string folder = job_folder(jobs(), 1);
  const auto damage = [&](const std::string& file) {
    const auto half = static_cast<std::streamoff>(fs::file_size(file) / 2);
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(half).put('\x7f');
  };
  const std::string failure = fs::directory_iterator(folder + "/failures")->path();
  const std::vector<std::function<void()>> damages{[&] { damage(folder + "/results.db"); },
                                                   [&] { fs::resize_file(folder + "/results.db", 4096); },
                                                   [&] { fs::remove(folder + "/results.db"); },
                                                   [&] { damage(folder + "/job.json"); },
                                                   [&] { fs::remove(folder + "/job.json"); },
                                                   [&] { damage(failure); },
                                                   [&] { fs::remove(failure); },
                                                   [&] {
                                                     fs::remove_all(folder);
                                                     fs::create_directory(folder);
                                                   }};
  for (const auto& spoil : damages) {
    spoil();
    const TemporaryFolder results;
    const Merged merged = merge(results.path());
    EXPECT_EQ(merged.merged, 1u);
    EXPECT_NE(exit_code_of(merged.summary), exit_code::kHeld);
    EXPECT_THAT(to_text(merged), AllOf(HasSubstr("job 0001"), HasSubstr(folder)));
    ASSERT_TRUE(run(1));
    EXPECT_EQ(merge(results.path()).digest, digest);
  }
}

TEST_F(BatchTest, AFolderOfAnotherPlanIsNotTaken) {
  write_plan(20, 10, {"pids"});
  run_all();
  write_plan(20, 5, {"pids"});
  EXPECT_EQ(missing_jobs(batch(), plan_)->size(), 4u);
}

TEST_F(BatchTest, AJobThatIsDoneIsNotRunAgain) {
  write_plan(4, 4, {"pids"});
  const auto first = run(0);
  const auto second = run(0);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(*first, *second);
  EXPECT_EQ(opened_, 1);
}

TEST_F(BatchTest, KilledAtAnyRunItBeginsAnewAndCountsNothingTwice) {
  write_plan(20, 20, {"pids"});
  for (const uint64_t fatal : {0, 3, 11}) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      static_cast<void>(run(0, [fatal](const Scenario&, Observation seen, uint64_t number) {
        if (number == fatal) ::kill(::getpid(), SIGKILL);
        return seen;
      }));
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(missing_jobs(batch(), plan_)->size(), 1u);
  }
  EXPECT_FALSE(fs::is_empty(jobs() + "/attempts"));
  ASSERT_TRUE(run(0, healthy()));
  const Merged merged = merge();
  EXPECT_EQ(merged.summary.runs[0].explored, 20);
  EXPECT_FALSE(fs::exists(jobs() + "/attempts")) << "what the killed left is still there";
}

TEST_F(BatchTest, OfTwoThatRunOneJobTheFirstOneCountsAndTheOtherStops) {
  write_plan(10, 10, {"pids"});
  std::string published;
  uint64_t runs_after = 0;
  const auto late = run(0, [&](const Scenario&, Observation seen, uint64_t number) {
    if (number == 4) {
      // Another node is done with it in the meantime: as another host's attempt would be named.
      const auto own = fs::directory_iterator(jobs() + "/attempts")->path();
      fs::rename(own, own.string() + "-late");
      const auto other = run(0, healthy());
      EXPECT_TRUE(other) << to_string(other.error());
      fs::rename(own.string() + "-late", own);
      published = read_file(job_folder(jobs(), 0) + "/job.json").value_or("");
    }
    if (!published.empty()) ++runs_after;
    return seen;
  });
  ASSERT_TRUE(late) << to_string(late.error());
  EXPECT_EQ(runs_after, 1u);
  EXPECT_EQ(to_json(*late), published);
  EXPECT_EQ(merge().summary.runs[0].explored, 10);
}

TEST_F(BatchTest, AnInterruptedJobPublishesNothing) {
  write_plan(10, 10, {"pids"});
  int runs = 0;
  JobOptions options;
  options.jobs = jobs();
  options.should_stop = [&] { return runs >= 3; };
  const auto stopped = run_job(plan_[0], fake([&](const Scenario&, Observation seen, uint64_t) {
                                 ++runs;
                                 return seen;
                               }),
                               options);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().kind, ErrorKind::Infrastructure);
  EXPECT_TRUE(fs::is_empty(jobs() + "/attempts"));
  EXPECT_THAT(to_text(merge()), HasSubstr("interrupted"));
}

TEST_F(BatchTest, AMachineThatIsLostOrMissingGivesNoResultsButItsReason) {
  write_plan(20, 10, {"pids"});
  const auto lost = run(0, [](const Scenario&, const Observation&, uint64_t) -> Result<Observation> {
    return fail(ErrorKind::Infrastructure, "run", "it", EIO);
  });
  ASSERT_FALSE(lost);
  JobOptions options;
  options.jobs = jobs();
  options.number = 1;
  const auto unavailable = run_job(
      plan_[1],
      [](const Job&) -> Result<std::unique_ptr<Machine>> {
        return fail(ErrorKind::Unavailable, "find QEMU", "", 0, "install qemu-system-x86");
      },
      options);
  ASSERT_FALSE(unavailable);
  const Merged merged = merge();
  EXPECT_EQ(exit_code_of(merged.summary), exit_code::kInfrastructure);
  EXPECT_THAT(to_text(merged), AllOf(HasSubstr("errors in a row"), HasSubstr("install qemu-system-x86")));
  ASSERT_TRUE(run(0, healthy()));
  ASSERT_TRUE(run(1, healthy()));
  EXPECT_EQ(exit_code_of(merge().summary), exit_code::kHeld);
}

TEST_F(BatchTest, WhereNoNodeCanTestAnythingTheExitCodeSaysSo) {
  write_plan(10, 10, {"pids"});
  JobOptions options;
  options.jobs = jobs();
  ASSERT_FALSE(run_job(
      plan_[0],
      [](const Job&) -> Result<std::unique_ptr<Machine>> {
        return fail(ErrorKind::Unavailable, "find QEMU", "");
      },
      options));
  EXPECT_EQ(exit_code_of(merge().summary), exit_code::kUnavailable);
}

TEST_F(BatchTest, APropertyThatTheMachineCannotTestIsSaidSo) {
  write_plan(4, 4, {"kill"});  // the fake is a v1 machine
  const auto outcome = run(0);
  ASSERT_TRUE(outcome) << to_string(outcome.error());
  EXPECT_EQ(outcome->code, exit_code::kUnavailable);
  const Merged merged = merge();
  EXPECT_EQ(merged.merged, 1u);
  EXPECT_EQ(exit_code_of(merged.summary), exit_code::kUnavailable);
  EXPECT_THAT(to_text(merged), HasSubstr("kill on Fake"));
}

TEST_F(BatchTest, IsANightThatLaterOnesKnow) {
  write_plan(40, 10, {"pids"});
  run_all();
  EXPECT_EQ(exit_code_of(merge().summary), exit_code::kViolated);
  EXPECT_EQ(fs::read_symlink(folder_.path() + "/nights/latest"), "batch");
  name_ = "next-batch";
  write_plan(40, 10, {"pids"});
  run_all();
  const Merged second = merge();
  EXPECT_EQ(exit_code_of(second.summary), exit_code::kHeld) << to_text(second);
  EXPECT_THAT(to_text(second), HasSubstr("known since"));
}

TEST_F(BatchTest, AListedFailureTurnsNoJobRed) {
  write_plan(40, 40, {"pids"});
  JobOptions options;
  options.jobs = jobs();
  options.known = {
      {Signature{"kernel.health", Controller::Core, "v1"}, {}, {}, {}, {}, {}, "a known warning"}};
  const auto outcome = run_job(plan_[0], fake(warns_if(has_deep_pids_max)), options);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->code, exit_code::kHeld);
  EXPECT_EQ(outcome->scenarios, 40u);
}

}  // namespace
}  // namespace treeline::testing

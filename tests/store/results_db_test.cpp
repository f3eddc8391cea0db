#include "store/results_db.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "store/history.h"
#include "store/recorder.h"
#include "tests/search/fake_machine.h"

namespace treeline::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kHour = 3'600;
constexpr int64_t kNoon = 1'780'000'000;

RunInfo fake_run(const std::string& machine = "Lab/debian-6.12/v2") {
  return {machine, fake_facts(), 7, "", 0};
}

Verdict verdict_of(Status status, double margin = 0.5) {
  return {{{"pids.max", Controller::Pids, 0, status, 2, 2 * margin, margin, "tasks", "said"}}};
}

ScenarioRecord record_of(const Verdict& verdict, uint64_t index) {
  ScenarioRecord record;
  record.property = "pids";
  record.index = index;
  record.seconds = 0.25;
  record.verdict = &verdict;
  return record;
}

Counterexample failure_of(int64_t limit, int violated = 3) {
  Counterexample example;
  example.scenario.tree.nodes = {{"a", kNoParent, {{Knob::PidsMax, Amount{limit}}}}};
  example.scenario.workers = {{0, ForkStorm{3}}};
  example.signature = Signature{"pids.max", Controller::Pids, "v2"};
  example.rate = {violated, 4};
  return example;
}

std::string ask(ResultsDb& results, const std::string& sql) {
  const auto value = results.database().value(sql);
  return value ? value->value_or("NULL") : to_string(value.error());
}

class ResultsDbTest : public ::testing::Test {
 protected:
  ResultsDb open(int64_t now = kNoon) {
    Result<ResultsDb> results = ResultsDb::open(path_, [now] { return now; });
    EXPECT_TRUE(results) << to_string(results.error());
    return std::move(*results);
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.path() + "/results.db";
};

TEST_F(ResultsDbTest, KeepsWhatItWasTold) {
  {
    ResultsDb results = open();
    const auto run = results.begin_run(fake_run());
    ASSERT_TRUE(run) << to_string(run.error());
    const Verdict held{{{"pids.max", Controller::Pids, 0, Status::Held, 2, 1, 0.5, "tasks", "said"},
                        {"pids.max", Controller::Pids, 1, Status::Held, 4, 3, 0.75, "tasks", "said"},
                        {"pids.max", Controller::Pids, 2, Status::Inconclusive, 4, 8, 2, "tasks", "said"}}};
    ASSERT_TRUE(results.add_scenario(*run, record_of(held, 11)));
    ScenarioRecord trouble = record_of(held, 12);
    trouble.verdict = nullptr;
    ASSERT_TRUE(results.add_scenario(*run, trouble));
    ASSERT_TRUE(results.end_run(*run));
  }
  ResultsDb results = open(kNoon + 1);
  EXPECT_EQ(ask(results, "SELECT machine || ' ' || release || ' ' || mode FROM kernels"),
            "Lab/debian-6.12/v2 6.12.0-fake v1");
  EXPECT_EQ(ask(results, "SELECT seed || ' ' || began_at || ' ' || ended_at FROM runs"),
            "7 1780000000 1780000000");
  EXPECT_EQ(
      ask(results,
          "SELECT group_concat(name || draw || coalesce(status, '?')) FROM scenarios JOIN properties ON "
          "properties.id = property"),
      "pids112,pids12?");
  EXPECT_EQ(
      ask(results,
          "SELECT name || ' ' || held || ' ' || violated || ' ' || inconclusive || ' ' || worst FROM margins "
          "JOIN invariants ON id = invariant"),
      "pids.max 2 0 1 0.75");
}

TEST_F(ResultsDbTest, TakesNoScenarioOfARunTwiceAndKeepsNoHalfOfIt) {
  ResultsDb results = open();
  const int64_t run = *results.begin_run(fake_run());
  const Verdict held = verdict_of(Status::Held);
  ASSERT_TRUE(results.add_scenario(run, record_of(held, 1)));
  EXPECT_FALSE(results.add_scenario(run, record_of(held, 1)));
  EXPECT_TRUE(results.add_scenario(run, record_of(held, 2)));
  EXPECT_EQ(ask(results, "SELECT count(*) FROM scenarios"), "2");
  EXPECT_EQ(ask(results, "SELECT count(*) FROM margins"), "2");
}

TEST_F(ResultsDbTest, TellsFailuresApartBySignatureAndTree) {
  ResultsDb results = open();
  const Verdict violated = verdict_of(Status::Violated, 1.5);
  uint64_t index = 0;
  const auto add = [&](const std::string& machine, const Counterexample& failure) {
    const int64_t run = *results.begin_run(fake_run(machine));
    ScenarioRecord record = record_of(violated, ++index);
    record.failure = &failure;
    record.file = "failures/x.json";
    EXPECT_TRUE(results.add_scenario(run, record));
  };
  add("Host", failure_of(2));
  Counterexample same_tree = failure_of(2, 1);
  same_tree.scenario.workers = {{0, ForkStorm{9}}};
  add("Lab/debian-6.1/v2", same_tree);
  add("Host", failure_of(3));
  Counterexample planted = failure_of(2);
  planted.provenance = Provenance{"pids", 1, 1, "pids-off-by-one"};
  add("Host", planted);
  EXPECT_EQ(ask(results, "SELECT count(*) FROM failures"), "3");
  EXPECT_EQ(
      ask(results,
          "SELECT count(*) || ' ' || sum(violated) || ' ' || sum(runs) FROM sightings WHERE failure = 1"),
      "2 4 8");
}

TEST_F(ResultsDbTest, CountsTheBehavioursThatAKernelHadNotShown) {
  ResultsDb results = open();
  const Verdict held = verdict_of(Status::Held);
  const int64_t run = *results.begin_run(fake_run());
  ScenarioRecord record = record_of(held, 1);
  record.behaviours = {"a", "b"};
  EXPECT_EQ(*results.add_scenario(run, record), 2);
  record.index = 2;
  record.behaviours = {"b", "c"};
  EXPECT_EQ(*results.add_scenario(run, record), 1);
  const int64_t other = *results.begin_run(fake_run("Host"));
  EXPECT_EQ(*results.add_scenario(other, record), 2);
}

TEST_F(ResultsDbTest, RefusesANewerADamagedAndAnothersFile) {
  { ASSERT_TRUE(open().database().execute("PRAGMA user_version = 99")); }
  Result<ResultsDb> newer = ResultsDb::open(path_);
  ASSERT_FALSE(newer);
  EXPECT_EQ(newer.error().kind, ErrorKind::InvalidInput);
  EXPECT_THAT(to_string(newer.error()),
              AllOf(HasSubstr(path_), HasSubstr("99"), HasSubstr("move the file away")));

  const std::string damaged = folder_.path() + "/damaged.db";
  std::ofstream(damaged) << std::string(8192, 'x');
  Result<ResultsDb> refused = ResultsDb::open(damaged);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::InvalidInput);
  EXPECT_THAT(to_string(refused.error()), AllOf(HasSubstr(damaged), HasSubstr("damaged")));

  const std::string others = folder_.path() + "/others.db";
  { ASSERT_TRUE(Sqlite::open(others)->execute("CREATE TABLE t (x)")); }
  Result<ResultsDb> foreign = ResultsDb::open(others);
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().kind, ErrorKind::InvalidInput);
}

TEST_F(ResultsDbTest, RefusesAFileOfWhichThePagesAreDamaged) {
  {
    ResultsDb results = open();
    const Verdict held = verdict_of(Status::Held);
    const int64_t run = *results.begin_run(fake_run());
    for (uint64_t i = 0; i < 400; ++i) ASSERT_TRUE(results.add_scenario(run, record_of(held, i)));
  }
  const auto size = static_cast<std::streamoff>(std::filesystem::file_size(path_));
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(size / 2);
  file << std::string(static_cast<size_t>(size / 2), 'x');
  file.close();
  const Result<ResultsDb> refused = ResultsDb::open(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::InvalidInput) << to_string(refused.error());
}

/// A process that adds scenarios from `first` on, tells of each on the pipe, and ends with 0 after `count`.
pid_t start_writer(const std::string& path, uint64_t first, uint64_t count, int pipe) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  Result<ResultsDb> results = ResultsDb::open(path);
  if (!results) ::_exit(1);
  const Result<int64_t> run = results->begin_run(fake_run());
  if (!run) ::_exit(2);
  const Verdict held = verdict_of(Status::Held);
  for (uint64_t i = first; i < first + count; ++i) {
    if (!results->add_scenario(*run, record_of(held, i))) ::_exit(3);
    if (::write(pipe, "x", 1) != 1) ::_exit(4);
  }
  ::_exit(0);
}

TEST_F(ResultsDbTest, TwoWritersWhoMakeItAtOnceLoseNothing) {
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const pid_t writers[] = {start_writer(path_, 0, 50, pipe[1]), start_writer(path_, 1000, 50, pipe[1])};
  for (const pid_t writer : writers) {
    int status = -1;
    ASSERT_EQ(::waitpid(writer, &status, 0), writer);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  ResultsDb results = open();
  EXPECT_EQ(ask(results, "SELECT count(*) || ' ' || count(DISTINCT run) FROM scenarios"), "100 2");
  EXPECT_EQ(ask(results, "SELECT count(*) FROM margins"), "100");
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST_F(ResultsDbTest, AKilledWriterLosesNothingThatWasCommitted) {
  uint64_t told = 0;
  constexpr int kKills = 10;
  for (int kill = 0; kill < kKills; ++kill) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t writer = start_writer(path_, static_cast<uint64_t>(kill) * 100'000, 100'000, pipe[1]);
    ::close(pipe[1]);
    char buffer[64];
    // After some scenarios, at whatever it does then.
    for (int seen = 0; seen <= 3 * kill;) {
      const ssize_t got = ::read(pipe[0], buffer, 1);
      ASSERT_EQ(got, 1);
      ++seen;
      ++told;
    }
    ::kill(writer, SIGKILL);
    int status = -1;
    ASSERT_EQ(::waitpid(writer, &status, 0), writer);
    ASSERT_TRUE(WIFSIGNALED(status));
    for (ssize_t got = 0; (got = ::read(pipe[0], buffer, sizeof buffer)) > 0;)
      told += static_cast<uint64_t>(got);
    ::close(pipe[0]);
    ResultsDb results = open();
    EXPECT_EQ(ask(results, "PRAGMA integrity_check"), "ok");
    // One a kill may have been committed and not told of.
    const uint64_t kept = std::stoull(ask(results, "SELECT count(*) FROM scenarios"));
    EXPECT_GE(kept, told);
    EXPECT_LE(kept, told + static_cast<uint64_t>(kill) + 1);
    EXPECT_EQ(ask(results, "SELECT count(*) FROM scenarios WHERE id NOT IN (SELECT scenario FROM margins)"),
              "0");
  }
}

TEST_F(ResultsDbTest, IsWrittenByASearchAsItGoes) {
  FakeMachine machine(warns_if(has_deep_pids_max));
  SearchOptions options = pids_options(folder_);
  const auto recorder =
      Recorder::open(folder_.path(), {machine.name(), machine.facts(), options.seed, "", 0});
  ASSERT_TRUE(recorder) << to_string(recorder.error());
  options.on_judged = [&](const Judged& judged) { return recorder->record(judged); };
  const auto result = search(machine, fake_constraints(), options);
  ASSERT_TRUE(result) << to_string(result.error());
  ASSERT_EQ(result->failures.size(), 1u);
  ResultsDb results = open();
  EXPECT_EQ(ask(results, "SELECT count(*) FROM scenarios"), std::to_string(result->scenarios));
  EXPECT_EQ(ask(results, "SELECT file FROM sightings"), result->files[0]);
  EXPECT_EQ(
      ask(results,
          "SELECT sum(held) FROM margins JOIN invariants ON id = invariant WHERE name = 'knob.readback'"),
      std::to_string(result->tallies.at("knob.readback").held));
}

TEST_F(ResultsDbTest, AnErrorOfTheObserverEndsTheSearch) {
  FakeMachine machine(healthy());
  SearchOptions options = pids_options(folder_);
  int told = 0;
  options.on_judged = [&](const Judged&) -> Result<void> {
    if (++told < 3) return {};
    return fail(ErrorKind::Infrastructure, "write the results database", "x");
  };
  EXPECT_FALSE(search(machine, fake_constraints(), options));
  EXPECT_EQ(told, 3);
}

TEST_F(ResultsDbTest, AKnownSignatureIsCountedAndNotPursued) {
  FakeMachine machine(warns_if(has_deep_pids_max));
  SearchOptions options = pids_options(folder_);
  options.known.signatures = {Signature{"kernel.health", Controller::Core, "v1"}};
  const auto result = search(machine, fake_constraints(), options);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->failures.empty());
  EXPECT_GT(result->tallies.at("kernel.health").violated, 0u);
}

class HistoryTest : public ResultsDbTest {
 protected:
  void see(int64_t when, const std::string& machine, const Counterexample& failure) {
    ResultsDb results = open(when);
    const int64_t run = *results.begin_run(fake_run(machine));
    const Verdict violated = verdict_of(Status::Violated, 1.5);
    ScenarioRecord record = record_of(violated, 1);
    record.failure = &failure;
    record.file = "failures/x.json";
    ASSERT_TRUE(results.add_scenario(run, record));
    ASSERT_TRUE(results.end_run(run));
  }
  std::string since(int64_t when) {
    ResultsDb results = open();
    const Result<std::string> text = history(results, when);
    EXPECT_TRUE(text) << to_string(text.error());
    return text.value_or("");
  }
};

TEST_F(HistoryTest, TellsWhatIsNewSinceWhenItFailsAndOnWhichKernels) {
  see(kNoon - 50 * kHour, "Host", failure_of(2));
  see(kNoon - kHour, "Lab/debian-6.1/v2", failure_of(2, 1));
  see(kNoon - 2 * kHour, "Host", failure_of(3));
  see(kNoon - 40 * kHour, "Host", failure_of(4));
  const std::string text = since(kNoon - 24 * kHour);
  const size_t fresh = text.find("\nnew:"), again = text.find("\nknown before, and seen again:"),
               gone = text.find("\nknown before, and not seen since:");
  ASSERT_LT(fresh, again) << text;
  ASSERT_LT(again, gone) << text;
  EXPECT_THAT(text.substr(fresh, again - fresh),
              AllOf(HasSubstr("pids.max=3"), Not(HasSubstr("pids.max=2"))));
  EXPECT_THAT(text.substr(again, gone - again),
              AllOf(HasSubstr("pids.max=2"), HasSubstr("first seen " + time_text(kNoon - 50 * kHour)),
                    HasSubstr("last seen " + time_text(kNoon - kHour)), HasSubstr("4 of 8 runs"),
                    HasSubstr("Host (Linux 6.12.0-fake), Lab/debian-6.1/v2 (Linux 6.12.0-fake)")));
  EXPECT_THAT(text.substr(gone), HasSubstr("pids.max=4"));
  EXPECT_THAT(text, HasSubstr("2 runs on 2 kernels, 2 scenarios: 0 held, 2 violated"));
}

TEST_F(HistoryTest, SaysThatThereIsNothing) {
  open();
  EXPECT_THAT(since(kNoon), HasSubstr("no failure was ever seen"));
}

TEST_F(HistoryTest, ReadsTheTimesThatItWrites) {
  EXPECT_EQ(*time_from_text(time_text(kNoon - kNoon % 60)), kNoon - kNoon % 60);
  EXPECT_TRUE(time_from_text("2026-11-25"));
  EXPECT_FALSE(time_from_text("yesterday"));
  EXPECT_FALSE(time_from_text("2026-11-25 23:05 or so"));
}

}  // namespace
}  // namespace treeline::testing

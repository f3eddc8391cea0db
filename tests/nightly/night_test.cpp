#include "nightly/night.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "model/json.h"
#include "nightly/night_folder.h"
#include "store/history.h"
#include "tests/search/fake_machine.h"

namespace treeline::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// One machine and one property: a round of the search takes a fourth of it.
constexpr uint64_t kCount = 60;
const Signature kHealth{"kernel.health", Controller::Core, "v1"};

FakeMachine healthy_machine(const std::string& name = "Fake") { return FakeMachine(healthy(), true, name); }
FakeMachine faulty_machine(const std::string& name = "Fake") {
  return FakeMachine(warns_if(has_deep_pids_max), true, name);
}

class NightTest : public ::testing::Test {
 protected:
  NightOptions options() const {
    NightOptions options;
    options.results = folder_.path();
    options.count = kCount;
    options.seed = 7;
    options.properties = {find_property("pids")};
    return options;
  }

  Result<NightSummary> try_night(const std::vector<Machine*>& machines, const NightOptions& chosen) const {
    std::vector<NightMachine> all;
    for (Machine* machine : machines) all.push_back({machine, "", ""});
    return run_night(all, chosen);
  }

  NightSummary night(const std::vector<Machine*>& machines, const NightOptions& chosen) const {
    Result<NightSummary> summary = try_night(machines, chosen);
    EXPECT_TRUE(summary) << to_string(summary.error());
    return summary.value_or(NightSummary{});
  }

  std::string ask(const std::string& sql) const {
    Result<ResultsDb> results = ResultsDb::open(folder_.path() + "/results.db");
    const auto value = results->database().value(sql);
    return value ? value->value_or("NULL") : to_string(value.error());
  }

  TemporaryFolder folder_;
};

TEST_F(NightTest, IsGreenOnAHealthyMachineAndRunsWhatItWasAskedTo) {
  FakeMachine machine = healthy_machine();
  const NightSummary summary = night({&machine}, options());
  EXPECT_EQ(exit_code_of(summary), exit_code::kHeld) << to_text(summary);
  ASSERT_EQ(summary.runs.size(), 1u);
  EXPECT_EQ(summary.runs[0].explored, static_cast<int64_t>(kCount));
  EXPECT_GT(summary.runs[0].new_behaviours, 0);
  EXPECT_EQ(ask("SELECT count(*) FROM nights WHERE ended_at NOT NULL"), "1");
  EXPECT_EQ(ask("SELECT count(*) FROM runs WHERE ended_at IS NULL"), "0");
  std::ifstream file(folder_.path() + "/nights/latest/summary.txt");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), to_text(summary));
}

TEST_F(NightTest, OneFaultInOneOfTwoMachinesIsNewInTheFirstNightAndKnownInTheSecond) {
  FakeMachine good = healthy_machine("Good"), bad = faulty_machine("Bad");
  NightOptions for_two = options();
  for_two.count = 4 * kCount;
  const NightSummary first = night({&good, &bad}, for_two);
  EXPECT_EQ(exit_code_of(first), exit_code::kViolated) << to_text(first);
  ASSERT_EQ(first.failures.size(), 1u) << to_text(first);
  EXPECT_EQ(first.failures[0].standing, Standing::New);
  EXPECT_EQ(first.failures[0].failure.machine, "Bad");
  EXPECT_EQ(first.failures[0].failure.signature, kHealth);
  EXPECT_EQ(shape_of(first.failures[0].failure.example), kDeepPidsMaxMinimum);

  FakeMachine same_good = healthy_machine("Good"), same_bad = faulty_machine("Bad");
  for_two.seed = 8;
  const NightSummary second = night({&same_good, &same_bad}, for_two);
  EXPECT_EQ(exit_code_of(second), exit_code::kHeld) << to_text(second);
  ASSERT_EQ(second.failures.size(), 1u) << to_text(second);
  EXPECT_EQ(second.failures[0].standing, Standing::Known);
  EXPECT_THAT(to_text(second), AllOf(HasSubstr("known since"), HasSubstr("KNOWN, not listed")));
  // The counterexample is what runs first, on both.
  for (const FakeMachine* machine : {&same_good, &same_bad}) {
    EXPECT_EQ(machine->asked().front(), first.failures[0].failure.example);
  }
  EXPECT_EQ(second.held.size(), 1u);
  EXPECT_EQ(ask("SELECT count(*) FROM failures"), "1");
}

TEST_F(NightTest, AFailureThatIsGoneIsReportedAsHeld) {
  FakeMachine bad = faulty_machine(), mended = healthy_machine();
  night({&bad}, options());
  const NightSummary second = night({&mended}, options());
  EXPECT_TRUE(second.failures.empty());
  ASSERT_EQ(second.held.size(), 1u);
  EXPECT_THAT(to_text(second), AllOf(HasSubstr("failed before, and held"), HasSubstr("kernel.health")));
}

TEST_F(NightTest, AFailureThatComesToAnotherMachineIsNewThere) {
  FakeMachine one = faulty_machine("One"), other = faulty_machine("Other");
  night({&one}, options());
  const NightSummary second = night({&one, &other}, options());
  EXPECT_EQ(exit_code_of(second), exit_code::kViolated);
  EXPECT_THAT(to_text(second), HasSubstr("but never seen on this machine"));
}

TEST_F(NightTest, AListedFailureIsNotRedAndOneThatStoppedIsReported) {
  FakeMachine bad = faulty_machine(), good = healthy_machine();
  NightOptions listed = options();
  listed.known = {{kHealth, std::nullopt, std::nullopt, std::nullopt, "Fake",
                   KernelRange{"6.12", std::nullopt}, "a known warning"}};
  const NightSummary first = night({&bad}, listed);
  EXPECT_EQ(exit_code_of(first), exit_code::kHeld) << to_text(first);
  EXPECT_TRUE(first.stopped.empty());
  EXPECT_THAT(to_text(first), AllOf(HasSubstr("counted, not pursued"), HasSubstr("a known warning")));
  const NightSummary second = night({&good}, listed);
  ASSERT_EQ(second.stopped.size(), 1u);
  EXPECT_THAT(to_text(second), AllOf(HasSubstr("NOT failing"), HasSubstr("a known warning")));
}

TEST_F(NightTest, AFailureListedWithItsTreeIsPursuedAndNotRed) {
  FakeMachine bad = faulty_machine();
  const NightSummary first = night({&bad}, options());
  ASSERT_EQ(first.failures.size(), 1u);
  const TemporaryFolder elsewhere;
  NightOptions listed = options();
  listed.results = elsewhere.path();
  listed.known = {{kHealth, first.failures[0].failure.example.tree, std::nullopt, std::nullopt, std::nullopt,
                   std::nullopt, "this tree"}};
  const NightSummary again = night({&bad}, listed);
  ASSERT_EQ(again.failures.size(), 1u);
  EXPECT_EQ(again.failures[0].standing, Standing::Listed);
  EXPECT_EQ(exit_code_of(again), exit_code::kHeld) << to_text(again);
}

TEST_F(NightTest, ACorpusFileThatFailsIsShrunkBeforeAnythingIsExplored) {
  const std::string corpus = folder_.path() + "/corpus";
  fs::create_directory(corpus);
  Scenario scenario;
  const Limits limit{{Knob::PidsMax, Amount{7}}};
  scenario.tree.nodes = {{"t", kNoParent, {}}, {"a", 0, {}}, {"b", 1, limit}, {"c", 0, limit}};
  std::ofstream(corpus + "/deep.json") << to_json(scenario);
  FakeMachine bad = faulty_machine();
  NightOptions with_corpus = options();
  with_corpus.corpus = corpus;
  const NightSummary summary = night({&bad}, with_corpus);
  EXPECT_EQ(bad.asked().front(), scenario);
  ASSERT_EQ(summary.failures.size(), 1u) << to_text(summary);
  EXPECT_EQ(shape_of(summary.failures[0].failure.example), kDeepPidsMaxMinimum);
  EXPECT_EQ(summary.runs[0].replayed, 1);
  EXPECT_EQ(exit_code_of(summary), exit_code::kViolated);
}

TEST_F(NightTest, RefusesACorpusThatCannotBeRead) {
  FakeMachine machine = healthy_machine();
  NightOptions wrong = options();
  wrong.corpus = "/no/such/folder";
  const auto refused = try_night({&machine}, wrong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::InvalidInput);
}

/// Runs a night in a process that kills itself at the machine's `fatal`th run, whatever the night then does.
void run_until_killed(const NightOptions& options, FakeMachine::Behaviour behaviour, uint64_t fatal) {
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    FakeMachine machine([&](const Scenario& scenario, Observation seen, uint64_t run) {
      if (run == fatal) ::kill(::getpid(), SIGKILL);
      return behaviour(scenario, std::move(seen), run);
    });
    const NightMachine on{&machine, "", ""};
    static_cast<void>(run_night({&on, 1}, options));
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
}

TEST_F(NightTest, KilledAtAnyRunItGoesOnAndLosesNothing) {
  uint64_t kills = 0;
  for (const uint64_t fatal : {0, 1, 2, 5, 9, 17}) {
    run_until_killed(options(), healthy(), fatal);
    ++kills;
    EXPECT_EQ(ask("PRAGMA integrity_check"), "ok");
    EXPECT_EQ(ask("SELECT count(*) FROM nights"), "1") << "after kill " << kills;
  }
  // Each attempt went on where the one before had stopped: 0 + 1 + 2 + 5 + 9 + 17.
  EXPECT_EQ(ask("SELECT count(*) || ' ' || max(draw) FROM scenarios"), "34 33");
  FakeMachine machine = healthy_machine();
  const NightSummary summary = night({&machine}, options());
  EXPECT_EQ(machine.asked().size(), kCount - 34);
  EXPECT_EQ(summary.runs.size(), 1u);
  EXPECT_EQ(summary.runs[0].explored, static_cast<int64_t>(kCount));
  EXPECT_EQ(ask("SELECT count(*) FROM nights WHERE ended_at NOT NULL"), "1");
}

TEST_F(NightTest, WhatWasFoundBeforeTheKillIsStillNewAfterIt) {
  FakeMachine whole = faulty_machine();
  const TemporaryFolder elsewhere;
  NightOptions undisturbed = options();
  undisturbed.results = elsewhere.path();
  const NightSummary expected = night({&whole}, undisturbed);
  ASSERT_EQ(expected.failures.size(), 1u);

  run_until_killed(options(), warns_if(has_deep_pids_max), whole.asked().size() - 1);
  EXPECT_EQ(ask("SELECT count(*) FROM sightings"), "1");
  FakeMachine again = faulty_machine();
  const NightSummary resumed = night({&again}, options());
  EXPECT_EQ(exit_code_of(resumed), exit_code::kViolated);
  ASSERT_EQ(resumed.failures.size(), 1u);
  EXPECT_EQ(resumed.failures[0].standing, Standing::New);
  EXPECT_EQ(resumed.failures[0].failure.example, expected.failures[0].failure.example);
  EXPECT_EQ(again.asked().size(), 1u) << "it was pursued again";
}

TEST_F(NightTest, AFreshNightLeavesTheKilledOneClosedWithItsSummary) {
  run_until_killed(options(), healthy(), 3);
  FakeMachine machine = healthy_machine();
  NightOptions fresh = options();
  fresh.fresh = true;
  const NightSummary summary = night({&machine}, fresh);
  EXPECT_EQ(machine.asked().size(), kCount);
  EXPECT_EQ(ask("SELECT count(*) FROM nights WHERE ended_at NOT NULL"), "2");
  EXPECT_TRUE(fs::exists(folder_.path() + "/nights/" + ask("SELECT folder FROM nights WHERE id = 1") +
                         "/summary.txt"));
}

TEST_F(NightTest, ANightWhoseOwnerLivesIsLeftAlone) {
  const auto claimed = NightFolder::make(folder_.path(), ResultsDb::unix_time());
  ASSERT_TRUE(claimed);
  {
    Result<ResultsDb> results = ResultsDb::open(folder_.path() + "/results.db");
    ASSERT_TRUE(Nights(*results).begin(claimed->name(), 600, 1));
  }
  FakeMachine machine = healthy_machine();
  EXPECT_NE(night({&machine}, options()).night.folder, claimed->name());
  EXPECT_EQ(ask("SELECT ended_at FROM nights WHERE id = 1"), "NULL");
}

TEST_F(NightTest, InterruptedItStaysToBeResumed) {
  FakeMachine machine = healthy_machine();
  NightOptions impatient = options();
  impatient.should_stop = [&] { return machine.asked().size() >= 10; };
  const NightSummary stopped = night({&machine}, impatient);
  EXPECT_TRUE(stopped.running);
  EXPECT_EQ(stopped.runs[0].explored, 10);
  FakeMachine later = healthy_machine();
  const NightSummary summary = night({&later}, options());
  EXPECT_EQ(later.asked().size(), kCount - 10);
  EXPECT_EQ(ask("SELECT count(*) FROM nights"), "1");
  EXPECT_FALSE(summary.running);
}

TEST_F(NightTest, RetentionTakesTheNightAndLeavesWhatHistoryNames) {
  FakeMachine bad = faulty_machine(), good = healthy_machine();
  const NightSummary first = night({&bad}, options());
  NightOptions keep_one = options();
  keep_one.retention = {1, 0};
  night({&good}, keep_one);
  EXPECT_FALSE(fs::exists(first.path));
  EXPECT_TRUE(fs::exists(folder_.path() + "/nights/latest/summary.txt"));
  EXPECT_EQ(ask("SELECT group_concat(removed) FROM (SELECT removed FROM nights ORDER BY id)"), "1,0");
  EXPECT_EQ(ask("SELECT count(*) FROM scenarios s JOIN runs r ON r.id = s.run WHERE r.night = 1"), "0");
  const std::string file = ask("SELECT file FROM sightings");
  const auto kept = counterexample_from_file(file);
  ASSERT_TRUE(kept) << to_string(kept.error());
  EXPECT_EQ(kept->scenario, first.failures[0].failure.example);
  Result<ResultsDb> results = ResultsDb::open(folder_.path() + "/results.db");
  EXPECT_THAT(history(*results, 0).value_or(""), AllOf(HasSubstr("kernel.health"), HasSubstr(file)));
}

TEST_F(NightTest, AMachineThatOnlyFailsIsGivenUpAndTheOthersGoOn) {
  const auto broken = [](const Scenario&, const Observation&, uint64_t) -> Result<Observation> {
    return fail(ErrorKind::Infrastructure, "run", "it", EIO);
  };
  FakeMachine lost(broken, true, "Lost"), good = healthy_machine("Good");
  NightOptions many = options();
  many.count = 4 * kCount;
  const NightSummary summary = night({&lost, &good}, many);
  EXPECT_EQ(exit_code_of(summary), exit_code::kInfrastructure) << to_text(summary);
  ASSERT_EQ(summary.left_out.size(), 1u);
  EXPECT_EQ(summary.left_out[0].machine, "Lost");
  EXPECT_GT(summary.runs[1].held, 0);
}

TEST_F(NightTest, WhatCouldNotBeTestedIsSaidSo) {
  FakeMachine machine = healthy_machine();
  NightOptions nothing = options();
  nothing.properties = {find_property("kill")};
  EXPECT_EQ(exit_code_of(night({&machine}, nothing)), exit_code::kUnavailable);
  NightOptions partly = options();
  partly.left_out = {{"Lab/x/v2", {ErrorKind::Unavailable, "find QEMU", "", 0, "install it"}}};
  const NightSummary summary = night({&machine}, partly);
  EXPECT_EQ(exit_code_of(summary), exit_code::kHeld);
  EXPECT_THAT(to_text(summary), AllOf(HasSubstr("left out"), HasSubstr("install it")));
}

}  // namespace
}  // namespace treeline::testing

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "model/json.h"
#include "tests/search/fake_machine.h"

namespace treeline::testing {
namespace {

namespace fs = std::filesystem;

constexpr auto kTrouble = [] {
  return fail(ErrorKind::Infrastructure, "run the executor", "treeline-executor", 0, "it died");
};

TEST(SearchTrouble, IsCountedAndIsNoVerdict) {
  const TemporaryFolder results;
  FakeMachine machine([](const Scenario&, Observation seen, uint64_t run) -> Result<Observation> {
    if (run % 5 == 0) return kTrouble();
    return seen;
  });
  const auto result = search(machine, fake_constraints(), pids_options(results));
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->infrastructure_errors, 20u);
  EXPECT_EQ(result->tallies.at("kernel.health").held, 80u);
  EXPECT_TRUE(result->failures.empty());
  ASSERT_FALSE(result->errors.empty());
  EXPECT_EQ(result->errors[0].operation, "run the executor");
}

TEST(SearchTrouble, IsKeptWithTheScenarioThatRan) {
  const TemporaryFolder results;
  FakeMachine machine(
      [](const Scenario&, const Observation&, uint64_t) -> Result<Observation> { return kTrouble(); });
  SearchOptions options = pids_options(results);
  options.count = 1;
  const auto result = search(machine, fake_constraints(), options);
  ASSERT_TRUE(result) << to_string(result.error());
  const std::string file = results.path() + "/errors/pids-1-0.json";
  EXPECT_NE(to_string(result->errors[0]).find(file), std::string::npos) << to_string(result->errors[0]);
  const auto kept = counterexample_from_file(file);
  ASSERT_TRUE(kept) << to_string(kept.error());
  EXPECT_EQ(kept->scenario, draw_scenario(*options.properties[0], fake_constraints(), 1, 0));
}

TEST(SearchTrouble, AnObservationOfAnotherScenarioIsTroubleToo) {
  const TemporaryFolder results;
  FakeMachine machine([](const Scenario&, Observation seen, uint64_t) {
    seen.nodes.emplace_back();
    return seen;
  });
  const auto result = search(machine, fake_constraints(), pids_options(results));
  ASSERT_TRUE(result) << to_string(result.error());
  EXPECT_EQ(result->infrastructure_errors, 100u);
}

TEST(SearchTrouble, OfACandidateSkipsItAndLeavesTheMinimumUnproven) {
  // Trees of three nodes cannot be run, so the least that can be shown has four.
  const TemporaryFolder results;
  FakeMachine machine([](const Scenario& scenario, Observation seen, uint64_t) -> Result<Observation> {
    if (scenario.tree.size() <= 3) return kTrouble();
    if (has_deep_pids_max(scenario)) warn(seen);
    return seen;
  });
  const auto result = search(machine, fake_constraints(), pids_options(results));
  ASSERT_TRUE(result) << to_string(result.error());
  ASSERT_EQ(result->failures.size(), 1u);
  EXPECT_EQ(result->failures[0].scenario.tree.size(), 4);
  EXPECT_FALSE(result->failures[0].minimum_proven);
  EXPECT_FALSE(result->failures[0].flaky);
  EXPECT_GT(result->infrastructure_errors, 0u);
}

TEST(SearchTrouble, OfEveryConfirmingRunLosesNothing) {
  const TemporaryFolder results;
  FakeMachine machine(
      [broken = false](const Scenario& scenario, Observation seen, uint64_t) mutable -> Result<Observation> {
        if (broken) return kTrouble();
        if (has_deep_pids_max(scenario)) {
          broken = true;
          warn(seen);
        }
        return seen;
      },
      false);
  const auto result = search(machine, fake_constraints(), pids_options(results));
  ASSERT_TRUE(result) << to_string(result.error());
  ASSERT_EQ(result->failures.size(), 1u) << "the violation that was seen is recorded";
  EXPECT_TRUE(has_deep_pids_max(result->failures[0].scenario));
  EXPECT_FALSE(result->failures[0].minimum_proven);
}

/// Runs `body` in a child process, which it does not leave but by _exit or a signal.
int wait_status_of(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    ::_exit(0);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return status;
}

TEST(SearchTrouble, TheScenarioInFlightCanBeReadFromDiskAfterAKill) {
  const TemporaryFolder results;
  const int status = wait_status_of([&] {
    FakeMachine machine([](const Scenario&, Observation seen, uint64_t run) {
      if (run == 7) ::kill(::getpid(), SIGKILL);
      return seen;
    });
    SearchOptions options = pids_options(results);
    options.seed = 11;
    (void)search(machine, fake_constraints(), options);
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto in_flight = counterexample_from_file(results.path() + "/in-flight.json");
  ASSERT_TRUE(in_flight) << to_string(in_flight.error());
  EXPECT_EQ(in_flight->scenario, draw_scenario(*find_property("pids"), fake_constraints(), 11, 7));
  ASSERT_TRUE(in_flight->provenance);
  EXPECT_EQ(in_flight->provenance->seed, 11u);
  EXPECT_EQ(in_flight->provenance->index, 7u);
  EXPECT_EQ(in_flight->provenance->property, "pids");
}

TEST(SearchTrouble, ACandidateInFlightCanBeReadFromDiskAfterAKill) {
  const TemporaryFolder results;
  const int status = wait_status_of([&] {
    FakeMachine machine([](const Scenario& scenario, Observation seen, uint64_t) {
      if (scenario.tree.size() == 3 && has_deep_pids_max(scenario)) ::kill(::getpid(), SIGKILL);
      if (has_deep_pids_max(scenario)) warn(seen);
      return seen;
    });
    SearchOptions options = pids_options(results);
    options.seed = 2;  // its first failure has four nodes
    (void)search(machine, fake_constraints(), options);
  });
  ASSERT_TRUE(WIFSIGNALED(status));
  const auto in_flight = counterexample_from_file(results.path() + "/in-flight.json");
  ASSERT_TRUE(in_flight) << to_string(in_flight.error());
  EXPECT_EQ(in_flight->scenario.tree.size(), 3) << "what was running, not what it was shrunk from";
  ASSERT_TRUE(in_flight->provenance);
  EXPECT_NE(in_flight->scenario,
            draw_scenario(*find_property("pids"), fake_constraints(), 2, in_flight->provenance->index));
}

TEST(SearchResults, AreSavedAsTheyWereReturned) {
  const TemporaryFolder results;
  FakeMachine machine(warns_if(has_deep_pids_max));
  const auto result = search(machine, fake_constraints(), pids_options(results));
  ASSERT_TRUE(result) << to_string(result.error());
  ASSERT_EQ(result->failures.size(), 1u);
  ASSERT_EQ(result->files.size(), 1u);
  EXPECT_EQ(fs::path(result->files[0]).parent_path(), fs::path(results.path()) / "failures");
  const auto saved = counterexample_from_file(result->files[0]);
  ASSERT_TRUE(saved) << to_string(saved.error());
  EXPECT_EQ(*saved, result->failures[0]);
}

TEST(SearchResults, LeaveNoTemporaryFileBehind) {
  const TemporaryFolder results;
  FakeMachine machine(warns_if(has_deep_pids_max));
  ASSERT_TRUE(search(machine, fake_constraints(), pids_options(results)));
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(results.path())) {
    EXPECT_TRUE(entry.is_directory() || entry.path().extension() == ".json") << entry.path();
  }
}

TEST(SearchResults, AFolderThatDoesNotExistIsMade) {
  const TemporaryFolder parent;
  FakeMachine machine(healthy());
  SearchOptions options = pids_options(parent);
  options.results_dir = parent.path() + "/a/b";
  options.count = 1;
  EXPECT_TRUE(search(machine, fake_constraints(), options));
  EXPECT_TRUE(fs::is_directory(options.results_dir));
}

TEST(SearchResults, AFolderThatCannotBeMadeIsAnErrorBeforeAnythingRuns) {
  const TemporaryFolder parent;
  std::ofstream(parent.path() + "/file") << "x";
  FakeMachine machine(healthy());
  SearchOptions options = pids_options(parent);
  options.results_dir = parent.path() + "/file/results";
  const auto result = search(machine, fake_constraints(), options);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().path.find(parent.path() + "/file"), std::string::npos) << result.error().path;
  EXPECT_NE(result.error().errnum, 0);
  EXPECT_TRUE(machine.asked().empty());
}

TEST(SearchResults, AFullDiskIsAnErrorThatNamesTheFile) {
  const TemporaryFolder results;
  // /dev/full answers each write with ENOSPC; the search writes to a temporary file and renames it, so the
  // name itself cannot stand for the device. A limit on file size fails the same write, with EFBIG.
  const int status = wait_status_of([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit none{16, 16};
    ::setrlimit(RLIMIT_FSIZE, &none);
    FakeMachine machine(healthy());
    const auto result = search(machine, fake_constraints(), pids_options(results));
    const bool is_clear = !result && result.error().kind == ErrorKind::Infrastructure &&
                          result.error().errnum == EFBIG &&
                          result.error().path.find(results.path()) != std::string::npos;
    ::_exit(is_clear && machine.asked().empty() ? 0 : 1);
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace treeline::testing

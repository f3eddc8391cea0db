#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "fixtures/test_machine.h"
#include "store/nights.h"
#include "tests/cgroup/host.h"
#include "tests/cli/command.h"

/// `treeline nightly` on real kernels.
namespace treeline::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kHealthy = "Lab/debian-6.1/v2";
constexpr const char* kFaulty = "Lab/debian-6.12/v2";

class LabNightly : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {kHealthy, kFaulty}) {
      const NamedTestMachine machine = open_named_test_machine(name);
      if (!machine.machine) GTEST_SKIP() << machine.unavailable;
    }
  }

  std::string database() const { return folder_.path() + "/results.db"; }
  std::string ask(const std::string& sql) const {
    Result<ResultsDb> results = ResultsDb::open(database());
    if (!results) return to_string(results.error());
    const auto value = results->database().value(sql);
    return value ? value->value_or("NULL") : to_string(value.error());
  }

  TempFolder folder_;
};

TEST_F(LabNightly, FindsAFaultInOneOfTwoKernelsAndKnowsItInTheSecondNight) {
  const TempFolder corpus;
  const std::string file = "22-pids-charges-of-two-storms.json";
  std::filesystem::copy_file(std::string(TREELINE_TESTS_DIR "/corpus/") + file, corpus.path() + "/" + file);
  const std::string command = std::string("nightly --time 1h --count 2 --property pids --seed 1") + " -m " +
                              kHealthy + " -m " + kFaulty + " --fault pids-off-by-one@" + kFaulty +
                              " --corpus " + corpus.path() + " --results " + folder_.path();
  const Ended first = treeline_command(command);
  EXPECT_EQ(first.code(), exit_code::kViolated) << first.said;
  EXPECT_THAT(first.said,
              AllOf(HasSubstr("NEW:"), HasSubstr("1 new failure, 0 known"), HasSubstr("a  pids.max=")));
  EXPECT_EQ(ask("SELECT group_concat(machine) FROM sightings s JOIN runs r ON r.id = s.run JOIN kernels k ON "
                "k.id = r.kernel"),
            kFaulty);
  EXPECT_EQ(
      ask("SELECT count(*) FROM scenarios WHERE id < (SELECT min(s.id) FROM scenarios s JOIN properties p "
          "ON p.id = s.property WHERE p.name = 'pids')"),
      "2")
      << "the corpus was not replayed first, on both";
  const Ended replayed =
      treeline_command("replay " + ask("SELECT file FROM sightings") + " --fault pids-off-by-one");
  EXPECT_EQ(replayed.code(), exit_code::kViolated) << replayed.said;

  const Ended second = treeline_command(command);
  EXPECT_EQ(second.code(), exit_code::kHeld) << second.said;
  EXPECT_THAT(second.said,
              AllOf(HasSubstr("known since"), HasSubstr("0 new failures, 1 known"), Not(HasSubstr("NEW:"))));
}

TEST_F(LabNightly, KilledItGoesOnWhereItStopped) {
  const std::vector<std::string> words{TREELINE_BIN_DIR "/treeline",
                                       "nightly",
                                       "--time",
                                       "1h",
                                       "--count",
                                       "12",
                                       "--seed",
                                       "1",
                                       "--property",
                                       "pids",
                                       "-m",
                                       kHealthy,
                                       "--results",
                                       folder_.path()};
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  // In the middle: after some scenarios, at whatever it does then. If it is done by then, the rest still
  // holds.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(5);
  int status = 0;
  pid_t ended = 0;
  while (ended == 0 && std::chrono::steady_clock::now() < deadline) {
    ended = ::waitpid(pid, &status, WNOHANG);
    if (std::filesystem::exists(database()) && ask("SELECT count(*) >= 3 FROM scenarios") == "1") break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  if (ended == 0) {
    ::kill(pid, SIGKILL);
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  }
  EXPECT_EQ(ask("PRAGMA integrity_check"), "ok");
  std::string command;
  for (size_t i = 1; i < words.size(); ++i) command += words[i] + " ";
  const Ended resumed = treeline_command(command);
  EXPECT_EQ(resumed.code(), exit_code::kHeld) << resumed.said;
  if (WIFSIGNALED(status)) {
    EXPECT_THAT(resumed.said, HasSubstr("goes on"));
    EXPECT_EQ(ask("SELECT count(*) || ' ' || count(ended_at) FROM nights"), "1 1");
    EXPECT_EQ(ask("SELECT count(*) || ' ' || max(draw) FROM scenarios"), "12 11");
  }
}

}  // namespace
}  // namespace treeline::testing

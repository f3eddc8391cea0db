#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <optional>
#include <random>

#include "fixtures/environment.h"
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

/// TREELINE_KILLS: how often it is killed, each time at a random instant of the next few scenarios.
TEST_F(LabNightly, KilledItGoesOnWhereItStopped) {
  constexpr int kScenariosEach = 8;
  const auto kills = static_cast<int>(number_from("TREELINE_KILLS", 2));
  const int count = kScenariosEach * (kills + 1);
  const std::vector<std::string> words{
      "nightly",    "--time", "1h", "--count", std::to_string(count), "--seed",      "1",
      "--property", "pids",   "-m", kHealthy,  "--results",           folder_.path()};
  const auto committed = [&] {
    return std::filesystem::exists(database()) ? std::atoi(ask("SELECT count(*) FROM scenarios").c_str()) : 0;
  };
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same instants each time, nearly
  int kills_made = 0;
  for (int i = 0; i < kills; ++i) {
    const int before = committed();
    const int enough = before + std::uniform_int_distribution(i == 0 ? 1 : 0, kScenariosEach / 2)(random);
    const std::chrono::milliseconds more(std::uniform_int_distribution(0, 400)(random));
    std::optional<std::chrono::steady_clock::time_point> reached;
    Child night([&] { become_treeline(words); });
    // Or it is done before.
    EXPECT_TRUE(poll_until(
        [&] {
          const auto now = std::chrono::steady_clock::now();
          if (!reached && committed() >= enough) reached = now;
          return has_ended(night.pid()) || (reached && now >= *reached + more);
        },
        std::chrono::minutes(5)));
    night.kill();
    if (killed(night.wait())) ++kills_made;
    EXPECT_EQ(ask("PRAGMA integrity_check"), "ok");
    EXPECT_GE(committed(), before);
  }
  std::string command;
  for (const std::string& word : words) command += word + " ";
  const Ended resumed = treeline_command(command);
  EXPECT_EQ(resumed.code(), exit_code::kHeld) << resumed.said;
  ASSERT_GT(kills_made, 0);
  std::cout << fmt::format("killed {} times, {} scenarios\n", kills_made, committed());
  EXPECT_THAT(resumed.said, HasSubstr("goes on"));
  EXPECT_EQ(ask("SELECT count(*) || ' ' || count(ended_at) FROM nights"), "1 1");
  // None is lost, and none was run twice.
  EXPECT_EQ(ask("SELECT count(*) || ' ' || count(DISTINCT draw) || ' ' || max(draw) FROM scenarios"),
            fmt::format("{0} {0} {1}", count, count - 1));
}

}  // namespace
}  // namespace treeline::testing

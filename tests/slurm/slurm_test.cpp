#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "fixtures/test_machine.h"
#include "store/job_results.h"
#include "tests/cgroup/host.h"
#include "tests/cli/command.h"
#include "tests/slurm/cluster.h"

/// `scripts/nightly --engine slurm` on a cluster of four nodes that the test starts on this machine.
namespace treeline::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr const char* kMachine = "Lab/debian-6.12/v2";
constexpr int kNodes = 4;
constexpr auto kLong = std::chrono::minutes(60);

using Seconds = std::chrono::duration<double>;

/// What a batch gave, as one machine or a cluster ran it.
struct Given {
  int code = -1;
  std::string said;
  std::string results;     ///< canonical_results()
  std::string minima;      ///< The minimal scenarios, JSON.
  std::string behaviours;  ///< What the kernel was seen to do.
  double seconds = 0;
};

class Slurm : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (const std::string missing = missing_cluster_programs(); !missing.empty()) {
      GTEST_SKIP() << missing << " not found; scripts/setup --tests installs them";
    }
    const NamedTestMachine machine = open_named_test_machine(kMachine);
    if (!machine.machine) GTEST_SKIP() << machine.unavailable;
    children_before_ = Cluster::descendants();
    auto started = Cluster::start(cluster_folder_.path(), kNodes);
    ASSERT_TRUE(started) << to_string(started.error());
    cluster_ = std::move(*started);
  }
  void TearDown() override {
    cluster_.reset();
    EXPECT_EQ(Cluster::descendants(), children_before_);
  }

  /// Scenarios of each property; $TREELINE_SLURM_COUNT for a larger plan.
  static int count() {
    const char* text = std::getenv("TREELINE_SLURM_COUNT");
    return text ? std::atoi(text) : 8;
  }
  static std::string plan_options() {
    return fmt::format(
        "--machine {} --fault pids-off-by-one -p pids -p memory -p rules --seed 3 --count {} --job-size {}",
        kMachine, count(), std::max(count() / 4, 2));
  }

  static void read_results(const std::string& folder, Given& given) {
    Result<ResultsDb> results = ResultsDb::open_existing(folder + "/results.db");
    ASSERT_TRUE(results) << to_string(results.error()) << '\n' << given.said;
    const Result<std::vector<Night>> nights = Nights(*results).all();
    ASSERT_TRUE(nights);
    ASSERT_EQ(nights->size(), 1u) << given.said;
    given.results = canonical_results(*results, nights->front()).value_or("");
    const auto ask = [&](const char* sql) { return results->database().value(sql)->value_or(""); };
    given.minima =
        ask("SELECT group_concat(example, char(10)) FROM (SELECT example FROM failures ORDER BY example)");
    given.behaviours =
        ask("SELECT group_concat(behaviour, char(10)) FROM (SELECT behaviour FROM behaviours ORDER BY "
            "behaviour)");
  }

  /// The same plan, one job after another, by one process.
  Given on_one_machine() const {
    const std::string batch = work_.path() + "/one/batch";
    Given given;
    const Ended planned = treeline_command(fmt::format("plan {} {}", batch, plan_options()));
    EXPECT_EQ(planned.code(), 0) << planned.said;
    const auto began = std::chrono::steady_clock::now();
    const Ended ran = treeline_command("job " + batch);
    const Ended merged = treeline_command(fmt::format("merge {} --results {}/one", batch, work_.path()));
    given.seconds = Seconds(std::chrono::steady_clock::now() - began).count();
    EXPECT_EQ(ran.code(), merged.code()) << ran.said << merged.said;
    given.code = merged.code();
    given.said = merged.said;
    read_results(work_.path() + "/one", given);
    return given;
  }

  /// `meanwhile` gets the results folder, and is called while it goes on.
  template <typename Meanwhile>
  Given on_the_cluster(const std::string& name, Meanwhile meanwhile,
                       const std::string& program = TREELINE_BIN_DIR "/treeline") {
    const std::string folder = work_.path() + "/" + name;
    const std::string said = work_.path() + "/" + name + ".txt";
    const Fd output(::open(said.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    ProcessOptions options;
    options.descriptors = {{output.get(), 1}, {output.get(), 2}};
    options.environment = {cluster_->environment(), "TREELINE=" + program};
    const auto began = std::chrono::steady_clock::now();
    Given given;
    Result<Process> process = Process::start(
        {"sh", "-c",
         fmt::format(TREELINE_TESTS_DIR "/../scripts/nightly --engine slurm --results {} --time 1h {}",
                     folder, plan_options())},
        options);
    EXPECT_TRUE(process);
    if (!process) return given;
    meanwhile(folder);
    EXPECT_TRUE(process->wait(std::chrono::steady_clock::now() + kLong));
    given.seconds = Seconds(std::chrono::steady_clock::now() - began).count();
    given.code = WIFEXITED(process->status()) ? WEXITSTATUS(process->status()) : -1;
    given.said = read_file(said).value_or("");
    read_results(folder, given);
    return given;
  }

  static void expect_same(const Given& one, const Given& other) {
    EXPECT_EQ(other.results, one.results) << other.said;
    EXPECT_EQ(other.minima, one.minima);
    EXPECT_EQ(other.behaviours, one.behaviours);
    EXPECT_EQ(other.code, one.code) << other.said;
    EXPECT_EQ(std::count(one.results.begin(), one.results.end(), '\n') > 3 * count(), true) << one.results;
  }

  static size_t published(const std::string& folder) {
    size_t count = 0;
    std::error_code ignored;
    for (const auto& night : fs::directory_iterator(folder + "/nights", ignored)) {
      for (const auto& job : fs::directory_iterator(night.path() / "jobs", ignored)) {
        if (fs::exists(job.path() / "job.json", ignored)) ++count;
      }
    }
    return count;
  }

  const TempFolder cluster_folder_, work_;
  std::vector<pid_t> children_before_;
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(Slurm, FourNodesGiveWhatOneMachineGives) {
  const Given one = on_one_machine();
  EXPECT_EQ(one.code, exit_code::kViolated) << one.said;
  EXPECT_THAT(one.results, HasSubstr("failure"));
  const Given four = on_the_cluster("four", [](const std::string&) {});
  expect_same(one, four);
  fmt::print("{} scenarios: one machine {:.0f} s, four nodes {:.0f} s, the same results\n", 3 * count(),
             one.seconds, four.seconds);
}

TEST_F(Slurm, ANodeThatDiesLosesItsTasksTimeAndNotTheirResults) {
  const Given one = on_one_machine();
  const Given four = on_the_cluster("killed", [&](const std::string& folder) {
    std::optional<int> node;
    ASSERT_TRUE(poll_until(
        [&] {
          // A task that still runs a scenario has not published its results.
          if (published(folder) > 0) node = cluster_->node_that_runs("qemu-system-x86");
          return node.has_value();
        },
        kLong));
    cluster_->kill_node(*node);
  });
  expect_same(one, four);
  EXPECT_THAT(cluster_->log(), HasSubstr("due to failure of node"));
  fmt::print(
      "{} scenarios: one machine {:.0f} s, four nodes of which one was killed {:.0f} s, the same results\n",
      3 * count(), one.seconds, four.seconds);
}

TEST_F(Slurm, AJobThatEndsWithoutResultsIsSubmittedAgain) {
  const std::string program = work_.path() + "/stumbles-once";
  std::ofstream(program) << "#!/bin/sh\n"
                         << "[ \"$1\" != job ] || ! mkdir " << work_.path() << "/once || exit 99\n"
                         << "exec " TREELINE_BIN_DIR "/treeline \"$@\"\n";
  fs::permissions(program, fs::perms::owner_all);
  const Given four = on_the_cluster(
      "stumbled", [](const std::string&) {}, program);
  EXPECT_TRUE(fs::exists(work_.path() + "/once"));
  EXPECT_THAT(four.said, HasSubstr("without results, and submitted again"));
  EXPECT_THAT(four.said, HasSubstr("merged 12 of 12 jobs"));
  EXPECT_EQ(four.code, exit_code::kViolated) << four.said;
}

}  // namespace
}  // namespace treeline::testing

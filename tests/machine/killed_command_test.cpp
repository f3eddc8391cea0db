#include <gmock/gmock.h>

#include <iostream>
#include <random>

#include "fixtures/environment.h"
#include "model/json.h"
#include "tests/cgroup/host.h"
#include "tests/cli/command.h"

/// `treeline run` is killed at random instants, and started again: of the dead one nothing is left but the
/// scenario that it ran. TREELINE_KILLS: how often.
namespace treeline::testing {
namespace {

using ::testing::IsEmpty;

/// All processes that descend from one, named like groups are: with their start time.
std::vector<std::string> descendants_of(pid_t pid) {
  std::vector<std::string> found;
  std::error_code ignored;
  const std::string threads = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& thread : std::filesystem::directory_iterator(threads, ignored)) {
    std::istringstream children(read_file(thread.path().string() + "/children").value_or(""));
    for (pid_t child = 0; children >> child;) {
      found.push_back(run_group_name(child));
      const std::vector<std::string> below = descendants_of(child);
      found.insert(found.end(), below.begin(), below.end());
    }
  }
  return found;
}

class KilledCommand : public HostTest {};

TEST_F(KilledCommand, LeavesNothingForTheNextButItsScenario) {
  const uint64_t kills = number_from("TREELINE_KILLS", 5);
  std::mt19937_64 random(1);
  uint64_t readable = 0;
  for (uint64_t i = 0; i < kills; ++i) {
    SCOPED_TRACE("kill " + std::to_string(i));
    const TempFolder results;
    const TempFolder scratch;
    const std::string in_flight = results.path() + "/in-flight.json";
    // It goes on until it is killed.
    Child child([&] {
      become_treeline({"run", "--count", "100000", "--seed", std::to_string(i), "--results", results.path(),
                       "--scratch", scratch.path()});
    });
    const std::string name = run_group_name(child.pid());
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 2'500'000));
    const std::vector<std::string> processes = descendants_of(child.pid());
    child.kill();
    ASSERT_TRUE(killed(child.wait()));
    if (exists(in_flight)) {  // else it was killed before its first scenario
      const auto scenario = counterexample_from_json(read_file(in_flight).value_or(""));
      EXPECT_TRUE(scenario) << to_string(scenario.error());
      ++readable;
    }
    const Ended next = treeline_command("run --count 1 --property rules --results " + results.path() +
                                        " --scratch " + scratch.path());
    EXPECT_EQ(next.code(), 0) << next.said;
    EXPECT_THAT(groups_with(hierarchies_, name), IsEmpty());
    EXPECT_TRUE(scratch.empty());
    for (const auto& entry : std::filesystem::directory_iterator(results.path())) {
      EXPECT_FALSE(is_run_group_name(entry.path().filename().string())) << "half written: " << entry.path();
    }
    for (const std::string& process : processes) {
      EXPECT_TRUE(poll_until([&] { return !owner_is_alive(process); })) << process;
    }
  }
  EXPECT_GT(readable, 0u);
  std::cout << kills << " kills, " << readable << " of them while a scenario was in flight\n";
}

}  // namespace
}  // namespace treeline::testing

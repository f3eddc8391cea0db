#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "generators/property.h"
#include "generators/scenario_gen.h"
#include "model/json.h"
#include "model/rules.h"
#include "tests/generators/fake_machine.h"
#include "tests/sanitized.h"

namespace treeline {
namespace {

constexpr auto kDrawsPerPropertyAndMachine = static_cast<uint64_t>(times(60));

void expect_within(const Scenario& scenario, const Constraints& constraints, const std::string& what) {
  EXPECT_LE(scenario.tree.size(), constraints.max_nodes) << what;
  EXPECT_LE(scenario.tree.max_depth(), constraints.max_depth) << what;
  EXPECT_LE(static_cast<int>(scenario.workers.size()), constraints.max_workers) << what;
  EXPECT_LE(scenario.window.length_us, constraints.max_window_us + 1'000 * warm_up_ms(constraints.machine))
      << what;
  for (NodeId id = 0; id < scenario.tree.size(); ++id) {
    EXPECT_LE(static_cast<int>(scenario.tree.children(id).size()), constraints.max_children) << what;
  }
  int processes = 0;
  int64_t bytes = 0;
  for (const Worker& worker : scenario.workers) {
    processes += 1;
    if (const auto* storm = std::get_if<ForkStorm>(&worker.workload)) processes += storm->forks;
    if (const auto* mixed = std::get_if<Mixed>(&worker.workload)) processes += mixed->forks;
    if (const auto* hog = std::get_if<MemoryHog>(&worker.workload)) bytes += hog->bytes;
  }
  EXPECT_LE(processes, constraints.max_processes) << what;
  EXPECT_LE(bytes, constraints.max_memory_bytes) << what;
}

/// Draws of every testable property on every fake machine: some 8,000 in all.
TEST(Draw, EveryScenarioIsValidAndRunnableAndStaysWithinItsConstraints) {
  int drawn = 0;
  for (const auto& [name, machine] : fake_machines()) {
    const Constraints constraints = machine.constraints();
    for (const Property& property : properties()) {
      if (why_untestable(property, machine.facts())) continue;
      for (uint64_t index = 0; index < kDrawsPerPropertyAndMachine; ++index) {
        const std::string what =
            name + ", " + std::string(property.name) + ", index " + std::to_string(index);
        const Scenario scenario = draw_scenario(property, constraints, 7, index);
        ++drawn;
        for (const Fault& fault : validate(scenario))
          ADD_FAILURE() << what << fault.json_path << fault.message;
        for (const Fault& fault : unmet(scenario, constraints.machine)) {
          ADD_FAILURE() << what << ": " << fault.json_path << " " << fault.message << "\n" << draw(scenario);
        }
        expect_within(scenario, constraints, what);
        if (testing::Test::HasFailure()) return;
      }
    }
  }
  EXPECT_GT(drawn, times(5'000));
}

TEST(Draw, EveryScenarioSurvivesJson) {
  for (const FakeMachine& machine : {FakeMachine(), FakeMachine().v2()}) {
    const Constraints constraints = machine.constraints();
    for (const Property& property : properties()) {
      for (uint64_t index = 0; index < 20; ++index) {
        const Scenario scenario = draw_scenario(property, constraints, 3, index);
        const Result<Scenario> read = scenario_from_json(to_json(scenario));
        ASSERT_TRUE(read) << to_string(read.error()) << "\n" << to_json(scenario, 1);
        EXPECT_EQ(*read, scenario) << property.name;
      }
    }
  }
}

TEST(Draw, SameSeedAndIndexGiveTheSameScenario) {
  const Constraints constraints = FakeMachine().cpus(8).constraints();
  for (const Property& property : properties()) {
    for (uint64_t index = 0; index < static_cast<uint64_t>(times(40)); ++index) {
      const Scenario first = draw_scenario(property, constraints, 11, index);
      // Others in between must not matter.
      draw_scenario(property, constraints, 12, index + 1);
      EXPECT_EQ(draw_scenario(property, constraints, 11, index), first) << property.name << index;
    }
  }
}

uint64_t hash_of_draws() {
  const Constraints constraints = FakeMachine().constraints();
  uint64_t hash = 0xcbf29ce484222325;
  for (const Property& property : properties()) {
    for (uint64_t index = 0; index < 10; ++index) {
      for (const char c : to_json(draw_scenario(property, constraints, 1, index))) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
      }
    }
  }
  return hash;
}

/// Run by the next test in another process.
TEST(Draw, DISABLED_PrintsHashOfDraws) { std::cout << "hash=" << hash_of_draws() << "\n"; }

TEST(Draw, SameSeedAndIndexGiveTheSameScenarioInAnotherProcess) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string command =
      "'" + self + "' --gtest_also_run_disabled_tests --gtest_filter=Draw.DISABLED_PrintsHashOfDraws";
  FILE* pipe = ::popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string output;
  std::array<char, 4096> buffer{};
  while (const size_t size = ::fread(buffer.data(), 1, buffer.size(), pipe))
    output.append(buffer.data(), size);
  EXPECT_EQ(::pclose(pipe), 0);
  EXPECT_NE(output.find("hash=" + std::to_string(hash_of_draws()) + "\n"), std::string::npos) << output;
}

TEST(Draw, AnotherSeedIndexOrPropertyGivesAnotherScenario) {
  const Constraints constraints = FakeMachine().constraints();
  int same = 0;
  for (const Property& property : properties()) {
    for (uint64_t index = 10; index < 30; ++index) {
      const Scenario scenario = draw_scenario(property, constraints, 5, index);
      same += scenario == draw_scenario(property, constraints, 6, index);
      same += scenario == draw_scenario(property, constraints, 5, index + 1);
    }
  }
  EXPECT_EQ(same, 0);
}

TEST(Draw, FirstIndicesHaveSmallTrees) {
  const Constraints constraints = FakeMachine().constraints();
  const Property& property = *find_property("mixed");
  for (uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_LE(draw_scenario(property, constraints, seed, 0).tree.size(), 2);
  }
}

TEST(Draw, EachTenthIndexSeesLargeTreesToo) {
  const Constraints constraints = FakeMachine().constraints();
  const Property& property = *find_property("rules");
  int largest = 0;
  for (uint64_t index = 8; index < 600; index += 10) {
    largest = std::max(largest, draw_scenario(property, constraints, 1, index).tree.size());
  }
  EXPECT_GE(largest, constraints.max_nodes - 2);
}

}  // namespace
}  // namespace treeline

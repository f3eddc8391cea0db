#include <gtest/gtest.h>

#include <future>
#include <iostream>
#include <thread>

#include "fixtures/environment.h"
#include "fixtures/test_machine.h"
#include "generators/constraints.h"
#include "generators/property.h"
#include "model/json.h"
#include "tests/cgroup/host.h"

namespace treeline::testing {
namespace {

/// What is observed is a function of kernel, image and scenario, on every machine of the lab that claims so.
/// TREELINE_LAB_COUNT: how many scenarios, each in three clones, two of them side by side;
/// TREELINE_LAB_MOVING=1: only scenarios in which something changes or moves while work runs.
class LabDeterminism : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    NamedTestMachine opened = open_named_test_machine(GetParam());
    if (!opened.machine) GTEST_SKIP() << opened.unavailable;
    machine_ = std::move(opened.machine);
    for (const Property& property : properties()) {
      if (!why_untestable(property, machine_->facts())) testable_.push_back(&property);
    }
  }

  const Property& property(uint64_t index) const { return *testable_[index % testable_.size()]; }

  std::string observe(const Scenario& scenario) {
    const auto seen = machine_->run(scenario);
    return seen ? to_json(*seen) : to_string(seen.error());
  }

  std::unique_ptr<Machine> machine_;
  std::vector<const Property*> testable_;
};

TEST_P(LabDeterminism, GivesTheSameBytesInEveryClone) {
  ASSERT_TRUE(machine_->deterministic());
  ASSERT_FALSE(testable_.empty());
  const uint64_t count = number_from("TREELINE_LAB_COUNT", 6);
  const bool only_moving = number_from("TREELINE_LAB_MOVING", 0) != 0;
  uint64_t equal = 0;
  uint64_t ran = 0;
  for (uint64_t i = 0; ran < count; ++i) {
    const Scenario scenario = draw_scenario(property(i), constraints_for(machine_->facts()), 7, i);
    if (only_moving && scenario.actions.empty()) continue;
    ++ran;
    const auto first = machine_->run(scenario);
    ASSERT_TRUE(first) << to_string(first.error());
    auto beside = std::async(std::launch::async, [&] { return observe(scenario); });
    std::vector<std::string> others{observe(scenario)};
    others.push_back(beside.get());
    bool same = true;
    for (const std::string& other : others) {
      same = same && other == to_json(*first);
      // What is no observation says what went wrong.
      EXPECT_EQ(other.substr(0, 1), "{") << property(i).name << " #" << i << ": " << other;
    }
    EXPECT_TRUE(same) << property(i).name << " #" << i << ": " << to_json(scenario);
    equal += same ? 1 : 0;
  }
  std::cout << GetParam() << ": " << equal << " of " << count
            << " scenarios byte-identical in 3 clones, 2 of them side by side\n";
}

/// Threads that are ready all the time, twice as many as CPUs.
class BusyHost {
 public:
  BusyHost() {
    for (unsigned n = 2 * std::thread::hardware_concurrency(); n > 0; --n) {
      threads_.emplace_back([](const std::stop_token& stop) {
        while (!stop.stop_requested()) continue;
      });
    }
  }

 private:
  std::vector<std::jthread> threads_;
};

/// A timer interrupts a fork between two page tables, and a thread of the same process runs before the fork
/// flushes the TLB: whether it faults is a matter of the TLB's size (src/turns/turns.cpp).
TEST(LabTlb, HasNoSizeByTheHostsTime) {
  const NamedTestMachine opened = open_named_test_machine("Lab/debian-6.12/v2");
  if (!opened.machine) GTEST_SKIP() << opened.unavailable;
  const auto text = read_file(TREELINE_TESTS_DIR "/lab/runs-while-a-fork-copies.json");
  ASSERT_TRUE(text);
  const auto scenario = scenario_from_json(*text);
  ASSERT_TRUE(scenario) << to_string(scenario.error());
  const auto alone = opened.machine->run(*scenario);
  ASSERT_TRUE(alone) << to_string(alone.error());
  const BusyHost busy;
  for (int run = 0; run < 3; ++run) {
    const auto beside = opened.machine->run(*scenario);
    ASSERT_TRUE(beside) << to_string(beside.error());
    EXPECT_EQ(to_json(*beside), to_json(*alone));
  }
}

INSTANTIATE_TEST_SUITE_P(StockKernels, LabDeterminism,
                         ::testing::Values("Lab/debian-6.1/v1", "Lab/debian-6.1/v2", "Lab/debian-6.12/v2",
                                           "Lab/debian-6.1/v1/2cpus", "Lab/debian-6.1/v2/2cpus",
                                           "Lab/debian-6.12/v2/2cpus", "Lab/debian-6.12/v2/4cpus",
                                           "Lab/debian-6.12/v2/8cpus"),
                         [](const ::testing::TestParamInfo<const char*>& machine) {
                           std::string name(machine.param);
                           for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace treeline::testing

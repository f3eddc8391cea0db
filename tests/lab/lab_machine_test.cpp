#include "lab/lab_machine.h"

#include <gmock/gmock.h>

#include <future>

#include "model/units.h"
#include "oracle/oracle.h"
#include "tests/lab/lab.h"

namespace treeline::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class Lab : public LabTest {};

TEST_F(Lab, KnowsItsGuest) {
  const MachineFacts& facts = lab_->facts();
  EXPECT_EQ(lab_->name(), "Lab/debian-6.1/v1");
  EXPECT_THAT(facts.kernel_release, ::testing::StartsWith("6.1."));
  EXPECT_EQ(facts.mode, "v1");
  EXPECT_EQ(facts.hz, 250);
  EXPECT_EQ(facts.config.at("HZ"), "250");
  EXPECT_EQ(facts.cpus, std::vector<int>{0});
  EXPECT_FALSE(facts.device.empty());
  for (const Controller controller :
       {Controller::Cpu, Controller::Cpuacct, Controller::Memory, Controller::Pids, Controller::Cpuset,
        Controller::Io, Controller::Freezer}) {
    EXPECT_TRUE(facts.controllers.contains(controller)) << controller_name(controller);
  }
  EXPECT_TRUE(facts.has(Knob::IoMax));
}

TEST_F(Lab, EnforcesAQuotaInVirtualTime) {
  const auto seen =
      lab_->run(one_node({{Knob::CpuMax, CpuBandwidth{10'000, 50'000}}}, CpuHog{1, 100, 10'000}, 1'000'000));
  ASSERT_TRUE(seen) << to_string(seen.error());
  EXPECT_EQ(seen->machine, lab_->facts());
  EXPECT_GE(seen->window_ns, 1'000'000'000);
  EXPECT_LT(seen->window_ns, 1'100'000'000);
  const int64_t used_ns = get(seen->nodes.at(0).after, Counter::CpuUsageNs).value_or(0);
  EXPECT_GT(used_ns, 150'000'000);
  EXPECT_LT(used_ns, 300'000'000);
}

TEST_F(Lab, KillsForMemoryAndTellsWho) {
  Scenario scenario =
      one_node({{Knob::MemoryMax, Amount{4 * kMiB}}}, MemoryHog{MemoryKind::Anonymous, 16 * kMiB}, 1'000'000);
  scenario.window.until_settled = true;
  const auto seen = lab_->run(scenario);
  ASSERT_TRUE(seen) << to_string(seen.error());
  EXPECT_EQ(seen->workers.at(0).end, WorkerEnd::OomKilled);
  EXPECT_EQ(get(seen->nodes.at(0).after, Counter::MemoryOomKills), 1);
  EXPECT_THAT(seen->health.log, Contains(HasSubstr("Killed process")));
}

TEST_F(Lab, MovesBlocksNoFasterThanItsLimit) {
  const auto seen = lab_->run(one_node({{Knob::IoMax, IoRates{kMiB, {}, {}, {}}}},
                                       IoHog{true, IoDirection::Read, 4096, kMiB}, 1'000'000));
  ASSERT_TRUE(seen) << to_string(seen.error());
  EXPECT_GT(seen->workers.at(0).bytes_moved, kMiB / 2);
  EXPECT_LT(seen->workers.at(0).bytes_moved, 3 * kMiB / 2);
}

TEST_F(Lab, RefusesWhatItCannotRun) {
  Scenario scenario = LabMachine::self_check_scenario();
  scenario.requirements.cpus = 2;
  const auto seen = lab_->run(scenario);
  ASSERT_FALSE(seen);
  EXPECT_EQ(seen.error().kind, ErrorKind::Unavailable);
}

TEST_F(Lab, PlaysAPlantedFault) {
  LabOptions with = options();
  with.fault = PlantedFault::KernelWarns;
  auto faulty = LabMachine::open(with);
  ASSERT_TRUE(faulty) << to_string(faulty.error());
  const Scenario scenario =
      one_node({{Knob::CpuMax, CpuBandwidth{10'000, 50'000}}}, CpuHog{1, 100, 10'000}, 200'000);
  const auto seen = (*faulty)->run(scenario);
  ASSERT_TRUE(seen) << to_string(seen.error());
  EXPECT_EQ(judge(scenario, *seen)->status(), Status::Violated);
  const auto healthy = lab_->run(scenario);
  ASSERT_TRUE(healthy) << to_string(healthy.error());
  EXPECT_NE(judge(scenario, *healthy)->status(), Status::Violated);
}

TEST_F(Lab, RunsClonesSideBySide) {
  const Scenario scenario = LabMachine::self_check_scenario();
  const auto run = [&] { return lab_->run(scenario); };
  std::vector<std::future<Result<Observation>>> runs;
  for (int i = 0; i < 4; ++i) runs.push_back(std::async(std::launch::async, run));
  const auto alone = lab_->run(scenario);
  ASSERT_TRUE(alone) << to_string(alone.error());
  for (auto& other : runs) {
    const auto seen = other.get();
    ASSERT_TRUE(seen) << to_string(seen.error());
    EXPECT_EQ(to_json(*seen), to_json(*alone));
  }
}

}  // namespace
}  // namespace treeline::testing

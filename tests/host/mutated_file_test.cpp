#include <gmock/gmock.h>
#include <sys/prctl.h>

#include <fstream>
#include <iostream>

#include "fixtures/environment.h"
#include "model/error.h"
#include "model/json.h"
#include "tests/cgroup/host.h"
#include "tests/cli/command.h"
#include "tests/model/mutator.h"

/// What someone writes by hand is refused with one clear error, or run, and leaves nothing either way.
/// TREELINE_MUTANTS: how many files.
namespace treeline::testing {
namespace {

using ::testing::AnyOf;
using ::testing::IsEmpty;

//  t  pids.max, memory.max
//  ├─ a  cpu.max: a hog and a fork storm
//  └─ b: memory and blocks
Scenario short_scenario() {
  Scenario scenario;
  scenario.tree = {{{"t", kNoParent, {{Knob::PidsMax, Amount{64}}, {Knob::MemoryMax, Amount{32 << 20}}}},
                    {"a", 0, {{Knob::CpuMax, CpuBandwidth{5'000, 10'000}}}},
                    {"b", 0, {}}}};
  scenario.workers = {{1, CpuHog{1, 100, 10'000}},
                      {1, ForkStorm{3}},
                      {2, MemoryHog{MemoryKind::Anonymous, 1 << 20}},
                      {2, IoHog{false, IoDirection::Write, 4096, 1 << 16}}};
  scenario.window.length_us = 20'000;
  return scenario;
}

class MutatedFile : public HostTest {};

TEST_F(MutatedFile, IsReplayedOrRefusedWithOneClearError) {
  const OwnRoot root(hierarchies_, machine_);
  const auto hierarchies = root.hierarchies();
  ASSERT_TRUE(hierarchies) << to_string(hierarchies.error());
  const TempFolder folder;
  const TempFolder scratch;
  const std::string file = folder.path() + "/case.json";
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  // a process that is left becomes a child
  model_test::Mutator mutator(to_json(short_scenario()), 1);
  const uint64_t count = number_from("TREELINE_MUTANTS", 60);
  uint64_t replayed = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const std::string mutant = i % 2 == 0 ? mutator.changed_bytes() : mutator.changed_structure();
    SCOPED_TRACE(mutant);
    std::ofstream(file, std::ios::binary) << mutant;
    const Ended ended =
        treeline_command("replay " + file + " --cgroup-root " + root.name() + " --scratch " + scratch.path());
    const bool refused = ended.code() == exit_code::kInvalidInput || ended.code() == exit_code::kUnavailable;
    if (refused) {
      EXPECT_EQ(std::count(ended.said.begin(), ended.said.end(), '\n'), 1) << ended.said;
    } else {
      ASSERT_THAT(ended.code(), AnyOf(exit_code::kHeld, exit_code::kInconclusive)) << ended.said;
      ++replayed;
    }
    EXPECT_THAT(groups_with(*hierarchies, "treeline-"), IsEmpty());
    EXPECT_TRUE(scratch.empty());
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a process is left";
  }
  EXPECT_GT(replayed, 0u);
  std::cout << count << " mutated files: " << replayed << " replayed, " << count - replayed << " refused\n";
}

}  // namespace
}  // namespace treeline::testing

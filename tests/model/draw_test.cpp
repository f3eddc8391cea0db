#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rich_values.h"

namespace treeline {
namespace {

Scenario known_scenario() {
  Scenario scenario;
  scenario.tree.nodes = {
      {"t", kNoParent, {{Knob::CpuMax, CpuBandwidth{10'000, 100'000}}, {Knob::MemoryMax, Amount{64 << 20}}}},
      {"a", 0, {}},
      {"b", 0, {{Knob::PidsMax, Amount{8}}, {Knob::CpusetCpus, IdSet{{0, 1}}}}},
      {"leaf", 1, {{Knob::CpuWeight, Amount{200}}}}};
  scenario.workers = {
      {0, CpuHog{}}, {1, MemoryHog{}}, {2, ForkStorm{9}}, {2, IoHog{}}, {3, CpuHog{2, 50, 10'000}}};
  scenario.actions = {{50'000, Action::Kind::Freeze, 1},
                      {80'000, Action::Kind::Thaw, 1},
                      {90'000, Action::Kind::SetLimit, 2, Knob::PidsMax, Amount{3}},
                      {95'000, Action::Kind::Migrate, 3}};
  scenario.actions.back().worker = 2;
  scenario.actions.push_back({99'000, Action::Kind::CpuOffline});
  scenario.actions.back().cpu = 1;
  scenario.actions.push_back({99'000, Action::Kind::DisableController, 1});
  scenario.actions.back().controller = Controller::Pids;
  scenario.probes = {{3, Knob::CpuWeight, Amount{0}}};
  scenario.window = {200'000, false, 10'000};
  return scenario;
}

TEST(Draw, ShowsWhatIsLimitedAndWhatRunsWhere) {
  EXPECT_EQ(draw(known_scenario()), R"(t  cpu.max=10 ms/100 ms  memory.max=64 MiB
│ • cpu hog
├─ a
│  │ • memory hog 1 MiB anonymous
│  └─ leaf  cpu.weight=200
│       • cpu hog ×2 at 50% of 10 ms
└─ b  pids.max=8  cpuset.cpus=0-1
     • fork storm ×9
     • io hog direct read blocks of 4 KiB
at 50 ms freeze t/a
at 80 ms thaw t/a
at 90 ms set_limit t/b pids.max=3
at 95 ms migrate worker 2 to t/a/leaf
at 99 ms cpu_offline 1
at 99 ms controller_off t/a pids
try cpu.weight=0 on t/a/leaf
for 200 ms
)");
}

TEST(Draw, AlignsTheNotesBehindTheNodes) {
  Scenario scenario = known_scenario();
  scenario.workers.clear();
  scenario.actions.clear();
  scenario.probes.clear();
  EXPECT_EQ(draw(scenario, {"used 31 ms, allowed 20 ms", "", "full"}),
            R"(t  cpu.max=10 ms/100 ms  memory.max=64 MiB  ◄ used 31 ms, allowed 20 ms
├─ a
│  └─ leaf  cpu.weight=200
└─ b  pids.max=8  cpuset.cpus=0-1           ◄ full
for 200 ms
)");
}

TEST(Draw, AloneRootIsOneLine) { EXPECT_EQ(draw(model_test::plain_scenario()), "t\nfor 200 ms\n"); }

TEST(Draw, SaysWhenTheWindowEndsEarly) {
  Scenario scenario = model_test::plain_scenario();
  scenario.window = {1'000'000, true, 10'000};
  EXPECT_EQ(draw(scenario), "t\nuntil all have settled, at most 1 s\n");
}

TEST(Draw, MoreNotesThanNodesAreIgnored) {
  EXPECT_EQ(draw(model_test::plain_scenario(), {"", "nobody"}), "t\nfor 200 ms\n");
}

TEST(Draw, NamesEveryNodeWorkerActionAndProbeOfARichScenario) {
  const Scenario scenario = model_test::rich_scenario();
  const std::string text = draw(scenario);
  for (const Node& node : scenario.tree.nodes) {
    for (const auto& [knob, value] : node.limits) {
      EXPECT_THAT(text, testing::HasSubstr(std::string(knob_info(knob).name) + "=" + describe(knob, value)));
    }
  }
  for (const Worker& worker : scenario.workers) {
    EXPECT_THAT(text, testing::HasSubstr("• " + describe(worker.workload) + "\n"));
  }
  EXPECT_THAT(text, testing::HasSubstr("at 30 ms thaw t/every_knob\n"));
  EXPECT_THAT(text, testing::HasSubstr("on t/every_knob/a/a\n"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5 + 7 + 16 + 5 + 1);
}

}  // namespace
}  // namespace treeline

#include "model/threads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "model/json.h"
#include "model/rules.h"
#include "model/rules_threads.h"
#include "rich_values.h"

namespace treeline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kMove = Action::Kind::Migrate;
constexpr auto kMoveThread = Action::Kind::MigrateThread;
struct Move {
  Action::Kind kind;
  NodeId node;
  int thread = 0;
};

/// "t" with "a" and "b", a hog of three threads in "t", which moves, and one that idles in "a".
Scenario moving_threads(const std::vector<Move>& moves) {
  Scenario scenario = model_test::plain_scenario();
  scenario.tree.nodes = {{"t", kNoParent, {}, true}, {"a", kRoot, {}}, {"b", kRoot, {}}};
  scenario.workers = {{kRoot, CpuHog{3}}, {1, Idle{}}};
  scenario.window = {200'000, false, 10'000};
  for (const auto& [kind, node, thread] : moves) {
    scenario.actions.push_back({10'000, kind, node});
    scenario.actions.back().thread = thread;
  }
  return scenario;
}

std::vector<std::string> refused_moves(const Scenario& scenario) {
  std::vector<std::string> paths;
  for (const Fault& fault : validate(scenario)) paths.push_back(fault.json_path);
  return paths;
}

MachineFacts machine(CgroupVersion version) {
  MachineFacts facts;
  facts.cpus = {0, 1};
  facts.mems = {0};
  facts.memory_bytes = int64_t{4} << 30;
  for (const Controller controller : {Controller::Cpu, Controller::Pids, Controller::Cpuset}) {
    facts.controllers[controller] = version;
  }
  facts.knobs = {Knob::CpuMax, Knob::PidsMax, Knob::CpusetCpus, Knob::MemoryMax};
  return facts;
}

TEST(Threads, AThreadIsWhereItWentOrWhereItsProcessTookIt) {
  const Scenario scenario = moving_threads({{kMoveThread, 1, 2}, {kMove, 2}, {kMoveThread, 1, 1}});
  const auto places = [&](size_t actions) {
    std::vector<NodeId> result;
    for (int thread = 0; thread < 3; ++thread)
      result.push_back(place_of(scenario, {0, thread}, actions, every_action));
    return result;
  };
  EXPECT_THAT(places(0), ElementsAre(0, 0, 0));
  EXPECT_THAT(places(1), ElementsAre(0, 0, 1));
  EXPECT_THAT(places(2), ElementsAre(2, 2, 2));
  EXPECT_THAT(places(3), ElementsAre(2, 1, 2));
  EXPECT_EQ(place_of(scenario, {0, 2}, 1, [](size_t) { return false; }), 0) << "the kernel refused it";
}

TEST(Threads, TheViewHasEachThreadOfAPartedWorkerAndMovesThemTogether) {
  const Scenario scenario = moving_threads({{kMoveThread, 1, 2}, {kMove, 2}});
  const ThreadView view = by_threads(scenario);
  ASSERT_EQ(view.scenario.workers.size(), 4U);
  EXPECT_EQ(view.scenario.workers[0].workload, Workload(CpuHog{}));
  EXPECT_EQ(view.scenario.workers[1], scenario.workers[1]);
  EXPECT_EQ(view.scenario.workers[3].stands_for, (ThreadId{0, 2}));
  EXPECT_THAT(view.action, ElementsAre(0, 1, 1, 1));
  const Scenario first = scenario_after(view.scenario, 1, every_action);
  const Scenario end = scenario_after(view.scenario, 4, every_action);
  EXPECT_EQ(first.workers[2].node, 0);
  EXPECT_EQ(first.workers[3].node, 1);
  for (const size_t i : {0, 2, 3}) EXPECT_EQ(end.workers[i].node, 2) << worker_name(end, i);
  EXPECT_EQ(worker_name(end, 3), "thread 2 of worker 0");
  EXPECT_EQ(worker_name(end, 1), "worker 1");
}

TEST(Threads, WhereNoneMovesTheViewIsTheScenario) {
  const Scenario scenario = moving_threads({{kMove, 1}, {kMove, 2}});
  EXPECT_FALSE(moves_threads(scenario));
  EXPECT_EQ(by_threads(scenario).scenario, scenario);
}

TEST(Threads, OnlyAThreadBesideTheLeaderMovesAndOnlyElsewhere) {
  EXPECT_THAT(refused_moves(moving_threads({{kMoveThread, 1, 1}, {kMoveThread, 2, 1}})), IsEmpty());
  EXPECT_THAT(refused_moves(moving_threads({{kMoveThread, 1, 0}})), ElementsAre("/actions/0/thread"));
  EXPECT_THAT(refused_moves(moving_threads({{kMoveThread, 1, 3}})), ElementsAre("/actions/0/thread"));
  EXPECT_THAT(refused_moves(moving_threads({{kMoveThread, kRoot, 1}})), ElementsAre("/actions/0/node"));
  EXPECT_THAT(refused_moves(moving_threads({{kMove, 1}, {kMoveThread, 1, 1}})),
              ElementsAre("/actions/1/node"));
  Scenario of_idle = moving_threads({{kMoveThread, 2, 1}});
  of_idle.actions[0].worker = 1;
  EXPECT_THAT(refused_moves(of_idle), ElementsAre("/actions/0/thread"));
}

TEST(Threads, GroupsAndControllersStayWhereThreadsMove) {
  EXPECT_THAT(refused_moves(moving_threads({{kMoveThread, 1, 1}, {Action::Kind::Remove, 2}})),
              ElementsAre("/actions/1"));
  EXPECT_THAT(refused_moves(moving_threads({{Action::Kind::DisableController, kRoot}})),
              ElementsAre("/actions/0"));
  EXPECT_THAT(refused_moves(moving_threads({{Action::Kind::Kill, 1}})), ElementsAre("/actions/0/node"));
  EXPECT_THAT(refused_moves(moving_threads({{Action::Kind::Kill, kRoot}})), IsEmpty()) << "it is a domain";
}

TEST(Threads, ADomainHoldsNoOther) {
  Scenario scenario = moving_threads({});
  scenario.tree[1].is_thread_root = true;
  EXPECT_THAT(refused_moves(scenario), ElementsAre("/tree/1/thread_root"));
  scenario.tree[kRoot].is_thread_root = false;
  EXPECT_THAT(refused_moves(scenario), IsEmpty());
}

TEST(Threads, OnV2TheyMoveWithinOneDomainOnly) {
  const MachineFacts v2 = machine(CgroupVersion::V2);
  Scenario scenario = moving_threads({{kMoveThread, 1, 1}});
  EXPECT_TRUE(unmet(scenario, v2).empty());
  EXPECT_FALSE(unmet(scenario, machine(CgroupVersion::V1)).empty()) << "v1 has no threaded groups";
  scenario.tree[kRoot].is_thread_root = false;
  EXPECT_FALSE(unmet(scenario, v2).empty());
  EXPECT_TRUE(unmet(scenario, machine(CgroupVersion::V1)).empty());
  scenario.tree[1].is_thread_root = true;
  EXPECT_FALSE(unmet(scenario, v2).empty()) << "it comes from outside";
  EXPECT_EQ(expected_thread_errno(scenario.tree, kRoot, 1, v2), EOPNOTSUPP);
}

TEST(Threads, AThreadedTreeHasThreadedControllersOnly) {
  const MachineFacts v2 = machine(CgroupVersion::V2);
  Scenario scenario = moving_threads({});
  scenario.tree[1].limits[Knob::PidsMax] = Amount{4};
  EXPECT_TRUE(unmet(scenario, v2).empty());
  scenario.tree[1].limits[Knob::MemoryMax] = Amount{4 << 20};
  EXPECT_FALSE(unmet(scenario, v2).empty());
}

TEST(Threads, OfAThreadedDomainNoGroupNeedsALeafProxy) {
  Scenario scenario = moving_threads({});
  scenario.tree.nodes.push_back({"deep", 1, {}});
  const MachineFacts v2 = machine(CgroupVersion::V2);
  EXPECT_FALSE(has_leaf_proxy(scenario, kRoot, v2, Controller::Cpu));
  EXPECT_FALSE(has_leaf_proxy(scenario, 1, v2, Controller::Cpu));
  scenario.tree[kRoot].is_thread_root = false;
  EXPECT_TRUE(has_leaf_proxy(scenario, kRoot, v2, Controller::Cpu));
}

TEST(Threads, AreWrittenReadDrawnAndCounted) {
  const Scenario scenario = moving_threads({{kMoveThread, 1, 2}});
  const Result<Scenario> read = scenario_from_json(to_json(scenario));
  ASSERT_TRUE(read) << to_string(read.error());
  EXPECT_EQ(*read, scenario);
  EXPECT_NE(draw(scenario).find("t  cgroup.type=domain threaded"), std::string::npos) << draw(scenario);
  EXPECT_NE(draw(scenario).find("migrate thread 2 of worker 0 to t/a"), std::string::npos);
  EXPECT_LT(size_of(moving_threads({{kMove, 1}})), size_of(moving_threads({{kMoveThread, 1, 1}})));
  EXPECT_LT(size_of(moving_threads({{kMoveThread, 1, 1}})), size_of(scenario));
}

}  // namespace
}  // namespace treeline

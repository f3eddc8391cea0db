#include "oracle/oracle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "oracle/demand.h"
#include "oracle/finding.h"
#include "world.h"

namespace treeline::world_test {
namespace {

using testing::ElementsAre;

std::vector<std::string> names() {
  std::vector<std::string> result;
  for (const Invariant& invariant : invariants()) result.emplace_back(invariant.name);
  return result;
}

/// One of everything.
World busy_world() {
  World world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(a, "b");
  world.memory_max(a, 16 * kMiB);
  world.pids_max(b, 4);
  world.limit(b, Knob::IoMax, IoRates{kMiB, {}, {}, {}});
  world.limit(a, Knob::CpuMax, CpuBandwidth{50'000, 100'000});
  world.limit(a, Knob::CpusetCpus, IdSet{{0}});
  world.hold(b, 32 * kMiB);
  world.hold(a, 4 * kMiB, MemoryKind::Shared);
  world.work(b, ForkStorm{8});
  world.work(b, IoHog{});
  world.work(b, CpuHog{2, 100, 10'000});
  world.work(kRoot, Mixed{});
  world.work(kRoot, Idle{});
  world.act(Action::Kind::Freeze, a, 50);
  world.act(Action::Kind::Thaw, a, 100);
  world.probe(b, Knob::PidsMax, Amount{-1}, EINVAL);
  world.run_for_ms(300);
  world.oom_kill(0, 10 * kMiB);
  return world;
}

TEST(Oracle, KnowsEveryInvariantInReportOrder) {
  EXPECT_THAT(
      names(),
      ElementsAre("cpu.migration", "cpu.bandwidth", "cpu.bandwidth_witness", "cpu.entitlement",
                  "cpu.no_throttle", "cpu.fairness", "cpu.stall", "cpu.work_conservation", "cpu.conservation",
                  "cpu.rusage", "cpu.pressure", "cpuset.confinement", "memory.max", "memory.oom",
                  "memory.oom_attribution", "memory.high", "memory.oom_group", "memory.swap_max",
                  "memory.oom_swap", "memory.protection", "memory.conservation", "memory.rss",
                  "memory.drained", "memory.pressure", "pids.max", "pids.fork", "pids.conservation", "io.max",
                  "io.pressure", "freezer.stops", "freezer.resumes", "memory.migration", "cgroup.migration",
                  "cgroup.removal", "cgroup.controllers", "cgroup.kill", "cgroup.hierarchy", "cgroup.refusal",
                  "knob.readback", "knob.refusal", "kernel.health"));
}

TEST(Oracle, EveryFindingCarriesItsInvariantsNameAndASentence) {
  const World world = busy_world();
  for (const Invariant& invariant : invariants()) {
    EXPECT_FALSE(invariant.summary.empty());
    for (const Finding& finding : invariant.judge(world.scenario, world.seen)) {
      EXPECT_EQ(finding.invariant, invariant.name);
      EXPECT_FALSE(finding.sentence.empty()) << invariant.name;
      EXPECT_NE(finding.status, Status::NotApplicable) << invariant.name;
      EXPECT_TRUE(std::isfinite(finding.margin)) << invariant.name;
      EXPECT_GE(finding.node, 0);
      EXPECT_LT(finding.node, world.scenario.tree.size());
    }
  }
}

TEST(Oracle, JudgesTheSameTheSameWay) {
  const World world = busy_world();
  const auto first = judge(world.scenario, world.seen);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(*first, *judge(world.scenario, world.seen));
}

TEST(Oracle, ObservationOfAnotherScenarioIsNoVerdict) {
  const auto is_refused = [](const auto& spoil) {
    World world = busy_world();
    spoil(world.seen);
    const auto verdict = judge(world.scenario, world.seen);
    return !verdict && verdict.error().kind == ErrorKind::Infrastructure;
  };
  EXPECT_TRUE(is_refused([](Observation& seen) { seen.nodes.pop_back(); }));
  EXPECT_TRUE(is_refused([](Observation& seen) { seen.workers.emplace_back(); }));
  EXPECT_TRUE(is_refused([](Observation& seen) { seen.actions.pop_back(); }));
  EXPECT_TRUE(is_refused([](Observation& seen) { seen.probes.clear(); }));
}

TEST(Oracle, EmptyObservationViolatesNoMeasuredLaw) {
  World world = busy_world();
  Observation empty;
  empty.machine = world.seen.machine;
  empty.nodes.resize(world.seen.nodes.size());
  empty.workers.resize(world.seen.workers.size());
  empty.actions = {{ActionObservation::kNotTried, -1, 0, {}}, {ActionObservation::kNotTried, -1, 0, {}}};
  empty.probes = world.seen.probes;
  for (size_t i = 0; i < empty.nodes.size(); ++i) empty.nodes[i].readbacks = world.seen.nodes[i].readbacks;
  const auto verdict = judge(world.scenario, empty);
  ASSERT_TRUE(verdict.has_value());
  const Finding* worst = verdict->worst();
  EXPECT_EQ(worst, nullptr) << worst->sentence;
}

TEST(Oracle, NamesOfNodesDoNotMatter) {
  World world = busy_world();
  const auto statuses = [](const World& judged) {
    std::vector<Status> result;
    const auto verdict = judge(judged.scenario, judged.seen);
    for (const Finding& finding : verdict->findings) result.push_back(finding.status);
    return result;
  };
  const std::vector<Status> before = statuses(world);
  for (Node& node : world.scenario.tree.nodes) node.name = "renamed-" + node.name;
  EXPECT_EQ(statuses(world), before);
}

TEST(Oracle, LimitlessWrapperChangesNothingBelow) {
  const auto run = [](bool wrapped) {
    World world;
    const NodeId at = wrapped ? world.add(kRoot, "wrapper") : kRoot;
    const NodeId a = world.add(at, "a");
    world.memory_max(a, 16 * kMiB);
    world.pids_max(a, 4);
    world.hold(a, 32 * kMiB);
    world.work(a, ForkStorm{2});
    world.run_for_ms(100);
    world.oom_kill(0, 12 * kMiB);
    std::vector<std::pair<std::string, Status>> found;
    const auto verdict = judge(world.scenario, world.seen);
    for (const Finding& finding : verdict->findings) {
      if (finding.node == a) found.emplace_back(finding.invariant, finding.status);
    }
    return found;
  };
  EXPECT_EQ(run(true), run(false));
}

constexpr Subject kSubject{"x", Controller::Core, kRoot, "units"};

TEST(FindingTest, UpperBoundIsMetAtItsVeryValue) {
  EXPECT_EQ(at_most(kSubject, 5, 5, "use").status, Status::Held);
  EXPECT_EQ(at_most(kSubject, 5.001, 5, "use").status, Status::Violated);
  EXPECT_DOUBLE_EQ(at_most(kSubject, 6, 5, "use").margin, 1.2);
}

TEST(FindingTest, LowerBoundIsMetAtItsVeryValue) {
  EXPECT_EQ(at_least(kSubject, 5, 5, "use").status, Status::Held);
  EXPECT_EQ(at_least(kSubject, 4.999, 5, "use").status, Status::Violated);
  EXPECT_DOUBLE_EQ(at_least(kSubject, 5, 6, "use").margin, 1.2);
}

TEST(FindingTest, EqualityHasBothSides) {
  for (const double observed : {8.0, 10.0, 12.0}) {
    EXPECT_EQ(equal_within(kSubject, observed, 10, 2, "use").status, Status::Held);
  }
  for (const double observed : {7.9, 12.1}) {
    EXPECT_EQ(equal_within(kSubject, observed, 10, 2, "use").status, Status::Violated);
  }
}

TEST(FindingTest, ReasonMakesAPassInconclusiveButExcusesNoViolation) {
  EXPECT_EQ(at_most(kSubject, 4, 5, "use", "idle").status, Status::Inconclusive);
  EXPECT_EQ(at_most(kSubject, 6, 5, "use", "idle").status, Status::Violated);
  EXPECT_EQ(is_true(kSubject, true, "law", "idle").status, Status::Inconclusive);
  EXPECT_EQ(is_true(kSubject, false, "law", "idle").status, Status::Violated);
}

TEST(FindingTest, MarginsOfNothingAreFinite) {
  EXPECT_TRUE(std::isfinite(at_most(kSubject, 5, 0, "use").margin));
  EXPECT_TRUE(std::isfinite(at_least(kSubject, 0, 5, "use").margin));
  EXPECT_TRUE(std::isfinite(equal_within(kSubject, 5, 4, 0, "use").margin));
}

TEST(Demand, CountsTasksAsPidsDoes) {
  EXPECT_EQ(tasks_wanted(CpuHog{3, 100, 10'000}), 3);
  EXPECT_EQ(tasks_wanted(ForkStorm{8}), 9);
  EXPECT_EQ(tasks_wanted(Mixed{50, kMiB, 2}), 3);
  EXPECT_EQ(tasks_wanted(Idle{}), 1);
  EXPECT_EQ(tasks_wanted(MemoryHog{}), 1);
}

TEST(Demand, OnlyPageCacheIsReclaimable) {
  EXPECT_EQ(unreclaimable_bytes(MemoryHog{MemoryKind::Anonymous, kMiB}), kMiB);
  EXPECT_EQ(unreclaimable_bytes(MemoryHog{MemoryKind::Shared, kMiB}), kMiB);
  EXPECT_EQ(unreclaimable_bytes(MemoryHog{MemoryKind::File, kMiB}), 0);
  EXPECT_EQ(touched_bytes(MemoryHog{MemoryKind::File, kMiB}), kMiB);
  EXPECT_EQ(unreclaimable_bytes(Mixed{50, kMiB, 1}), kMiB);
  EXPECT_EQ(unreclaimable_bytes(CpuHog{}), 0);
}

TEST(Demand, PotentialIsCutByEveryLimitButTheJudged) {
  World world;
  const NodeId a = world.add(kRoot, "a");
  const NodeId b = world.add(a, "b");
  world.pids_max(kRoot, 20);
  world.pids_max(a, 5);
  world.pids_max(b, 8);
  for (const NodeId node : {kRoot, a, b}) world.work(node, ForkStorm{11});
  const auto of = [&](NodeId judged) {
    return potential(
        world.scenario, judged, [](size_t) { return 12.0; },
        [&](NodeId id) -> std::optional<double> {
          return static_cast<double>(*amount(world.scenario.tree[id].limits, Knob::PidsMax));
        });
  };
  EXPECT_DOUBLE_EQ(of(kRoot), 12 + 5);
  EXPECT_DOUBLE_EQ(of(a), 20);
  EXPECT_DOUBLE_EQ(of(b), 5);
}

}  // namespace
}  // namespace treeline::world_test

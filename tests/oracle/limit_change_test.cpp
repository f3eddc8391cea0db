#include <gtest/gtest.h>

#include <cerrno>

#include "cpu_world.h"
#include "oracle/segments.h"
#include "world.h"

/// Limits that are changed while work runs: each stretch is judged by the limit in force.
namespace treeline::world_test {
namespace {

constexpr int64_t kChangeMs = 50;
constexpr int64_t kChangeWindowMs = 100;

Action set(Knob knob, KnobValue value) {
  return {kChangeMs * 1'000, Action::Kind::SetLimit, kRoot, knob, std::move(value)};
}

/// The root's limit is set within 1 ms, with a reading of the counter on either side and one at the end.
void change(World& world, const Action& action, Counter counter, int64_t before, int64_t after,
            int64_t at_end) {
  world.scenario.actions.push_back(action);
  const KnobContext context = world.seen.machine.knob_context(knob_info(action.knob).controller);
  const std::string read = expected_text(encode(action.knob, action.value, {}, context));
  world.seen.actions.push_back({kChangeMs * kMs, (kChangeMs + 1) * kMs, 0, {}, read});
  NodeObservation& node = world.seen.nodes[kRoot];
  node.series = {{(kChangeMs - 1) * kMs, {{counter, before}}, kMs},
                 {(kChangeMs + 3) * kMs, {{counter, after}}, kMs},
                 {kChangeWindowMs * kMs, {{counter, at_end}}, kMs}};
  node.after[counter] = at_end;
}

/// A storm that has 5 tasks when pids.max becomes `limit`, and goes on trying.
World storm(int64_t limit, int64_t at_end) {
  World world;
  world.work(kRoot, ForkStorm{20, 5'000});
  world.run_for_ms(kChangeWindowMs);
  change(world, set(Knob::PidsMax, Amount{limit}), Counter::PidsCurrent, 5, 5, at_end);
  WorkerSample sample;
  for (const int64_t at_ms : {kChangeMs + 3, kChangeWindowMs}) {
    sample.at_ns = at_ms * kMs;
    world.seen.workers[0].series.push_back(sample);
    sample.progress += 10;
  }
  return world;
}

TEST(LimitChange, NoForkSucceedsWhereTheCountIsAboveTheNewLimit) {
  EXPECT_EQ(storm(3, 5).status("pids.max"), Status::Held) << storm(3, 5).explain("pids.max");
  EXPECT_EQ(storm(3, 6).status("pids.max"), Status::Violated);
}

TEST(LimitChange, ForksSucceedUpToTheNewLimit) {
  EXPECT_EQ(storm(8, 8).status("pids.max"), Status::Held);
  EXPECT_EQ(storm(8, 9).status("pids.max"), Status::Violated);
}

TEST(LimitChange, WithoutTriesNothingIsShown) {
  World world = storm(3, 5);
  world.seen.workers[0].series.clear();
  EXPECT_EQ(world.status("pids.max"), Status::Inconclusive);
}

/// A hog that holds 8 MiB when memory.max becomes 4 MiB.
World lowered(int64_t after_bytes) {
  World world;
  world.hold(kRoot, 8 * kMiB);
  world.run_for_ms(kChangeWindowMs);
  world.seen.workers[0].settled_ns = 10 * kMs;
  world.seen.workers[0].ended_ns = (kChangeWindowMs + 1) * kMs;
  change(world, set(Knob::MemoryMax, Amount{4 * kMiB}), Counter::MemoryCurrent, 8 * kMiB, after_bytes,
         after_bytes);
  return world;
}

TEST(LimitChange, MemoryIsBelowTheNewLimitOnceItIsSet) {
  EXPECT_EQ(lowered(3 * kMiB).status("memory.max"), Status::Held) << lowered(3 * kMiB).explain("memory.max");
  EXPECT_EQ(lowered(5 * kMiB).status("memory.max"), Status::Violated);
}

TEST(LimitChange, WhoWasKilledBeforeShowsNothing) {
  World world = lowered(kMiB);
  world.seen.workers[0].end = WorkerEnd::OomKilled;
  world.seen.workers[0].ended_ns = kMs;
  EXPECT_EQ(world.status("memory.max"), Status::Inconclusive);
}

TEST(LimitChange, AVictimThatIsOnItsWayOutMayStillBeCharged) {
  World world = lowered(5 * kMiB);
  WorkerObservation& victim = world.seen.workers[0];
  victim.end = WorkerEnd::OomKilled;
  for (const int64_t at_ms : {kChangeMs - 1, kChangeMs + 3, kChangeWindowMs}) {
    victim.series.push_back({at_ms * kMs + 1, 0, 0, 8 * kMiB});
  }
  EXPECT_EQ(world.status("memory.max"), Status::Violated) << "it has its memory, so it was not killed yet";
  for (const size_t i : {1, 2}) victim.series[i].rss_bytes = 0;
  victim.ended_ns = world.seen.final_at_ns + 1;
  EXPECT_EQ(world.status("memory.max"), Status::NotApplicable) << world.explain("memory.max");
  victim.ended_ns = (kChangeMs + 1) * kMs;
  victim.series.resize(1);
  EXPECT_EQ(world.status("memory.max"), Status::Violated) << "it has gone";
}

TEST(LimitChange, PageCacheThatAChildsMinProtectsStays) {
  const auto with_min = [](int64_t min_bytes) {
    World world;
    world.become_v2();
    const NodeId child = world.add(kRoot, "c");
    world.hold(child, 8 * kMiB, MemoryKind::File);
    world.limit(child, Knob::MemoryMin, Amount{min_bytes});
    world.run_for_ms(kChangeWindowMs);
    world.seen.workers[0].settled_ns = 10 * kMs;
    world.seen.workers[0].ended_ns = (kChangeWindowMs + 1) * kMs;
    change(world, set(Knob::MemoryMax, Amount{4 * kMiB}), Counter::MemoryCurrent, 8 * kMiB, 8 * kMiB,
           8 * kMiB);
    return world.status("memory.max");
  };
  EXPECT_NE(with_min(64 * kMiB), Status::Violated) << "nothing else is left to reclaim";
  EXPECT_EQ(with_min(kMiB), Status::Violated) << "of 8 MiB only one is protected";
}

TEST(LimitChange, AKillIsDueWhereALoweredLimitIsExceeded) {
  World world = lowered(kMiB);
  EXPECT_EQ(world.status("memory.oom"), Status::Violated) << "it wants 8 MiB and lives";
  world.seen.workers[0].end = WorkerEnd::OomKilled;
  EXPECT_EQ(world.status("memory.oom"), Status::Held) << world.explain("memory.oom");
  std::get<Amount>(world.scenario.actions[0].value).value = 64 * kMiB;
  EXPECT_EQ(world.status("memory.oom"), Status::Violated) << "all fits, and it was killed";
}

TEST(LimitChange, ARefusedOneChangesNothing) {
  World world = lowered(8 * kMiB);
  world.seen.actions[0].write_errno = EBUSY;
  const KnobContext context = world.seen.machine.knob_context(Controller::Memory);
  world.seen.actions[0].read = expected_text(encode(Knob::MemoryMax, Amount{}, {}, context));
  EXPECT_EQ(world.status("memory.max"), Status::NotApplicable);
  EXPECT_EQ(world.status("knob.readback"), Status::Held) << world.explain("knob.readback");
  World with_room = lowered(kMiB);
  with_room.seen.nodes[kRoot].series[0].counters[Counter::MemoryCurrent] = kMiB;
  with_room.seen.actions[0] = world.seen.actions[0];
  EXPECT_EQ(with_room.status("knob.readback"), Status::Violated) << "there was room for it";
}

TEST(LimitChange, WhatWasRefusedAtFirstIsNotInForceBeforeAChange) {
  World world;
  world.scenario.tree[kRoot].limits[Knob::MemoryMax] = Amount{64 << 10};
  world.hold(kRoot, 8 * kMiB);
  world.run_for_ms(kChangeWindowMs);
  change(world, set(Knob::MemoryMax, Amount{16 * kMiB}), Counter::MemoryCurrent, 8 * kMiB, 8 * kMiB,
         8 * kMiB);
  NodeObservation& node = world.seen.nodes[kRoot];
  EXPECT_TRUE(tree_in_force(world.scenario, world.seen, 0)[kRoot].limits.contains(Knob::MemoryMax));
  node.before[Counter::MemoryCurrent] = 128 << 10;
  ASSERT_FALSE(node.readbacks.empty());
  node.readbacks[0].write_errno = EBUSY;
  EXPECT_TRUE(tree_in_force(world.scenario, world.seen, 0)[kRoot].limits.empty());
  EXPECT_NE(world.status("memory.max"), Status::Violated) << world.explain("memory.max");
}

TEST(LimitChange, WhoIsKilledAsTheWindowEndsIsOnItsWayOut) {
  World world = lowered(kMiB);
  world.after(kRoot)[Counter::PidsCurrent] = 1;
  world.seen.workers[0].end = WorkerEnd::OomKilled;
  world.seen.workers[0].ended_ns = world.seen.final_at_ns - 1;
  EXPECT_EQ(world.status("pids.conservation"), Status::Violated) << "it was reaped before that was read";
  world.seen.workers[0].ended_ns = world.seen.final_at_ns + 1;
  EXPECT_EQ(world.status("pids.conservation"), Status::Inconclusive) << world.explain("pids.conservation");
}

TEST(LimitChange, ReadsBackAsWritten) {
  World world = lowered(kMiB);
  EXPECT_EQ(world.status("knob.readback"), Status::Held) << world.explain("knob.readback");
  world.seen.actions[0].read += "0";
  EXPECT_EQ(world.status("knob.readback"), Status::Violated);
  World refused = lowered(kMiB);
  refused.seen.actions[0].write_errno = EINVAL;
  EXPECT_EQ(refused.status("knob.readback"), Status::Violated);
}

TEST(LimitChange, OneThatWasNotTriedCutsNothing) {
  World world = lowered(8 * kMiB);
  world.seen.actions[0] = {ActionObservation::kNotTried, -1, 0, {}, {}};
  const std::vector<Segment> segments = segments_of(world.scenario, world.seen);
  ASSERT_EQ(segments.size(), 1u);
  EXPECT_TRUE(segments[0].is_first && segments[0].is_last);
  EXPECT_EQ(segments[0].scenario.tree, world.scenario.tree);
}

constexpr int64_t kBlockBytes = 64 << 10;

/// A reader of 64 KiB blocks, each of which may take 0.1 ms, that has moved 400 of them when io.max becomes
/// `next` at 0.5 s of 1 s, and `blocks` more at the end.
World reader_bound_to(const IoRates& next, int64_t blocks, const IoRates& old = {}) {
  World world;
  if (old != IoRates{}) world.limit(kRoot, Knob::IoMax, old);
  world.work(kRoot, IoHog{true, IoDirection::Read, kBlockBytes, kMiB});
  world.run_for_ms(997);
  world.scenario.actions.push_back({500'000, Action::Kind::SetLimit, kRoot, Knob::IoMax, next});
  world.seen.actions.push_back({500 * kMs, 501 * kMs, 0, {}, {}});
  constexpr int64_t kBlocksBefore = 400;
  world.moved(0, kBlocksBefore + blocks, 100'000);
  WorkerSample sample;
  world.seen.nodes[kRoot].series.clear();
  world.seen.workers[0].series.clear();
  for (const int64_t at_ms : {499, 503}) {
    const Counters counters{{Counter::IoReadBytes, kBlocksBefore * kBlockBytes},
                            {Counter::IoReadOps, kBlocksBefore}};
    world.seen.nodes[kRoot].series.push_back({at_ms * kMs, counters, kMs});
    sample.at_ns = at_ms * kMs;
    sample.progress = kBlocksBefore;
    world.seen.workers[0].series.push_back(sample);
  }
  return world;
}

TEST(LimitChange, IoIsBoundToTheRatesFromTheChangeOn) {
  // From 502 ms on: 100 blocks/s · (T + 0.2 s), one in flight, one that has waited.
  const IoRates next{100 * kBlockBytes, {}, {}, {}};
  const World held = reader_bound_to(next, 70);
  EXPECT_EQ(held.status("io.max"), Status::Held) << held.explain("io.max");
  EXPECT_EQ(held.findings("io.max").size(), 2u) << "what was moved before is not bound";
  EXPECT_EQ(reader_bound_to(next, 74).status("io.max"), Status::Violated);
}

TEST(LimitChange, ARateThatIsLiftedBindsOnlyBefore) {
  const World lifted = reader_bound_to({}, 9'000, IoRates{1'000 * kBlockBytes, {}, {}, {}});
  EXPECT_EQ(lifted.status("io.max"), Status::Held) << lifted.explain("io.max");
  EXPECT_EQ(reader_bound_to({}, 0, IoRates{100 * kBlockBytes, {}, {}, {}}).status("io.max"),
            Status::Violated);
}

TEST(LimitChange, ABlockThatWaitedForBytesBringsOperationsAlong) {
  // A block waits 10 ms for 100 blocks/s, and for a slice that may be owed; with 3 slices left that is 0.41 s
  // at 200 operations/s, less what was late: 82.
  const IoRates both{100 * kBlockBytes, {}, 200, {}};
  const IoRates next{{}, {}, 100, {}};
  const auto bound_of = [](const World& world) { return world.findings("io.max").back().bound; };
  const double late = 200 * 0.004;
  EXPECT_NEAR(bound_of(reader_bound_to(next, 10, both)) - bound_of(reader_bound_to(next, 10)), 82 + late,
              late + 1e-6);
}

/// A hog that wants 16 MiB and has 3 of them when memory.high becomes 2 MiB: `at_end` is charged 50 ms later.
World held_up_from_the_change_on(int64_t at_end) {
  World world;
  world.become_v2();
  world.hold(kRoot, 16 * kMiB);
  world.run_for_ms(kChangeWindowMs);
  change(world, set(Knob::MemoryHigh, Amount{2 * kMiB}), Counter::MemoryCurrent, 3 * kMiB, 3 * kMiB, at_end);
  WorkerObservation& hog = world.seen.workers[0];
  hog.bytes_touched = at_end;
  hog.settled_ns = -1;
  hog.held_still = false;
  hog.cpu_clock_ns = 5 * kMs;
  hog.run_delay_ns = 0;
  WorkerSample sample;
  sample.progress = 3 * kMiB / kPage;
  for (const int64_t at_ms : {kChangeMs - 1, kChangeMs + 3}) {
    sample.at_ns = at_ms * kMs;
    hog.series.push_back(sample);
  }
  return world;
}

TEST(LimitChange, MemoryGrowsByABatchAtATimeOnceItIsAboveTheNewHigh) {
  // It begins half of the limit above it, where each batch of 64 pages costs the greatest delay of all, 2 s:
  // one batch, three in the fault before, and the stocks.
  const World held = held_up_from_the_change_on(4 * kMiB);
  EXPECT_EQ(held.status("memory.high"), Status::Held) << held.explain("memory.high");
  const World violated = held_up_from_the_change_on(6 * kMiB);
  EXPECT_EQ(violated.status("memory.high"), Status::Violated) << violated.explain("memory.high");
}

TEST(LimitChange, AHighThatIsNotSetYetHoldsNobodyUp) {
  World world = held_up_from_the_change_on(16 * kMiB);
  world.seen.actions[0] = {ActionObservation::kNotTried, -1, 0, {}, {}};
  EXPECT_EQ(world.status("memory.high"), Status::NotApplicable) << world.explain("memory.high");
}

TEST(LimitChange, MissingReadingsLeaveTheStretchOut) {
  World world = lowered(8 * kMiB);
  world.seen.nodes[kRoot].series.clear();
  for (const char* invariant : {"memory.max", "pids.max", "cpu.bandwidth", "memory.oom"}) {
    EXPECT_NE(world.status(invariant), Status::Violated) << invariant;
  }
}

}  // namespace
}  // namespace treeline::world_test

namespace treeline::cpu_test {
namespace {

/// Two hogs that have both CPUs until cpu.max becomes half of one, after which they use `after_ms`.
CpuWorld capped_at_half(double after_ms) {
  CpuWorld world;
  world.ran_ms(world.hog(kRoot, 2), 1'000, 500, after_ms);
  world.run_for_ms(1'000);
  world.scenario.actions.push_back(
      {500'000, Action::Kind::SetLimit, kRoot, Knob::CpuMax, CpuBandwidth{5'000, 10'000}});
  world.seen.actions.push_back({500 * kMs, 501 * kMs, 0, {}, {}});
  return world;
}

TEST(LimitChange, CpuTimeIsBoundFromTheChangeOn) {
  for (const char* invariant : {"cpu.bandwidth", "cpu.bandwidth_witness"}) {
    const Finding held = capped_at_half(250).judge(invariant, kRoot);
    EXPECT_EQ(held.status, Status::Held) << explain(held);
    const Finding violated = capped_at_half(900).judge(invariant, kRoot);
    EXPECT_EQ(violated.status, Status::Violated) << explain(violated);
  }
}

TEST(LimitChange, AStretchMayBeChargedATickMoreForEachCpu) {
  // 490 ms from the sample at 510 ms to 1001 ms: 50 periods of 5 ms, 1 ms on both CPUs, and per CPU a slice
  // of 5 ms and two ticks of 4 ms.
  const Finding finding = capped_at_half(250).judge("cpu.bandwidth", kRoot);
  EXPECT_NEAR(finding.bound, 5 * 50 + 2 + 2 * (5 + 4 + 4), 1e-6) << explain(finding);
}

TEST(LimitChange, ALimitThatIsClearedBindsOnlyBefore) {
  CpuWorld world;
  world.cap(kRoot, 5'000, 10'000);
  world.ran_ms(world.hog(kRoot, 2), 250, 500, 1'000);
  world.run_for_ms(1'000);
  world.scenario.actions.push_back(
      {500'000, Action::Kind::SetLimit, kRoot, Knob::CpuMax, treeline::CpuBandwidth{std::nullopt, 10'000}});
  world.seen.actions.push_back({500 * kMs, 501 * kMs, 0, {}, {}});
  const Finding finding = world.judge("cpu.bandwidth", kRoot);
  EXPECT_EQ(finding.status, Status::Held) << explain(finding);
  EXPECT_EQ(world.judge_all("cpu.bandwidth").size(), 1u);
  EXPECT_EQ(world.judge_all("cpu.no_throttle").size(), 0u);
  EXPECT_EQ(world.judge_all("cpu.entitlement").size(), 1u);
  EXPECT_EQ(world.status("cpu.entitlement", kRoot), Status::Held)
      << explain(world.judge("cpu.entitlement", kRoot));
}

}  // namespace
}  // namespace treeline::cpu_test

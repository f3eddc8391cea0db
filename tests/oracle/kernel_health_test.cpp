#include <gtest/gtest.h>

#include "oracle/oracle.h"
#include "world.h"

namespace treeline::world_test {
namespace {

constexpr const char* kKernelHealth = "kernel.health";

World logged(std::vector<std::string> lines) {
  World world;
  world.run_for_ms(10);
  world.seen.health.log = std::move(lines);
  return world;
}

TEST(KernelHealth, QuietLogHolds) { EXPECT_EQ(logged({}).status(kKernelHealth), Status::Held); }

TEST(KernelHealth, AlarmIsAViolation) {
  for (const char* line : {"WARNING: CPU: 0 PID: 1 at kernel/sched/fair.c:1 f+0x1/0x2",
                           "WARNING: possible circular locking dependency detected",
                           "BUG: kernel NULL pointer dereference, address: 0000000000000000",
                           "BUG: unable to handle page fault for address: ffff888000000000",
                           "BUG: KASAN: slab-use-after-free in f+0x1/0x2",
                           "BUG: Bad page state in process x  pfn:1",
                           "Oops: 0002 [#1] PREEMPT SMP NOPTI",
                           "kernel BUG at mm/memcontrol.c:1!",
                           "general protection fault, probably for non-canonical address 0xdead: 0000 [#1]",
                           "Oops: general protection fault, probably for non-canonical address 0xdead",
                           "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [x:1]",
                           "watchdog: Watchdog detected hard LOCKUP on cpu 0",
                           "INFO: task x:1 blocked for more than 120 seconds.",
                           "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
                           "rcu: INFO: rcu_preempt self-detected stall on CPU",
                           "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 0-... }",
                           "Unable to handle kernel paging request at virtual address 0000000000000000",
                           "UBSAN: array-index-out-of-bounds in kernel/sched/fair.c:1:2",
                           "refcount_t: underflow; use-after-free.",
                           "list_add corruption. prev->next should be next"}) {
    EXPECT_EQ(logged({"harmless", line}).status(kKernelHealth), Status::Violated) << line;
  }
}

TEST(KernelHealth, OomReportsAndHostNoiseAreHarmless) {
  const World world = logged({"treeline-exec invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0",
                              "CPU: 1 UID: 0 PID: 7 Comm: treeline-exec Not tainted 6.18.0 #1",
                              "Call Trace:", "memory: usage 16384kB, limit 16384kB, failcnt 12",
                              "Memory cgroup out of memory: Killed process 7 (treeline-exec) total-vm:1kB",
                              "hrtimer: interrupt took 4038219 ns",
                              "perf: interrupt took too long (2503 > 2500), lowering kernel.perf_event_max",
                              "clocksource: timekeeping watchdog on CPU1: wd-tsc-wd read-back delay of 1ms",
                              "cgroup: fork rejected by pids controller in /treeline-1-2/t"});
  EXPECT_EQ(world.status(kKernelHealth), Status::Held) << world.explain(kKernelHealth);
}

TEST(KernelHealth, NewTaintIsAViolation) {
  World world = logged({});
  world.seen.health.taint_before = 1;
  world.seen.health.taint_after = 1 | 1 << 9;
  EXPECT_EQ(world.status(kKernelHealth), Status::Violated) << world.explain(kKernelHealth);
}

TEST(KernelHealth, OldTaintIsNot) {
  World world = logged({});
  world.seen.health.taint_before = world.seen.health.taint_after = 1 << 12 | 1;
  EXPECT_EQ(world.status(kKernelHealth), Status::Held) << world.explain(kKernelHealth);
}

TEST(KernelHealth, UnreadableLogShowsNothingButTaint) {
  World world = logged({});
  world.seen.health.log_readable = false;
  EXPECT_EQ(world.status(kKernelHealth), Status::Inconclusive) << world.explain(kKernelHealth);
  world.seen.health.taint_after = 1 << 9;
  EXPECT_EQ(world.status(kKernelHealth), Status::Violated) << world.explain(kKernelHealth);
}

TEST(KernelHealth, IsNamedAtTheRootAlways) {
  World world;
  world.add(kRoot, "a");
  world.run_for_ms(10);
  ASSERT_EQ(world.findings(kKernelHealth).size(), 1u);
  EXPECT_EQ(world.findings(kKernelHealth)[0].node, kRoot);
}

TEST(KernelHealth, OfAKernelThatDiedNothingElseIsJudged) {
  World world = logged({"harmless", "BUG: kernel NULL pointer dereference, address: 0000000000000000",
                        "Kernel panic - not syncing: Fatal exception in interrupt"});
  world.seen.nodes.clear();
  const auto verdict = judge(world.scenario, world.seen);
  ASSERT_TRUE(verdict) << to_string(verdict.error());
  ASSERT_EQ(verdict->findings.size(), 1U);
  EXPECT_EQ(verdict->findings[0].invariant, kKernelHealth);
  EXPECT_EQ(verdict->findings[0].status, Status::Violated);
  EXPECT_NE(verdict->findings[0].sentence.find("NULL pointer"), std::string::npos);
  world.seen.health.log.clear();
  EXPECT_EQ(judge(world.scenario, world.seen)->findings[0].status, Status::Inconclusive);
}

}  // namespace
}  // namespace treeline::world_test

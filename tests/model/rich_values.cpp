#include "rich_values.h"

#include <gtest/gtest.h>

namespace treeline::model_test {

namespace {

Limits every_limit() {
  return {{Knob::CpuMax, CpuBandwidth{10'000, 100'000}},
          {Knob::CpuMaxBurst, Amount{5'000}},
          {Knob::CpuWeight, Amount{250}},
          {Knob::CpuWeightNice, Amount{-5}},
          {Knob::CpuIdle, Amount{1}},
          {Knob::MemoryMax, Amount{8 << 20}},
          {Knob::MemorySwapMax, Amount{4 << 20}},
          {Knob::MemoryHigh, Amount{7 << 20}},
          {Knob::MemoryLow, Amount{2 << 20}},
          {Knob::MemoryMin, Amount{1 << 20}},
          {Knob::MemoryOomGroup, Amount{1}},
          {Knob::PidsMax, Amount{20}},
          {Knob::CpusetCpus, IdSet{{0, 1, 2, 5}}},
          {Knob::CpusetMems, IdSet{{0}}},
          {Knob::CpusetPartition, Amount{2}},
          {Knob::IoMax, IoRates{1 << 20, 2 << 20, 100, 200}},
          {Knob::IoWeight, Amount{300}},
          {Knob::Freeze, Amount{0}},
          {Knob::CgroupMaxDepth, Amount{5}},
          {Knob::CgroupMaxDescendants, Amount{50}},
          {Knob::HugetlbMax, Amount{4 << 20}}};
}

std::vector<Worker> every_workload() {
  return {{0, CpuHog{2, 50, 20'000}},
          {1, MemoryHog{MemoryKind::Shared, 3 << 20, 128 << 10, TouchOrder::Backward, false}},
          {1, MemoryHog{MemoryKind::File, 2 << 20, 64 << 10, TouchOrder::Random, true}},
          {2, IoHog{false, IoDirection::Write, 8192, 2 << 20}},
          {3, ForkStorm{12, 2'000}},
          {3, Mixed{30, 2 << 20, 3}},
          {4, Idle{}}};
}

Counters every_counter(int64_t base) {
  Counters counters;
  for (const CounterInfo& info : counter_table()) counters[info.counter] = base++;
  return counters;
}

WorkerObservation rich_worker() {
  WorkerObservation worker;
  worker.end = WorkerEnd::OomKilled;
  worker.exit_status = 9;
  worker.first_errno = 12;
  worker.first_error = "touch \"memory\"\n";
  worker.started_ns = 1'001;
  worker.settled_ns = 1'002;
  worker.held_still = true;
  worker.ended_ns = 1'003;
  worker.user_ns = 1'004;
  worker.system_ns = 1'005;
  worker.attached_cpu_ns = 1'006;
  worker.cpu_clock_ns = 1'007;
  worker.progress = 1'008;
  worker.bytes_touched = 1'009;
  worker.bytes_moved = 1'010;
  worker.io_ops = 1'011;
  worker.fastest_op_ns = 1'012;
  worker.forks_ok = 1'013;
  worker.forks_refused = 1'014;
  worker.max_rss_bytes = 1'015;
  worker.held_rss_bytes = 1'016;
  worker.voluntary_switches = 1'017;
  worker.involuntary_switches = 1'018;
  worker.run_delay_ns = 1'019;
  worker.attached_run_delay_ns = 1'033;
  worker.wakeup_latency = {1'034, 1'035, 1'036, 1'037};
  worker.run_delay = {1'038, 1'039, 1'040, 1'041};
  worker.cpus_seen = IdSet{{0, 1, 7}};
  worker.cpus_by_stretch = {IdSet{{0, 1}}, IdSet{}, IdSet{{7}}};
  worker.cpus_allowed = "0-1,7";
  worker.series = {{10, 20, 30, 40}, {-11, 21, 31, 41, {22, 23}}};
  worker.threads = {{1'042, IdSet{{0}}, {IdSet{{0}}, IdSet{}}, "0"}, {}};
  return worker;
}

}  // namespace

Scenario plain_scenario() {
  Scenario scenario;
  scenario.tree.nodes = {{"t", kNoParent, {}}};
  return scenario;
}

Scenario rich_scenario() {
  Scenario scenario;
  scenario.tree.nodes = {{"t", kNoParent, {}},
                         {"every_knob", 0, every_limit()},
                         {"no-limit",
                          0,
                          {{Knob::CpuMax, CpuBandwidth{std::nullopt, 50'000}},
                           {Knob::MemoryMax, Amount{}},
                           {Knob::PidsMax, Amount{}},
                           {Knob::IoMax, IoRates{}}}},
                         {"a", 1, {{Knob::MemoryMax, Amount{1 << 20}}}},
                         {"a", 3, {{Knob::IoMax, IoRates{std::nullopt, std::nullopt, 5, std::nullopt}}}}};
  scenario.strategy = {Strategy::Kind::Custom, 40, 3, "deep ones"};
  scenario.workers = every_workload();
  scenario.actions = {{10'000, Action::Kind::Freeze, 1},
                      {30'000, Action::Kind::Thaw, 1},
                      {30'000, Action::Kind::SetLimit, 1, Knob::CpuMax, CpuBandwidth{std::nullopt, 5'000}},
                      {40'000, Action::Kind::SetLimit, 0, Knob::PidsMax, Amount{7}},
                      {45'000, Action::Kind::SetLimit, 1, Knob::CpusetCpus, IdSet{{0, 2}}},
                      {50'000, Action::Kind::Migrate, 4},
                      {55'000, Action::Kind::CpuOffline},
                      {55'000, Action::Kind::CpuOnline},
                      {55'000, Action::Kind::Create, 2},
                      {56'000, Action::Kind::Remove, 2},
                      {57'000, Action::Kind::TryLimit, 1, Knob::PidsMax, Amount{-3}},
                      {57'000, Action::Kind::TryMigrate, 1},
                      {57'000, Action::Kind::TryRemove, 1},
                      {57'000, Action::Kind::TryCreate, 3},
                      {58'000, Action::Kind::TryControllerOff, 0},
                      {58'000, Action::Kind::TryControllerOn, 3}};
  scenario.actions[11].worker = 2;
  scenario.actions[14].controller = Controller::Memory;
  scenario.actions[15].controller = Controller::Pids;
  scenario.actions[5].worker = 1;
  for (const size_t i : {6, 7}) scenario.actions[i].cpu = 3;
  scenario.probes = {{0, Knob::CpuMax, CpuBandwidth{-7, 12}},
                     {1, Knob::CpuWeight, Amount{10'001}},
                     {2, Knob::CpusetCpus, IdSet{}},
                     {3, Knob::IoMax, IoRates{-1, std::nullopt, 0, std::nullopt}},
                     {4, Knob::PidsMax, Amount{}}};
  scenario.window = {60'000, false, 5'000};
  scenario.requirements = {2, 128 << 20, true};
  return scenario;
}

MachineFacts rich_machine() {
  MachineFacts facts;
  facts.kernel_release = "6.18.5";
  facts.libcgroup_version = "2.0.2";
  facts.mode = "hybrid";
  facts.hz = 1000;
  facts.page_size = 16'384;
  facts.cpus = {0, 1, 5};
  facts.hotplug_cpus = {1, 5};
  facts.mems = {0, 1};
  facts.memory_bytes = int64_t{6} << 30;
  facts.swap_bytes = int64_t{1} << 30;
  facts.cfs_slice_us = 4'000;
  facts.base_slice_ns = 2'800'000;
  facts.device = "253:0";
  facts.controllers = {{Controller::Cpu, CgroupVersion::V1}, {Controller::Core, CgroupVersion::V2}};
  facts.mount_flags = {{Controller::Memory, "rw,memory_recursiveprot"}};
  for (const KnobInfo& info : knob_table()) facts.knobs.insert(info.knob);
  facts.config = {{"CFS_BANDWIDTH", "y"}, {"NR_CPUS", "8192"}};
  return facts;
}

Observation rich_observation() {
  Observation observation;
  observation.machine = rich_machine();
  observation.first_attach_ns = -3'000'000;
  observation.final_at_ns = 61'000'000;
  observation.window_ns = 60'000'000;
  observation.overhead_ns = 9'000'000;
  observation.noise_is_realtime = true;
  observation.running_tasks = 5;
  observation.outside_shares = 2'048;
  observation.groups_above = {{1'024, 3'072}, {102'400, 0}};
  NodeObservation node;
  node.readbacks = {{Knob::CpuMax, "cpu.cfs_quota_us", "10000", 0}, {Knob::Freeze, "freezer.state", "", 13}};
  node.before = every_counter(1);
  node.after = every_counter(int64_t{1} << 40);
  node.drained = {{Counter::MemoryCurrent, 4096}};
  node.series = {{5'000'000, every_counter(7)}, {10'000'000, {}}};
  NodeObservation unfrozen = node;
  unfrozen.readbacks.pop_back();
  unfrozen.child_errno = 11;
  unfrozen.wakeup_latency = {1, 2, 3, 4};
  unfrozen.run_delay = {5, 6, 7, 8};
  observation.nodes = {unfrozen, node, {}, {}, {}};
  observation.workers.assign(7, WorkerObservation{});
  observation.workers[1] = rich_worker();
  observation.actions = {{10'000'001, 10'000'900, 0, {1, 2, 3}},
                         {30'000'001, -1, 16, {}},
                         {30'000'002, 30'000'003, 0, {}, "5000 -1"},
                         {40'000'001, 40'000'002, 0, {}, "7"},
                         {45'000'001, 45'000'002, 0, {}, "0,2"},
                         {50'000'001, 50'000'002, 0, {4, 5}, ""},
                         {55'000'001, 55'000'002, 0, {}, ""},
                         {55'000'003, 55'000'004, 16, {}, ""},
                         {55'000'005, 55'000'006, 0, {}, ""},
                         {56'000'001, 56'000'002, 0, {}, ""},
                         {57'000'001, 57'000'002, 22, {6}, "\"7\", then \"8\""}};
  observation.actions.resize(16);
  observation.probes = {{22, "100000 -1", "100000 -1"}, {0, "1024", "1024"}, {16, "0-1", "0-1"}, {}, {}};
  observation.noise = {{0, 40'000'000, 1, 2, 3}, {1, 4, 5, 6, 7}};
  observation.health = {512, 513, true, {"WARNING: CPU: 0 PID: 1 at kernel/sched/fair.c:1", ""}};
  return observation;
}

Verdict rich_verdict() {
  return {
      {{"cpu.bandwidth", Controller::Cpu, 1, Status::Violated, 1.5e8, 2.0e8, 4.0 / 3, "ns", "used ◄ more"},
       {"memory.max", Controller::Memory, 4, Status::Held, 8388608, 0.1, 1e-300, "bytes", ""},
       {"io.max", Controller::Io, 0, Status::Inconclusive, 0, 0, 0, "", "no I/O"},
       {"kernel.health", Controller::Core, 0, Status::NotApplicable, -0.25, 1, 0, "", "not readable"}}};
}

Counterexample rich_counterexample() {
  Counterexample example;
  example.scenario = rich_scenario();
  example.original = plain_scenario();
  example.provenance = Provenance{"cpu_bandwidth", UINT64_MAX, 199, "cpu-quota-high"};
  example.machine = "Lab/debian-6.12/v2/2cpus";
  example.signature = Signature{"cpu.bandwidth", Controller::Cpu, "v1"};
  example.verdict = rich_verdict();
  example.observation = rich_observation();
  example.original_rate = {9, 10};
  example.rate = {5, 6};
  example.shrink_runs = 77;
  example.minimum_proven = true;
  example.flaky = true;
  return example;
}

std::string edited(const std::string& text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  if (at == std::string::npos || text.find(from, at + 1) != std::string::npos) {
    ADD_FAILURE() << "not exactly once in the text: " << from;
    return text;
  }
  return std::string(text).replace(at, from.size(), to);
}

}  // namespace treeline::model_test

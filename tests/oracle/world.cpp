#include "world.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "oracle/demand.h"
#include "oracle/oracle.h"

namespace treeline::world_test {

namespace {

/// What a group costs its parent, and a worker its group, on a healthy kernel: well within what is allowed.
constexpr int64_t kGroupBytes = 16 * kPage;
constexpr int64_t kOverheadBytes = 40 * kPage;
constexpr int64_t kLeftBytes = 8 * kPage;
constexpr int64_t kStepNs = 10'000;

MachineFacts machine() {
  MachineFacts facts;
  facts.kernel_release = "6.12.0";
  facts.mode = "v1";
  facts.cpus = {0, 1};
  facts.mems = {0};
  facts.memory_bytes = int64_t{4} << 30;
  facts.base_slice_ns = 2'800'000;
  facts.device = "254:0";
  for (const Controller controller :
       {Controller::Cpu, Controller::Cpuacct, Controller::Memory, Controller::Pids, Controller::Cpuset,
        Controller::Io, Controller::Freezer}) {
    facts.controllers[controller] = CgroupVersion::V1;
  }
  for (const KnobInfo& info : knob_table()) {
    if (!info.v1_files.empty()) facts.knobs.insert(info.knob);
  }
  return facts;
}

bool is_dead(const WorkerObservation& worker) {
  return worker.end == WorkerEnd::OomKilled || worker.end == WorkerEnd::Killed ||
         worker.end == WorkerEnd::NotStarted;
}

}  // namespace

World::World() {
  seen.machine = machine();
  add(kNoParent, "t");
}

void World::become_v2() {
  MachineFacts& facts = seen.machine;
  facts.mode = "v2";
  facts.controllers.erase(Controller::Cpuacct);
  facts.controllers[Controller::Core] = CgroupVersion::V2;
  for (auto& [controller, version] : facts.controllers) version = CgroupVersion::V2;
  for (const KnobInfo& info : knob_table()) facts.knobs.insert(info.knob);
}

NodeId World::add(NodeId parent, std::string name) {
  scenario.tree.nodes.push_back({std::move(name), parent, {}});
  return scenario.tree.size() - 1;
}

void World::limit(NodeId node, Knob knob, KnobValue value) {
  scenario.tree[node].limits[knob] = std::move(value);
}

size_t World::work(NodeId node, Workload workload) {
  scenario.workers.push_back({node, workload});
  return scenario.workers.size() - 1;
}

size_t World::hold(NodeId node, int64_t bytes, MemoryKind kind) {
  return work(node, MemoryHog{kind, bytes, 64 << 10, TouchOrder::Forward, true});
}

size_t World::act(Action::Kind kind, NodeId node, int64_t at_ms) {
  scenario.actions.push_back({at_ms * 1'000, kind, node});
  seen.actions.push_back({at_ms * kMs, (at_ms + 1) * kMs, 0, {}});
  return scenario.actions.size() - 1;
}

void World::probe(NodeId node, Knob knob, KnobValue value, int answered) {
  scenario.probes.push_back({node, knob, std::move(value)});
  seen.probes.push_back({answered, "old", answered == 0 ? "new" : "old"});
}

void World::observe_worker(size_t i, int64_t window_ns) {
  WorkerObservation& worker = seen.workers[i];
  const Workload& workload = scenario.workers[i].workload;
  worker.end = settles(workload) ? WorkerEnd::Finished : WorkerEnd::Stopped;
  worker.started_ns = 20'000;
  worker.settled_ns = settles(workload) ? 5 * kMs : -1;
  worker.held_still = true;
  worker.ended_ns = window_ns + 5 * kMs;
  worker.bytes_touched = touched_bytes(workload);
  worker.held_rss_bytes = holds_memory(workload) ? unreclaimable_bytes(workload) : 0;
  worker.forks_ok = tasks_wanted(workload) - 1;
  worker.progress = window_ns / kStepNs;
}

void World::run_for_ms(int64_t window_ms) {
  const int64_t window_ns = window_ms * kMs;
  scenario.window = {window_ms * 1'000, false, 10'000};
  seen.first_attach_ns = -2 * kMs;
  seen.window_ns = window_ns;
  seen.final_at_ns = window_ns + kMs;
  seen.noise_is_realtime = true;
  seen.health.log_readable = true;
  seen.noise.clear();
  for (const int cpu : seen.machine.cpus)
    seen.noise.push_back({cpu, 500'000, 0, window_ns / 2, window_ns / 2});
  seen.nodes.assign(scenario.tree.nodes.size(), {});
  seen.workers.assign(scenario.workers.size(), {});
  for (size_t i = 0; i < scenario.workers.size(); ++i) observe_worker(i, window_ns);
  for (ActionObservation& action : seen.actions) {
    action.progress.assign(scenario.workers.size(), 0);
  }
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    for (const auto& [knob, value] : scenario.tree[node].limits) {
      const KnobContext context = seen.machine.knob_context(knob_info(knob).controller);
      for (const KnobWrite& write : encode(knob, value, scenario.tree[node].limits, context)) {
        of(node).readbacks.push_back({knob, write.file, write.expected, 0});
      }
    }
  }
  settle_counters();
}

void World::add_worker(NodeId node, size_t i) {
  const WorkerObservation& worker = seen.workers[i];
  const Workload& workload = scenario.workers[i].workload;
  const bool keeps = !is_dead(worker) && holds_memory(workload);
  const bool is_cpu_hog = std::holds_alternative<CpuHog>(workload);
  Counters& end = after(node);
  end[Counter::MemoryCurrent] += is_dead(worker) ? 0 : kOverheadBytes + (keeps ? worker.bytes_touched : 0);
  end[Counter::MemoryPeak] += kOverheadBytes + worker.bytes_touched;
  end[Counter::PidsCurrent] += is_dead(worker) ? 0 : 1 + (is_cpu_hog ? 0 : worker.forks_ok);
  end[Counter::PidsPeak] += 1 + worker.forks_ok;
  drained(node)[Counter::MemoryCurrent] += kLeftBytes;
  if (const auto* hog = std::get_if<IoHog>(&workload); hog && hog->direct) {
    const bool reads = hog->direction == IoDirection::Read;
    end[reads ? Counter::IoReadBytes : Counter::IoWriteBytes] += worker.bytes_moved;
    end[reads ? Counter::IoReadOps : Counter::IoWriteOps] += worker.io_ops;
  }
}

void World::settle_counters() {
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    Counters zero;
    for (const Counter counter : {Counter::MemoryCurrent, Counter::MemoryPeak, Counter::MemoryOomKills,
                                  Counter::PidsCurrent, Counter::PidsPeak, Counter::IoReadBytes,
                                  Counter::IoWriteBytes, Counter::IoReadOps, Counter::IoWriteOps}) {
      zero[counter] = 0;
    }
    const auto groups = static_cast<int64_t>(scenario.tree.subtree(node).size()) - 1;
    zero[Counter::MemoryCurrent] = zero[Counter::MemoryPeak] = groups * kGroupBytes;
    before(node) = after(node) = drained(node) = zero;
  }
  for (size_t i = 0; i < scenario.workers.size(); ++i) {
    const NodeId own = scenario.workers[i].node;
    for (const NodeId above : scenario.tree.lineage(own)) add_worker(above, i);
    if (seen.workers[i].end != WorkerEnd::OomKilled) continue;
    ++after(own)[Counter::MemoryOomKills];
    ++drained(own)[Counter::MemoryOomKills];
  }
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    drained(node)[Counter::MemoryPeak] = after(node)[Counter::MemoryPeak];
    of(node).series = {{seen.window_ns, after(node)}};
  }
}

void World::oom_kill(size_t worker, int64_t touched_bytes) {
  seen.workers[worker].end = WorkerEnd::OomKilled;
  seen.workers[worker].settled_ns = -1;
  seen.workers[worker].ended_ns = 0;  // long before the last reading
  seen.workers[worker].bytes_touched = touched_bytes;
  seen.workers[worker].held_rss_bytes = -1;
  seen.health.log.emplace_back("Memory cgroup out of memory: Killed process 7 (treeline-exec) total-vm:1kB");
  settle_counters();
}

void World::forked(size_t worker, int64_t ok, int64_t refused) {
  seen.workers[worker].forks_ok = ok;
  seen.workers[worker].forks_refused = refused;
  settle_counters();
}

void World::moved(size_t worker, int64_t blocks, int64_t fastest_op_ns) {
  const auto& hog = std::get<IoHog>(scenario.workers[worker].workload);
  seen.workers[worker].bytes_moved = blocks * hog.block_bytes;
  seen.workers[worker].io_ops = blocks;
  seen.workers[worker].fastest_op_ns = fastest_op_ns;
  settle_counters();
}

void World::progressed(size_t worker, const std::vector<int64_t>& at_actions, int64_t at_end) {
  for (size_t i = 0; i < at_actions.size(); ++i) seen.actions[i].progress[worker] = at_actions[i];
  seen.workers[worker].progress = at_end;
}

void World::forget(NodeId node, Counter counter) {
  for (Counters* counters : {&before(node), &after(node), &drained(node)}) counters->erase(counter);
  for (Sample& sample : of(node).series) sample.counters.erase(counter);
}

std::vector<Finding> World::findings(std::string_view invariant) const {
  for (const Invariant& known : invariants()) {
    if (known.name == invariant) return known.judge(scenario, seen);
  }
  throw std::logic_error(fmt::format("there is no invariant {}", invariant));
}

Status World::status(std::string_view invariant, NodeId node) const {
  Status worst = Status::NotApplicable;
  for (const Finding& finding : findings(invariant)) {
    if (finding.node == node) worst = std::max(worst, finding.status);
  }
  return worst;
}

Status World::status(std::string_view invariant) const { return Verdict{findings(invariant)}.status(); }

std::string World::explain(std::string_view invariant) const {
  std::string text;
  for (const Finding& finding : findings(invariant)) {
    text += fmt::format("{} at node {}: {}: {}\n", finding.invariant, finding.node,
                        status_name(finding.status), finding.sentence);
  }
  return text;
}

}  // namespace treeline::world_test

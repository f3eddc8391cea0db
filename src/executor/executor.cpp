#include "executor/executor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <span>

#include "cgroup/cgroup_tree.h"
#include "executor/attempts.h"
#include "executor/counter_reader.h"
#include "executor/fault_player.h"
#include "executor/futex.h"
#include "executor/interrupt.h"
#include "executor/kernel_log.h"
#include "executor/noise_monitor.h"
#include "executor/probe_runner.h"
#include "executor/scratch.h"
#include "executor/worker.h"
#include "executor/worker_events.h"
#include "executor/worker_process.h"
#include "model/charge.h"
#include "model/controllers.h"
#include "model/freezing.h"
#include "model/rules.h"
#include "model/threads.h"

namespace treeline {

namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kStopDeadlineNs = 5'000 * kMillisecond;
constexpr int64_t kReapDeadlineNs = 5'000 * kMillisecond;
constexpr int64_t kDrainDeadlineNs = 6'000 * kMillisecond;
constexpr int64_t kQuietNs = 1'000 * kMillisecond;

using Moment = FaultPlayer::Moment;

/// The counters that move while the window runs.
const std::set<Counter> kSeries{Counter::CpuUsageNs,    Counter::CpuThrottled,     Counter::CpuThrottledNs,
                                Counter::MemoryCurrent, Counter::PidsCurrent,      Counter::IoReadBytes,
                                Counter::IoWriteBytes,  Counter::IoReadOps,        Counter::IoWriteOps,
                                Counter::FreezerState,  Counter::MemorySwapCurrent};
/// Computing these costs the kernel more than all others, so only in some samples.
const std::set<Counter> kPressure{Counter::CpuSomePressureNs, Counter::MemorySomePressureNs,
                                  Counter::MemoryFullPressureNs, Counter::IoSomePressureNs,
                                  Counter::IoFullPressureNs};
constexpr int kPressureEvery = 4;  // samples

/// Hierarchies that the scenario needs; those of the counters that every run records come first.
std::set<Controller> controllers_of(const Scenario& scenario) {
  std::set<Controller> result{Controller::Cpu, Controller::Cpuacct, Controller::Memory, Controller::Pids};
  for (const Node& node : scenario.tree.nodes) {
    for (const auto& [knob, value] : node.limits) result.insert(knob_info(knob).controller);
  }
  for (const Probe& probe : scenario.probes) result.insert(knob_info(probe.knob).controller);
  for (const Worker& worker : scenario.workers) {
    if (std::holds_alternative<IoHog>(worker.workload)) result.insert(Controller::Io);
  }
  for (const Action& action : scenario.actions) {
    if (const auto controller = controller_of(action)) result.insert(*controller);
  }
  if (moves_groups(scenario)) result.insert(Controller::Core);  // it alone counts removed groups that stay
  if (scenario.tree.has_thread_root()) {
    std::erase_if(result, [](Controller controller) { return !is_threaded(controller); });
  }
  return result;
}

/// Memory that the executor shares with its workers. All of it is touched here, so that none is charged to
/// them.
class SharedPages {
 public:
  static Result<SharedPages> create(const Scenario& scenario) {
    SharedPages pages;
    const size_t workers = scenario.workers.size();
    pages.first_thread_.resize(workers + 1);
    const std::set<size_t> parted = parted_workers(scenario);
    for (size_t i = 0; i < workers; ++i) {
      const auto threads = static_cast<size_t>(threads_of(scenario.workers[i].workload));
      pages.first_thread_[i + 1] = pages.first_thread_[i] + (parted.contains(i) ? threads : 0);
    }
    const size_t threads = pages.first_thread_.back();
    pages.length_ = sizeof(Signals) + workers * sizeof(WorkerReport) + threads * sizeof(ThreadReport);
    pages.memory_ = ::mmap(nullptr, pages.length_, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (pages.memory_ == MAP_FAILED) {
      return fail(ErrorKind::Infrastructure, "map the workers' shared pages", "", errno);
    }
    new (pages.memory_) Signals;
    for (size_t i = 0; i < workers; ++i) new (&pages.report(i)) WorkerReport;
    for (size_t i = 0; i < threads; ++i) new (pages.all_threads() + i) ThreadReport;
    return pages;
  }
  SharedPages(SharedPages&& other) noexcept
      : memory_(std::exchange(other.memory_, MAP_FAILED)),
        length_(other.length_),
        first_thread_(std::move(other.first_thread_)) {}
  SharedPages& operator=(SharedPages&&) = delete;
  ~SharedPages() {
    if (memory_ != MAP_FAILED) ::munmap(memory_, length_);
  }
  Signals& signals() { return *static_cast<Signals*>(memory_); }
  WorkerReport& report(size_t i) {
    return *(reinterpret_cast<WorkerReport*>(static_cast<char*>(memory_) + sizeof(Signals)) + i);
  }

  /// Those of a worker whose threads part; none of another.
  std::span<ThreadReport> threads(size_t i) {
    return {all_threads() + first_thread_[i], first_thread_[i + 1] - first_thread_[i]};
  }

 private:
  SharedPages() = default;
  ThreadReport* all_threads() { return reinterpret_cast<ThreadReport*>(&report(first_thread_.size() - 1)); }
  void* memory_ = MAP_FAILED;
  size_t length_ = 0;
  std::vector<size_t> first_thread_;  ///< Of each worker; at the end how many there are.
};

class Run {
 public:
  Run(const Hierarchies& hierarchies, const MachineFacts& machine, const Scenario& scenario,
      const ExecutorOptions& options, SharedPages pages)
      : hierarchies_(hierarchies),
        machine_(machine),
        scenario_(scenario),
        options_(options),
        fault_(options.fault, scenario, machine),
        limits_(scenario.tree),
        absent_(absent_at_first(scenario)),
        pages_(std::move(pages)),
        began_ns_(monotonic_ns()) {
    observation_.machine = machine;
    observation_.nodes.resize(scenario.tree.nodes.size());
    observation_.workers.resize(scenario.workers.size());
  }

  Result<Observation> all() {
    Result<Scratch> scratch = Scratch::create(options_.scratch_dir, scenario_);
    if (!scratch) return tl::unexpected(scratch.error());
    scratch_.emplace(std::move(*scratch));
    Result<void> done = run_phases();
    // On the way out the workers are killed first, and what is frozen or throttled does not die.
    if (!done && groups_) lift_limits();
    if (!done) return tl::unexpected(done.error());
    return std::move(observation_);
  }

 private:
  Result<void> run_phases() {
    for (const auto& phase : {&Run::actualize, &Run::spawn, &Run::run_window, &Run::stop, &Run::release,
                              &Run::drain, &Run::tear_down}) {
      if (interrupted()) {
        return fail(ErrorKind::Infrastructure, "run the scenario", "", EINTR, "it was ended");
      }
      if (Result<void> done = (this->*phase)(); !done) return done;
    }
    return {};
  }

  Result<void> actualize() {
    const Tree tree = fault_.enforced_tree();
    Result<CgroupTree> groups = CgroupTree::create(hierarchies_, machine_, options_.owner, tree,
                                                   controllers_of(scenario_), occupied(), absent_);
    if (!groups) return tl::unexpected(groups.error());
    groups_.emplace(std::move(*groups));
    for (const NodeId node : present(kRoot)) set_limits(node, tree[node].limits);
    observation_.probes = run_probes(*groups_, scenario_, machine_);
    fault_.report(observation_.probes);
    // Only now: what one node is given may change what another reads (a partition is lost to a sibling's
    // CPUs), and a probe, which puts back what it wrote, shall not have changed its neighbours.
    for (const NodeId node : present(kRoot)) read_limits_back(node, tree[node].limits);
    reader_.emplace(*groups_, tree.size());
    std::vector<Counters> before = read_at_one_instant({Counter::MemoryCurrent});
    for (size_t i = 0; i < before.size(); ++i) observation_.nodes[i].before = std::move(before[i]);
    return {};
  }

  std::vector<NodeId> present(NodeId top) const {
    std::vector<NodeId> nodes = scenario_.tree.subtree(top);
    std::erase_if(nodes, [&](NodeId node) { return absent_.contains(node); });
    return nodes;
  }

  /// All counters. The removal of any group, also of an earlier run, makes the kernel drain per-CPU stocks of
  /// all groups (mm/memcontrol.c: drain_all_stock, drain_stock_fully) at an instant of its own, and a parent
  /// read before that does not match its children read after it. And a task that was just reaped may still be
  /// on its CPU, which goes on counting until it has switched to another. So what should be at rest is read
  /// once more, until nothing has changed between; where it never rests, as under running workers, its last
  /// values stand.
  std::vector<Counters> read_at_one_instant(const std::set<Counter>& at_rest) const {
    constexpr int kTries = 4;
    std::vector<Counters> all = reader_->read();
    for (int i = 0; i < kTries; ++i) {
      const std::vector<Counters> again = reader_->read(at_rest);
      const auto rests = [&](const Counters& before, const Counters& now) {
        return std::all_of(at_rest.begin(), at_rest.end(),
                           [&](Counter counter) { return get(before, counter) == get(now, counter); });
      };
      if (std::equal(all.begin(), all.end(), again.begin(), rests)) break;
      all = reader_->read();
    }
    return all;
  }

  /// Nodes into which workers will be attached.
  std::set<NodeId> occupied() const {
    std::set<NodeId> nodes = occupied_nodes(scenario_);
    for (const Worker& worker : scenario_.workers) nodes.insert(fault_.node_of(worker));
    return nodes;
  }

  std::vector<KnobWrite> writes_of(const Limits& limits) const {
    std::vector<KnobWrite> writes;
    for (const auto& [knob, value] : limits) {
      const KnobContext context = machine_.knob_context(knob_info(knob).controller);
      const std::vector<KnobWrite> more = encode(knob, value, limits, context);
      writes.insert(writes.end(), more.begin(), more.end());
    }
    return writes;
  }

  void set_limits(NodeId node, const Limits& limits) {
    const std::vector<KnobWrite> writes = writes_of(limits);
    // One call for all; only a refusal makes it worth asking one by one which it was.
    const bool taken = groups_->write_all(node, writes) == 0;
    for (const KnobWrite& write : writes) {
      const int error = taken ? 0 : groups_->write(node, write);
      observation_.nodes[static_cast<size_t>(node)].readbacks.push_back({write.knob, write.file, "", error});
    }
  }

  void read_limits_back(NodeId node, const Limits& limits) {
    NodeObservation& seen = observation_.nodes[static_cast<size_t>(node)];
    const std::vector<KnobWrite> writes = writes_of(limits);
    for (size_t i = 0; i < writes.size(); ++i) {
      const KnobContext context = machine_.knob_context(writes[i].controller);
      seen.readbacks[i].read = groups_->read(node, writes[i], context).value_or("");
    }
    fault_.report(seen, node);
  }

  Result<void> spawn() {
    log_.emplace();
    processes_.reserve(scenario_.workers.size());
    for (size_t i = 0; i < scenario_.workers.size(); ++i) {
      processes_.emplace_back(scenario_.workers[i].workload, pages_.report(i), pages_.threads(i));
    }
    first_attach_ns_ = monotonic_ns();
    for (size_t i = 0; i < processes_.size(); ++i) {
      if (absent_.contains(scenario_.workers[i].node)) continue;
      if (Result<void> started = start_worker(i); !started) return started;
    }
    return {};
  }

  Result<void> start_worker(size_t i) {
    WorkerProcess& process = processes_[i];
    if (const int error = process.fork(pages_.signals(), scratch_->file(i))) {
      return fail(ErrorKind::Infrastructure, "fork a worker", "", error);
    }
    const NodeId node = fault_.node_of(scenario_.workers[i]);
    if (Result<void> attached = groups_->attach(process.pid(), node); !attached) return attached;
    if (fault_.escapes_freezer(scenario_.workers[i])) {
      if (auto moved = groups_->attach_to_owner(process.pid(), Controller::Freezer); !moved) return moved;
    }
    process.note_attached();
    return {};
  }

  /// The executor must sample and stop on time on a loaded machine; it hardly runs. Workers do not inherit
  /// this.
  static void become_realtime() {
    sched_param parameters{};
    parameters.sched_priority = 10;
    ::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters);
  }

  static void become_fair() {
    const sched_param parameters{};
    ::sched_setscheduler(0, SCHED_OTHER, &parameters);
  }

  Result<void> run_window() {
    become_realtime();
    const int64_t monitored_ns = monotonic_ns();
    noise_ =
        std::make_unique<NoiseMonitor>(machine_always(scenario_, machine_).cpus, options_.noise_period_us);
    const int64_t length_ns = scenario_.window.length_us * 1'000;
    start_ns_ = monotonic_ns();
    observation_.noise_began_ns = monitored_ns - start_ns_;
    pages_.signals().deadline_ns = start_ns_ + length_ns;
    futex_set_and_wake(pages_.signals().start);
    int64_t next_sample_ns = start_ns_ + scenario_.window.sample_every_us * 1'000;
    size_t next_action = 0;
    const int64_t end_ns = start_ns_ + length_ns;
    while (monotonic_ns() < end_ns && !interrupted()) {
      const bool all_gone = reap_all();
      const bool all_settled = std::all_of(processes_.begin(), processes_.end(),
                                           [](const WorkerProcess& process) { return process.settled(); });
      const bool all_done = next_action == scenario_.actions.size();
      if (all_done && (all_gone || (scenario_.window.until_settled && all_settled))) break;
      if (monotonic_ns() >= next_sample_ns) {
        sample();
        next_sample_ns = monotonic_ns() + scenario_.window.sample_every_us * 1'000;
      }
      int64_t wake_ns = end_ns;
      if (next_action < scenario_.actions.size()) {
        const int64_t at_ns = start_ns_ + scenario_.actions[next_action].at_us * 1'000;
        if (monotonic_ns() >= at_ns) {
          perform(scenario_.actions[next_action++]);
          continue;
        }
        wake_ns = at_ns;
      }
      WorkerEvents::wait_until(std::min({wake_ns, next_sample_ns, end_ns}));
    }
    while (next_action < scenario_.actions.size()) {  // too late
      observation_.actions.push_back({ActionObservation::kNotTried, -1, 0, {}, {}});
      ++next_action;
    }
    return {};
  }

  bool reap_all() {
    bool all = true;
    for (WorkerProcess& process : processes_) all = process.try_reap() && all;
    return all;
  }

  /// Who competes for CPU time: the most of it that was seen.
  void look_outside() {
    Observation& seen = observation_;
    seen.running_tasks = std::max(seen.running_tasks, running_tasks());
    if (samples_ % kPressureEvery != 0) return;  // the folders of many groups
    seen.outside_shares = std::max(seen.outside_shares, outside_shares(hierarchies_, options_.owner));
    const std::vector<GroupAbove> now = groups_above(hierarchies_);
    if (seen.groups_above.empty()) seen.groups_above = now;
    for (size_t i = 0; i < std::min(now.size(), seen.groups_above.size()); ++i) {
      seen.groups_above[i].shares = std::min(seen.groups_above[i].shares, now[i].shares);
      seen.groups_above[i].beside = std::max(seen.groups_above[i].beside, now[i].beside);
    }
  }

  void sample() {
    look_outside();
    const int64_t began_ns = monotonic_ns();
    std::set<Counter> wanted = kSeries;
    if (samples_++ % kPressureEvery == 0) wanted.insert(kPressure.begin(), kPressure.end());
    std::vector<Counters> counters = reader_->read(wanted);
    const int64_t at_ns = monotonic_ns();
    fault_.report(counters, Moment::Window, at_ns - first_attach_ns_);
    for (size_t i = 0; i < counters.size(); ++i) {
      observation_.nodes[i].series.push_back({at_ns - start_ns_, std::move(counters[i]), at_ns - began_ns});
    }
    constexpr int kSamplesUntilStranded = 3;
    if (samples_ == kSamplesUntilStranded) signal_stranded(SIGSTOP);
    for (size_t i = 0; i < processes_.size(); ++i) {
      if (processes_[i].alive()) observation_.workers[i].series.push_back(processes_[i].sample(start_ns_));
    }
  }

  void signal_stranded(int signal) {
    const std::optional<size_t> worker = fault_.stranded_worker();
    if (worker && processes_[*worker].alive()) ::kill(processes_[*worker].pid(), signal);
  }

  std::vector<int64_t> progress() {
    std::vector<int64_t> result;
    for (size_t i = 0; i < processes_.size(); ++i) result.push_back(pages_.report(i).progress.load());
    return result;
  }

  /// Workers tell what they saw before, during and after it apart.
  void perform(const Action& action) {
    ++pages_.signals().epoch;
    carry_out(action);
    ++pages_.signals().epoch;
  }

  void carry_out(const Action& action) {
    switch (action.kind) {
      case Action::Kind::Freeze:
      case Action::Kind::Thaw:
        return perform_freeze(action);
      case Action::Kind::Kill:
        return perform_kill(action);
      case Action::Kind::SetLimit:
        return perform_set_limit(action);
      case Action::Kind::Migrate:
      case Action::Kind::MigrateThread:
        return perform_migration(action);
      case Action::Kind::CpuOffline:
      case Action::Kind::CpuOnline:
        return perform_hotplug(action);
      case Action::Kind::Create:
        return perform_creation(action);
      case Action::Kind::Remove:
        return perform_removal(action);
      case Action::Kind::DisableController:
      case Action::Kind::EnableController:
        return perform_switch(action);
      case Action::Kind::TryLimit:
      case Action::Kind::TryMigrate:
      case Action::Kind::TryRemove:
      case Action::Kind::TryCreate:
      case Action::Kind::TryControllerOff:
      case Action::Kind::TryControllerOn:
        return perform_attempt(action);
    }
  }

  /// Nothing changes, so that nothing need be sampled. To look whether that is so takes time as well.
  void perform_attempt(const Action& action) {
    const WorkerProcess* worker =
        has_worker(action) ? &processes_[static_cast<size_t>(action.worker)] : nullptr;
    const pid_t pid = worker && worker->alive() ? worker->pid() : 0;
    const bool is_dead = worker && pid == 0;
    const Limits& limits = limits_[action.node].limits;
    ActionObservation seen;
    seen.started_ns = monotonic_ns() - start_ns_;
    const std::string before = state_of_attempted(*groups_, action, limits, pid, machine_);
    const int answered = is_dead ? ESRCH : attempt(*groups_, action, limits, pid, machine_);
    seen.write_errno = fault_.attempt_errno(action, answered);
    const std::string after = state_of_attempted(*groups_, action, limits, pid, machine_);
    seen.completed_ns = monotonic_ns() - start_ns_;
    seen.read = change_of(before, fault_.state_after(action, after));
    if (fault_.lifts_quota_on_refusal(action)) set_quota_free(action.node);
    seen.progress = progress();
    observation_.actions.push_back(std::move(seen));
  }

  void perform_switch(const Action& action) {
    const bool goes = action.kind == Action::Kind::DisableController;
    sample();
    ActionObservation seen;
    seen.started_ns = monotonic_ns() - start_ns_;
    if (goes) fault_.note_controller_off(action, reader_->read({Counter::PidsCurrent}));
    if (!fault_.ignores(action)) {
      seen.write_errno = groups_->switch_controller(action.node, action.controller, !goes);
    }
    if (const auto lost = fault_.lost_on_switch(action)) set_free(action.node, *lost);
    if (!goes && fault_.keeps_limits_of_controller()) set_lost_limits(action);
    seen.completed_ns = monotonic_ns() - start_ns_;
    if (goes && seen.write_errno == 0) drop_limits_below(limits_, action);
    seen.read = read_below(*groups_, scenario_, action, machine_);
    seen.progress = progress();
    observation_.actions.push_back(std::move(seen));
    reader_.emplace(*groups_, scenario_.tree.size());  // some files have gone, or are others
    sample();
  }

  void set_lost_limits(const Action& action) {
    for (const NodeId node : groups_below(scenario_.tree, action)) {
      for (const KnobWrite& write : writes_of(scenario_.tree[node].limits)) {
        if (write.controller == action.controller) groups_->write(node, write);
      }
    }
  }

  void perform_creation(const Action& action) {
    sample();
    absent_ = absent_once_done();
    ActionObservation seen;
    seen.started_ns = monotonic_ns() - start_ns_;
    if (const Result<void> made = groups_->add(machine_, action.node, absent_); !made) {
      seen.write_errno = made.error().errnum;
    } else {
      begin_nodes(present(action.node));
    }
    seen.completed_ns = monotonic_ns() - start_ns_;
    seen.progress = progress();
    observation_.actions.push_back(std::move(seen));
    sample();
  }

  /// Nodes that are not there once the present action, which is not recorded yet, is done.
  std::set<NodeId> absent_once_done() const {
    const size_t present_action = observation_.actions.size();
    return absent_after(scenario_, present_action + 1, [&](size_t i) {
      return i == present_action || observation_.actions[i].write_errno == 0;
    });
  }

  /// What stands for the others before the start: limits, first readings, workers.
  void begin_nodes(const std::vector<NodeId>& nodes) {
    const Tree tree = fault_.enforced_tree();
    for (const NodeId node : nodes) set_limits(node, tree[node].limits);
    for (const NodeId node : nodes) read_limits_back(node, tree[node].limits);
    reader_.emplace(*groups_, tree.size());
    const std::vector<Counters> before = reader_->read();
    for (const NodeId node : nodes) {
      observation_.nodes[static_cast<size_t>(node)].before = before[static_cast<size_t>(node)];
    }
    for (size_t i = 0; i < processes_.size(); ++i) {
      const NodeId place = scenario_.workers[i].node;
      if (std::find(nodes.begin(), nodes.end(), place) == nodes.end()) continue;
      if (const Result<void> started = start_worker(i); !started) {
        processes_[i].refuse(started.error().errnum, "start");
      }
    }
  }

  void perform_removal(const Action& action) {
    constexpr std::chrono::milliseconds kDeadline{2'000};
    sample();
    ActionObservation seen;
    seen.started_ns = monotonic_ns() - start_ns_;
    fault_.note_removal(action.node, reader_->read({Counter::CpuUsageNs}));
    become_fair();  // the victims need a CPU
    seen.write_errno = fault_.removal_errno();
    if (seen.write_errno == 0) {
      if (const Result<void> removed = groups_->remove(action.node, kDeadline); !removed) {
        seen.write_errno = removed.error().errnum;
      }
    }
    become_realtime();
    seen.completed_ns = monotonic_ns() - start_ns_;
    if (seen.write_errno == 0) absent_ = absent_once_done();
    seen.progress = progress();
    observation_.actions.push_back(std::move(seen));
    reap_orphans();
    sample();
  }

  void perform_hotplug(const Action& action) {
    const bool goes = action.kind == Action::Kind::CpuOffline;
    sample();
    ActionObservation seen;
    seen.started_ns = monotonic_ns() - start_ns_;
    seen.write_errno = set_online(action.cpu, !goes);
    if (seen.write_errno == 0 && goes) offline_.insert(action.cpu);
    if (seen.write_errno == 0 && !goes) offline_.erase(action.cpu);
    wait_for_cpusets();
    if (goes && fault_.lifts_quota_on_hotplug()) lift_all_quotas();
    seen.completed_ns = monotonic_ns() - start_ns_;
    seen.progress = progress();
    observation_.actions.push_back(std::move(seen));
    sample();
  }

  static int set_online(int cpu, bool is_online) {
    return write_file(fmt::format("/sys/devices/system/cpu/cpu{}/online", cpu), is_online ? "1" : "0");
  }

  /// Up to Linux 6.9 a work queue tells the cpusets that a CPU has come or gone; a write to any cpuset, also
  /// of what stands there, waits for it (kernel/cgroup/cpuset.c, cpuset_write_resmask).
  void wait_for_cpusets() const {
    const std::string file = groups_->path(kRoot, Controller::Cpuset) + "/cpuset.cpus";
    if (const Result<std::string> text = read_file(file)) write_file(file, *text);
  }

  void lift_all_quotas() {
    for (NodeId node = 0; node < scenario_.tree.size(); ++node) {
      if (limits_[node].limits.contains(Knob::CpuMax)) set_quota_free(node);
    }
  }

  void bring_cpus_back() {
    for (const int cpu : std::exchange(offline_, {})) set_online(cpu, true);
  }

  /// All is sampled just before and just after, so that each stretch with its limits is judged by itself.
  void perform_set_limit(const Action& action) {
    sample();
    const KnobContext context = machine_.knob_context(knob_info(action.knob).controller);
    Limits& limits = limits_[action.node].limits;
    const std::vector<KnobWrite> writes = encode(action.knob, action.value, limits, context);
    ActionObservation seen;
    seen.started_ns = monotonic_ns() - start_ns_;
    // The write of a memory.max below what is used lasts until the OOM killer's victims have gone
    // (mm/memcontrol.c: memory_max_write), and these must run for that.
    const bool is_memory = action.knob == Knob::MemoryMax;
    const int64_t kills = is_memory ? memory_at(action.node).kills : 0;
    if (is_memory) become_fair();
    if (!fault_.ignores(action)) seen.write_errno = groups_->write_all(action.node, writes);
    if (is_memory && seen.write_errno == 0) wait_for_victims(action, kills);
    become_realtime();
    seen.completed_ns = monotonic_ns() - start_ns_;
    if (seen.write_errno == 0) limits[action.knob] = action.value;
    seen.read = read_joined(*groups_, action.node, writes, context);
    fault_.report(seen, action, writes);
    seen.progress = progress();
    observation_.actions.push_back(std::move(seen));
    reap_all();
    sample();
  }

  struct MemoryState {
    int64_t bytes = 0;
    int64_t kills = 0;  ///< In the subtree.
  };
  MemoryState memory_at(NodeId node) {
    const std::vector<Counters> now = reader_->read({Counter::MemoryCurrent, Counter::MemoryOomKills});
    MemoryState state{get(now[static_cast<size_t>(node)], Counter::MemoryCurrent).value_or(0)};
    for (const NodeId below : scenario_.tree.subtree(node)) {
      state.kills += get(now[static_cast<size_t>(below)], Counter::MemoryOomKills).value_or(0);
    }
    return state;
  }

  /// Whoever reclaims by the multi-gen LRU walks address spaces (mm/vmscan.c, iterate_mm_list). One whose
  /// last task is killed meanwhile is torn down by a kernel thread (mmput_async), which needs the CPU for it.
  void wait_for_victims(const Action& action, int64_t kills_before) {
    constexpr int64_t kDeadlineNs = 300 * kMillisecond;
    const std::optional<int64_t> limit = std::get<Amount>(action.value).value;
    const int64_t deadline_ns = monotonic_ns() + kDeadlineNs;
    while (limit && monotonic_ns() < deadline_ns) {
      const MemoryState now = memory_at(action.node);
      if (now.kills == kills_before || now.bytes <= *limit) return;
      sleep_until(monotonic_ns() + kMillisecond);
    }
  }

  void perform_migration(const Action& action) {
    const auto worker = static_cast<size_t>(action.worker);
    reap_all();
    sample();
    ActionObservation seen;
    seen.started_ns = monotonic_ns() - start_ns_;
    seen.write_errno = fault_.migration_errno();
    const std::set<NodeId> frozen = frozen_by_now();
    const bool was_frozen = is_frozen(scenario_.tree, frozen, place_by_now(action));
    const bool stops = is_frozen(scenario_.tree, frozen, action.node);
    if (was_frozen) seen.progress = progress();
    const bool is_ignored = fault_.ignores(action) || fault_.ignores_move(was_frozen, stops);
    if (seen.write_errno == 0 && !is_ignored) seen.write_errno = migrate(action);
    seen.completed_ns = monotonic_ns() - start_ns_;
    if (stops && seen.write_errno == 0) wait_for_freezer(action.node, true, kFreezeDeadlineNs);
    if (!was_frozen) seen.progress = progress();
    if (action.kind == Action::Kind::MigrateThread) seen.read = places_listing(action);
    if (seen.write_errno == 0) {
      fault_.note_migration(action, place_by_now(action), pages_.report(worker).bytes_touched.load());
    }
    fault_.report(seen, action, {});
    observation_.actions.push_back(std::move(seen));
    sample();
  }

  /// Of the actions that are recorded: whether the kernel took it.
  auto taken() const {
    return [this](size_t i) { return observation_.actions[i].write_errno == 0; };
  }

  std::set<NodeId> frozen_by_now() const {
    return frozen_after(scenario_, observation_.actions.size(), taken());
  }

  /// Where the action's worker, or its thread, is before the action, which is not recorded yet.
  NodeId place_by_now(const Action& action) const {
    return place_of(scenario_, {action.worker, action.thread}, observation_.actions.size(), taken());
  }

  std::string places_listing(const Action& action) const {
    std::vector<std::string> paths;
    const pid_t tid = processes_[static_cast<size_t>(action.worker)].tid(action.thread);
    for (const NodeId node : groups_->nodes_with_thread(tid)) paths.push_back(scenario_.tree.path(node));
    return fmt::format("{}", fmt::join(paths, " "));
  }

  int migrate(const Action& action) {
    const WorkerProcess& process = processes_[static_cast<size_t>(action.worker)];
    if (!process.alive()) return ESRCH;
    const bool is_thread = action.kind == Action::Kind::MigrateThread && !fault_.moves_whole_process();
    if (is_thread && process.tid(action.thread) == 0) return ESRCH;
    const int error = is_thread ? groups_->migrate_thread(process.tid(action.thread), action.node)
                                : groups_->migrate(process.pid(), action.node);
    if (error != 0) return error;
    if (fault_.lifts_quota_on_migration()) {
      for (const NodeId above : scenario_.tree.lineage(action.node)) {
        if (limits_[above].limits.contains(Knob::CpuMax)) set_quota_free(above);
      }
    }
    return 0;
  }

  void set_quota_free(NodeId node) { set_free(node, Knob::CpuMax); }

  /// Lifts the limit, which has the value of a new group then.
  void set_free(NodeId node, Knob knob) {
    const Controller controller = knob_info(knob).controller;
    const KnobContext context = machine_.knob_context(controller);
    const Limits none = fresh_limits(controller);
    groups_->write_all(node, encode(knob, none.at(knob), limits_[node].limits, context));
  }

  /// cgroup.kill; the dead are reaped, so that only what it left alive keeps the group populated.
  void perform_kill(const Action& action) {
    constexpr int64_t kKillDeadlineNs = 500 * kMillisecond;
    const std::string group = groups_->path(action.node, Controller::Core);
    ActionObservation seen;
    seen.started_ns = monotonic_ns() - start_ns_;
    seen.write_errno = fault_.ignores(action) ? 0 : write_file(group + "/cgroup.kill", "1");
    const int64_t end_ns = monotonic_ns() + kKillDeadlineNs;
    while (seen.completed_ns < 0 && seen.write_errno == 0 && monotonic_ns() < end_ns) {
      reap_all();
      const Counters state = reader_->read({Counter::Populated})[static_cast<size_t>(action.node)];
      if (get(state, Counter::Populated) == 0) {
        seen.completed_ns = monotonic_ns() - start_ns_;
      } else {
        sleep_until(monotonic_ns() + 100'000);
      }
    }
    seen.progress = progress();
    observation_.actions.push_back(std::move(seen));
  }

  void perform_freeze(const Action& action) {
    const bool freeze = action.kind == Action::Kind::Freeze;
    constexpr int64_t kThawDeadlineNs = 5 * kMillisecond;  // not reached below a frozen ancestor
    const KnobContext context = machine_.knob_context(Controller::Freezer);
    const std::vector<KnobWrite> writes =
        encode(Knob::Freeze, Amount{freeze ? 1 : 0}, scenario_.tree[action.node].limits, context);
    ActionObservation seen;
    if (!freeze) seen.progress = progress();
    seen.started_ns = monotonic_ns() - start_ns_;
    if (!fault_.ignores(action)) {
      seen.write_errno = writes.empty() ? ENOENT : groups_->write(action.node, writes[0]);
    }
    const int64_t deadline_ns = freeze ? kFreezeDeadlineNs : kThawDeadlineNs;
    if (seen.write_errno == 0 && wait_for_freezer(action.node, freeze, deadline_ns)) {
      seen.completed_ns = monotonic_ns() - start_ns_;
    }
    if (freeze) seen.progress = progress();
    observation_.actions.push_back(std::move(seen));
  }

  /// Until the node reads FROZEN, or THAWED; whether it does by the deadline.
  bool wait_for_freezer(NodeId node, bool is_frozen, int64_t deadline_ns) {
    const int64_t end_ns = monotonic_ns() + deadline_ns;
    while (monotonic_ns() < end_ns) {
      const Counters state = reader_->read({Counter::FreezerState})[static_cast<size_t>(node)];
      if (get(state, Counter::FreezerState) == (is_frozen ? 2 : 0)) return true;
      sleep_until(monotonic_ns() + 100'000);
    }
    return false;
  }

  bool wait_until_still(int64_t deadline_ns) {
    const auto still = [](const WorkerProcess& process) { return process.still(); };
    while (reap_all(), !std::all_of(processes_.begin(), processes_.end(), still)) {
      if (monotonic_ns() >= deadline_ns || interrupted()) return false;
      WorkerEvents::wait_until(deadline_ns);
    }
    const auto rests = [](const WorkerProcess& process) { return process.rests(); };
    while (reap_all(), !std::all_of(processes_.begin(), processes_.end(), rests)) {
      if (monotonic_ns() >= deadline_ns || interrupted()) return false;
      sleep_until(monotonic_ns() + 100'000);
    }
    return true;
  }

  /// A limit may keep a worker from noticing the stop order for long; the bounds do not need to wait for
  /// that.
  bool may_be_held_up() const {
    const auto holds_up = [](const Node& node) {
      return node.limits.contains(Knob::CpuMax) || node.limits.contains(Knob::IoMax) ||
             node.limits.contains(Knob::MemoryHigh);
    };
    return !scenario_.actions.empty() ||
           std::any_of(scenario_.tree.nodes.begin(), scenario_.tree.nodes.end(), holds_up);
  }

  Result<void> stop() {
    observation_.window_ns = monotonic_ns() - start_ns_;
    signal_stranded(SIGCONT);
    futex_set_and_wake(pages_.signals().stop);
    for (WorkerProcess& process : processes_) {
      if (process.alive()) ::kill(process.pid(), SIGUSR1);
    }
    const bool all_still =
        wait_until_still(monotonic_ns() + (may_be_held_up() ? 5 * kMillisecond : kStopDeadlineNs));
    sample();
    std::vector<Counters> after = read_at_one_instant({Counter::MemoryCurrent});
    for (WorkerProcess& process : processes_) process.read_held_state();
    observation_.noise = noise_->finish();
    const int64_t final_ns = monotonic_ns();
    observation_.noise_is_realtime = noise_->is_realtime();
    observation_.final_at_ns = final_ns - start_ns_;
    observation_.first_attach_ns = first_attach_ns_ - start_ns_;
    kills_ = oom_kills(after);
    fault_.report(after, Moment::After, final_ns - first_attach_ns_);
    for (size_t i = 0; i < after.size(); ++i) observation_.nodes[i].after = std::move(after[i]);
    // One that holds still may be frozen all the same, and then would not see its release.
    if (!all_still || !scenario_.actions.empty()) lift_limits();
    if (!wait_until_still(monotonic_ns() + kStopDeadlineNs)) {
      for (WorkerProcess& process : processes_) {
        if (!process.still()) process.kill_by_order();
      }
    }
    return {};
  }

  static int64_t oom_kills(const std::vector<Counters>& nodes) {
    int64_t sum = 0;
    for (const Counters& counters : nodes) sum += get(counters, Counter::MemoryOomKills).value_or(0);
    return sum;
  }

  /// Lets workers go that are throttled or frozen. All is measured by now.
  void lift_limits() {
    bring_cpus_back();
    for (NodeId node = 0; node < scenario_.tree.size(); ++node) {
      const std::string cpu = groups_->path(node, Controller::Cpu);
      write_file(cpu + "/cpu.cfs_quota_us", "-1");
      write_file(cpu + "/cpu.max", "max");
      write_file(groups_->path(node, Controller::Freezer) + "/freezer.state", "THAWED");
      write_file(groups_->path(node, Controller::Freezer) + "/cgroup.freeze", "0");
      write_file(groups_->path(node, Controller::Memory) + "/memory.high", "max");
      const std::string io = groups_->path(node, Controller::Io);
      const KnobContext context = machine_.knob_context(Controller::Io);
      for (const KnobWrite& write : encode(Knob::IoMax, IoRates{}, {}, context)) {
        write_file(fmt::format("{}/{}", io, write.file), write.value);
      }
      for (const std::string_view file : knob_info(Knob::IoMax).v1_files) {
        write_file(fmt::format("{}/{}", io, file), context.device + " 0");
      }
    }
  }

  Result<void> release() {
    futex_set_and_wake(pages_.signals().release);
    const int64_t kill_at_ns = monotonic_ns() + kReapDeadlineNs;
    while (!reap_all()) {
      if (monotonic_ns() >= kill_at_ns + kReapDeadlineNs) {
        return fail(ErrorKind::Infrastructure, "end a worker", "", ETIMEDOUT, "it outlived SIGKILL");
      }
      if (monotonic_ns() >= kill_at_ns || interrupted()) {
        for (WorkerProcess& process : processes_) process.kill_by_order();
      }
      WorkerEvents::wait_until(std::max(kill_at_ns, monotonic_ns() + kMillisecond));
    }
    reap_orphans();
    return {};
  }

  /// Children of workers that were killed were left to this process; until they are reaped they are charged.
  void reap_orphans() {
    siginfo_t dead{};
    while (::waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) == 0 && dead.si_pid != 0) {
      const auto worker =
          std::find_if(processes_.begin(), processes_.end(),
                       [&](const WorkerProcess& process) { return process.pid() == dead.si_pid; });
      const bool is_gone = worker == processes_.end()
                               ? ::waitpid(dead.si_pid, nullptr, WNOHANG) == dead.si_pid
                               : worker->try_reap();
      if (!is_gone) return;
      dead = {};
    }
  }

  /// Every node holds at most what stays in per-CPU stocks (mm/memcontrol.c, memcg_stock: up to kStockSlots
  /// groups' stocks of MEMCG_CHARGE_BATCH pages a CPU).
  bool is_drained(const std::vector<Counters>& now) const {
    const int64_t stock = static_cast<int64_t>(machine_.cpus.size()) * kChargeBatchPages * machine_.page_size;
    for (NodeId node = 0; node < scenario_.tree.size(); ++node) {
      const auto i = static_cast<size_t>(node);
      const auto groups =
          std::min<int64_t>(static_cast<int64_t>(scenario_.tree.subtree(node).size()), kStockSlots);
      const int64_t before = get(observation_.nodes[i].before, Counter::MemoryCurrent).value_or(0);
      if (get(now[i], Counter::MemoryCurrent).value_or(0) > before + groups * stock) return false;
    }
    return get(now[0], Counter::PidsCurrent).value_or(0) == 0 &&
           get(now[0], Counter::DyingDescendants).value_or(0) == 0;
  }

  Result<void> drain() {
    scratch_.reset();  // with the files goes their page cache
    // What is freed may wait for RCU, and for work queues: read until all is gone, or until nothing has
    // changed for long; the more seldom the longer it takes.
    int64_t last = -1;
    const int64_t began_ns = monotonic_ns();
    int64_t changed_ns = began_ns;
    const int64_t end_ns = began_ns + kDrainDeadlineNs;
    while (monotonic_ns() < end_ns && monotonic_ns() < changed_ns + kQuietNs) {
      reap_orphans();
      const std::vector<Counters> now =
          reader_->read({Counter::MemoryCurrent, Counter::PidsCurrent, Counter::DyingDescendants});
      if (is_drained(now)) break;
      const int64_t memory = get(now[0], Counter::MemoryCurrent).value_or(0);
      if (memory != last || get(now[0], Counter::PidsCurrent).value_or(0) != 0) changed_ns = monotonic_ns();
      last = memory;
      const int64_t now_ns = monotonic_ns();
      sleep_until(now_ns + std::clamp((now_ns - began_ns) / 4, kMillisecond / 2, 20 * kMillisecond));
    }
    std::vector<Counters> drained = read_at_one_instant({Counter::MemoryCurrent, Counter::CpuUsageNs});
    fault_.report(drained, Moment::Drained, monotonic_ns() - first_attach_ns_);
    for (size_t i = 0; i < drained.size(); ++i) observation_.nodes[i].drained = std::move(drained[i]);
    if (limits_the_hierarchy(scenario_)) try_children();
    return {};
  }

  /// Last of all, since what is left of a removed group stays charged for a while.
  void try_children() {
    for (NodeId node = 0; node < scenario_.tree.size(); ++node) {
      const std::string child = groups_->path(node, Controller::Core) + "/one.more";
      const int error = ::mkdir(child.c_str(), 0755) == 0 ? 0 : errno;
      if (error == 0) ::rmdir(child.c_str());
      observation_.nodes[static_cast<size_t>(node)].child_errno = error;
    }
  }

  Result<void> tear_down() {
    observation_.health = log_->finish();
    const std::vector<std::string>& lines = observation_.health.log;
    const bool named = std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
      return line.find("Killed process ") != std::string::npos;
    });
    const auto oom_killed = [&](pid_t pid) {
      if (!named) return kills_ > 0;
      const std::string phrase = fmt::format("Killed process {} ", pid);
      return kills_ > 0 || std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
               return line.find(phrase) != std::string::npos;
             });
    };
    for (size_t i = 0; i < processes_.size(); ++i) {
      std::vector<WorkerSample> series = std::move(observation_.workers[i].series);
      observation_.workers[i] =
          processes_[i].observe(start_ns_, static_cast<int>(scenario_.actions.size()), oom_killed);
      observation_.workers[i].series = std::move(series);
    }
    sum_up_latencies();
    fault_.report(observation_.health);
    if (Result<void> destroyed = groups_->destroy(); !destroyed) return destroyed;
    observation_.overhead_ns = monotonic_ns() - began_ns_ - observation_.window_ns;
    return {};
  }

  void sum_up_latencies() {
    for (NodeId node = 0; node < scenario_.tree.size(); ++node) {
      LatencyHistogram wakeups;
      LatencyHistogram run_delays;
      for (size_t i = 0; i < processes_.size(); ++i) {
        if (!scenario_.tree.is_in_subtree(scenario_.workers[i].node, node)) continue;
        wakeups.add(processes_[i].wakeup_latency());
        run_delays.add(processes_[i].run_delay());
      }
      observation_.nodes[static_cast<size_t>(node)].wakeup_latency = wakeups.summary();
      observation_.nodes[static_cast<size_t>(node)].run_delay = run_delays.summary();
    }
  }

  const Hierarchies& hierarchies_;
  const MachineFacts& machine_;
  const Scenario& scenario_;
  const ExecutorOptions& options_;
  FaultPlayer fault_;
  Tree limits_;              ///< With the limits that stand by now.
  std::set<NodeId> absent_;  ///< Nodes that are not there by now.
  std::set<int> offline_;    ///< CPUs that an action took away.
  SharedPages pages_;
  WorkerEvents events_;
  Observation observation_;
  std::optional<Scratch> scratch_;
  std::optional<CgroupTree> groups_;
  std::optional<CounterReader> reader_;
  std::optional<KernelLog> log_;
  std::vector<WorkerProcess> processes_;  // after groups_: dies before they are removed
  std::unique_ptr<NoiseMonitor> noise_;
  int64_t began_ns_ = 0;
  int64_t first_attach_ns_ = 0;
  int64_t start_ns_ = 0;
  int64_t kills_ = 0;
  int samples_ = 0;
};

}  // namespace

Result<Observation> execute(const Hierarchies& hierarchies, const MachineFacts& machine,
                            const Scenario& scenario, const ExecutorOptions& options) {
  Result<SharedPages> pages = SharedPages::create(scenario);
  if (!pages) return tl::unexpected(pages.error());
  return Run(hierarchies, machine, scenario, options, std::move(*pages)).all();
}

}  // namespace treeline

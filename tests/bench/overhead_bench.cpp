// What Treeline adds to the system calls that a scenario needs anyway. Each iteration does both, one after
// the other, so that noise of the machine meets both; what is printed is Treeline's time, that of the raw
// calls
// ("raw_ms") and their ratio. A tree of 15 nodes (binary) with cpu, memory and pids limits, and 8 workers.

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>

#include "cgroup/cgroup_tree.h"
#include "cgroup/run_group.h"
#include "executor/counter_reader.h"
#include "machine/host_machine.h"
#include "model/error.h"
#include "oracle/oracle.h"
#include "tests/bench/raw_tree.h"

namespace treeline {
namespace {

constexpr int kWorkers = 8;
const std::set<Controller> kControllers{Controller::Cpu, Controller::Cpuacct, Controller::Memory,
                                        Controller::Pids};

HostMachine* host = nullptr;  // opened once, by main

double ms(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

Tree tree_of_15() {
  Tree tree;
  for (NodeId node = 0; node < 15; ++node) {
    Limits limits{{Knob::CpuMax, CpuBandwidth{1'000'000, 100'000}},
                  {Knob::MemoryMax, Amount{int64_t{64} << 20}},
                  {Knob::PidsMax, Amount{100}}};
    tree.nodes.push_back({fmt::format("n{}", node), node == 0 ? kNoParent : (node - 1) / 2, limits});
  }
  return tree;
}

NodeId leaf(int worker) { return 7 + worker; }

/// Processes that wait to be killed.
class Waiters {
 public:
  Waiters() {
    for (int i = 0; i < kWorkers; ++i) {
      const pid_t pid = ::fork();
      if (pid == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) ::pause();
      }
      pids_.push_back(pid);
    }
  }
  Waiters(const Waiters&) = delete;
  Waiters& operator=(const Waiters&) = delete;
  ~Waiters() { end(); }
  void end() {
    for (const pid_t pid : pids_) ::kill(pid, SIGKILL);
    for (const pid_t pid : pids_) ::waitpid(pid, nullptr, 0);
    pids_.clear();
  }
  pid_t operator[](int i) const { return pids_[static_cast<size_t>(i)]; }

 private:
  std::vector<pid_t> pids_;
};

std::string unique_name() {
  static int runs = 0;
  return run_group_name(::getpid(), fmt::format("bench{}", runs++));
}

/// Times of one iteration's phases, in ms.
struct Phases {
  double create = 0;
  double attach = 0;
  double collect = 0;
  double tear_down = 0;
};

/// nullopt if a call failed.
std::optional<Phases> treeline_phases(const Tree& tree) {
  const MachineFacts& machine = host->facts();
  Phases phases;
  bool good = true;
  std::optional<CgroupTree> groups;
  phases.create = ms([&] {
    auto made = CgroupTree::create(host->hierarchies(), machine, unique_name(), tree, kControllers);
    good = made.has_value();
    if (!good) return;
    groups.emplace(std::move(*made));
    for (NodeId node = 0; node < tree.size(); ++node) {
      std::vector<KnobWrite> writes;
      for (const auto& [knob, value] : tree[node].limits) {
        const KnobContext context = machine.knob_context(knob_info(knob).controller);
        for (KnobWrite& write : encode(knob, value, tree[node].limits, context)) writes.push_back(write);
      }
      good = groups->write_all(node, writes) == 0 && good;
      for (const KnobWrite& write : writes) {
        good = groups->read(node, write, machine.knob_context(write.controller)).has_value() && good;
      }
    }
  });
  if (!good) return std::nullopt;
  Waiters waiters;
  phases.attach = ms([&] {
    for (int i = 0; i < kWorkers; ++i) good = groups->attach(waiters[i], leaf(i)).has_value() && good;
  });
  const CounterReader reader(*groups, tree.size());
  phases.collect = ms([&] { good = reader.read().size() == tree.nodes.size() && good; });
  phases.tear_down = ms([&] {
    waiters.end();
    good = groups->destroy().has_value() && good;
  });
  return good ? std::optional(phases) : std::nullopt;
}

std::optional<Phases> raw_phases(const Tree& tree) {
  RawTree raw(host->hierarchies(), host->facts(), unique_name(), tree);
  Phases phases;
  bool good = true;
  phases.create = ms([&] { good = raw.create(); });
  Waiters waiters;
  phases.attach = ms([&] {
    for (int i = 0; i < kWorkers; ++i) good = raw.attach(waiters[i], leaf(i)) && good;
  });
  good = raw.open_counters() && good;
  phases.collect = ms([&] { good = raw.read_counters() > 0 && good; });
  phases.tear_down = ms([&] {
    waiters.end();
    good = raw.remove() && good;
  });
  return good ? std::optional(phases) : std::nullopt;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Medians: one visit of the hypervisor must not decide.
void show(benchmark::State& state, const std::vector<double>& ours, const std::vector<double>& raw) {
  state.counters["treeline_ms"] = median(ours);
  state.counters["raw_ms"] = median(raw);
  state.counters["ratio"] = median(ours) / median(raw);
}

void phase(benchmark::State& state, double Phases::*which) {
  const Tree tree = tree_of_15();
  std::vector<double> ours;
  std::vector<double> theirs;
  for (auto iteration : state) {
    static_cast<void>(iteration);
    const auto treeline = treeline_phases(tree);
    const auto raw = raw_phases(tree);
    if (!treeline || !raw) return state.SkipWithError("a call on the cgroups failed");
    ours.push_back((*treeline).*which);
    theirs.push_back((*raw).*which);
    state.SetIterationTime(ours.back() / 1'000);
  }
  show(state, ours, theirs);
}

/// All that a scenario costs outside its window: the executor's process, tree, workers, read-back, counters,
/// kernel log, teardown, the observation's way back and the verdict.
void whole_scenario(benchmark::State& state) {
  Scenario scenario;
  scenario.tree = tree_of_15();
  for (int i = 0; i < kWorkers; ++i) scenario.workers.push_back({leaf(i), Idle{}});
  scenario.window = {1'000'000, true, 10'000};
  std::vector<double> ours;
  std::vector<double> theirs;
  for (auto iteration : state) {
    static_cast<void>(iteration);
    double window_ms = 0;
    std::optional<Error> error;
    const double treeline = ms([&] {
      const Result<Observation> observation = host->run(scenario);
      if (!observation) {
        error = observation.error();
        return;
      }
      window_ms = static_cast<double>(observation->window_ns) / 1e6;
      benchmark::DoNotOptimize(judge(scenario, *observation));
    });
    if (error) return state.SkipWithError(to_string(*error).c_str());
    const double raw = ms([&] {
      RawTree tree(host->hierarchies(), host->facts(), unique_name(), scenario.tree);
      tree.create();
      Waiters waiters;
      for (int i = 0; i < kWorkers; ++i) tree.attach(waiters[i], leaf(i));
      tree.open_counters();
      for (int times = 0; times < 3; ++times) tree.read_counters();  // before, after, drained
      waiters.end();
      tree.remove();
    });
    ours.push_back(treeline - window_ms);
    theirs.push_back(raw);
    state.SetIterationTime(ours.back() / 1'000);
  }
  show(state, ours, theirs);
}

}  // namespace
}  // namespace treeline

int main(int argc, char** argv) {
  using treeline::Phases;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return treeline::exit_code::kInvalidInput;
  auto machine = treeline::HostMachine::open({});
  if (!machine) {
    fmt::print(stderr, "overhead_bench: {}\n", treeline::to_string(machine.error()));
    return treeline::exit_code_of(machine.error().kind);
  }
  treeline::host = machine->get();
  for (const treeline::Controller controller : treeline::kControllers) {
    const treeline::Hierarchy* hierarchy = treeline::host->hierarchies().find(controller);
    if (hierarchy && hierarchy->version == treeline::CgroupVersion::V1) continue;
    fmt::print(stderr, "overhead_bench: {} is not on v1, which the raw yardstick needs\n",
               treeline::controller_name(controller));
    return treeline::exit_code::kUnavailable;
  }
  const auto add = [](const char* name, auto body) {
    benchmark::RegisterBenchmark(name, body)->UseManualTime()->Unit(benchmark::kMillisecond)->Iterations(50);
  };
  add("create", [](benchmark::State& state) { treeline::phase(state, &Phases::create); });
  add("attach", [](benchmark::State& state) { treeline::phase(state, &Phases::attach); });
  add("collect", [](benchmark::State& state) { treeline::phase(state, &Phases::collect); });
  add("tear_down", [](benchmark::State& state) { treeline::phase(state, &Phases::tear_down); });
  add("whole_scenario", treeline::whole_scenario);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "generators/constraints.h"
#include "generators/property.h"
#include "lab/lab_name.h"
#include "lab/snapshot.h"
#include "model/json.h"

/// lab_bench [MACHINE]: how long the lab takes. Each figure is the median of its runs, with their range.
namespace treeline {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr int kRuns = 15;

double seconds_since(Clock::time_point began) { return Seconds(Clock::now() - began).count(); }

/// CPU time of all QEMUs that have ended: what a wall time would be on an idle host.
double children_cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void print(const char* what, std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  fmt::print("{:<52} {:7.1f} ms  ({:.1f} … {:.1f}, {} runs)\n", what, seconds[seconds.size() / 2] * 1e3,
             seconds.front() * 1e3, seconds.back() * 1e3, seconds.size());
  std::fflush(stdout);
}

[[noreturn]] void leave(const Error& error) {
  fmt::print(stderr, "lab_bench: {}\n", to_string(error));
  std::exit(exit_code_of(error.kind));
}

SnapshotOptions snapshot_options(const LabMachine& lab, const LabShape& shape, const std::string& cache) {
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  const std::filesystem::path folder = self.parent_path();
  return {lab.kernel(), shape, folder / "treeline-init", folder / "treeline-turns.so", cache};
}

void measure_boot(const LabMachine& lab, const LabShape& shape) {
  std::vector<double> times;
  for (int i = 0; i < 3; ++i) {
    const std::string cache =
        fmt::format("{}/treeline-bench-{}", std::filesystem::temp_directory_path().string(), i);
    const auto began = Clock::now();
    const auto snapshot = Snapshot::open(snapshot_options(lab, shape, cache));
    times.push_back(seconds_since(began));
    std::filesystem::remove_all(cache);
    if (!snapshot) leave(snapshot.error());
  }
  print("image, boot to ready, snapshot", times);
}

void measure_clone(const LabMachine& lab, const LabShape& shape) {
  const auto snapshot = Snapshot::open(snapshot_options(lab, shape, default_cache_folder()));
  if (!snapshot) leave(snapshot.error());
  const std::string request = "-\n" + to_json(LabMachine::self_check_scenario());
  std::vector<double> times;
  for (int i = 0; i < 2 * kRuns; ++i) {
    const auto began = Clock::now();
    Result<Vm> vm = snapshot->clone(request);
    if (!vm) leave(vm.error());
    while (vm->state() == Mailbox::State::Request && !vm->has_ended()) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    times.push_back(seconds_since(began));
  }
  print("clone: start to the guest's first instructions", times);
}

void measure_scenario(LabMachine& lab, const char* what, const Scenario& scenario) {
  std::vector<double> times;
  const double cpu_before = children_cpu_seconds();
  std::string guest;
  for (int i = 0; i < kRuns; ++i) {
    const auto began = Clock::now();
    const auto seen = lab.run(scenario);
    if (!seen) leave(seen.error());
    times.push_back(seconds_since(began));
    guest = fmt::format("in the guest {} ms of window and {} ms around it, {} bytes of JSON",
                        seen->window_ns / 1'000'000, seen->overhead_ns / 1'000'000, to_json(*seen).size());
  }
  print(what, times);
  fmt::print("    CPU time of QEMU {:.1f} ms a run; {}\n",
             (children_cpu_seconds() - cpu_before) * 1e3 / kRuns, guest);
}

//  t ── n1 … n7: a hog each
Scenario eight_nodes() {
  Scenario scenario;
  scenario.tree.nodes = {{"t", kNoParent, {}}};
  for (int i = 1; i < 8; ++i) {
    scenario.tree.nodes.push_back(
        {fmt::format("n{}", i), 0, {{Knob::CpuMax, CpuBandwidth{50'000, 100'000}}}});
    scenario.workers.push_back({i, CpuHog{1, 100, 10'000}});
  }
  scenario.window.length_us = 1'000'000;
  return scenario;
}

Scenario one_node(Limits limits, Workload workload) {
  Scenario scenario;
  scenario.tree = {{{"t", kNoParent, std::move(limits)}}};
  scenario.workers = {{0, std::move(workload)}};
  scenario.window.length_us = 1'000'000;
  scenario.window.until_settled = true;
  return scenario;
}

/// Drawn before they are run: RapidCheck does not draw in several threads at once.
std::vector<Scenario> draw_all(LabMachine& lab, size_t count, bool (*is_wanted)(const Scenario&)) {
  std::vector<const Property*> testable;
  for (const Property& property : properties()) {
    if (!why_untestable(property, lab.facts())) testable.push_back(&property);
  }
  std::vector<Scenario> scenarios;
  for (uint64_t i = 0; !testable.empty() && scenarios.size() < count; ++i) {
    Scenario drawn = draw_scenario(*testable[i % testable.size()], constraints_for(lab.facts()), 1, i);
    if (is_wanted(drawn)) scenarios.push_back(std::move(drawn));
  }
  return scenarios;
}

/// Scenarios a minute, as many side by side as there are CPUs.
double rate_of(LabMachine& lab, const std::vector<Scenario>& scenarios) {
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = 0; (i = next++) < scenarios.size();) {
      const auto seen = lab.run(scenarios[i]);
      if (!seen) leave(seen.error());
    }
  };
  const auto began = Clock::now();
  const unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::future<void>> workers;
  for (unsigned i = 0; i < threads; ++i) workers.push_back(std::async(std::launch::async, work));
  for (auto& worker : workers) worker.get();
  return static_cast<double>(scenarios.size()) * 60 / seconds_since(began);
}

/// Of scenarios in which something changes or moves, and of the same without their actions, in turns.
void measure_actions(LabMachine& lab, size_t count) {
  const auto moves = [](const Scenario& scenario) { return !scenario.actions.empty(); };
  const std::vector<Scenario> with = draw_all(lab, count, moves);
  std::vector<Scenario> without = with;
  for (Scenario& scenario : without) scenario.actions.clear();
  std::vector<double> ratios;
  for (int i = 0; i < 3; ++i) ratios.push_back(rate_of(lab, with) / rate_of(lab, without));
  std::sort(ratios.begin(), ratios.end());
  fmt::print("{} scenarios with actions: {:.2f} ({:.2f}-{:.2f}) of the rate of the same without\n", count,
             ratios[1], ratios[0], ratios[2]);
}

}  // namespace
}  // namespace treeline

int main(int argc, char** argv) {
  using namespace treeline;
  Result<LabOptions> options = lab_options_from_name(argc > 1 ? argv[1] : "Lab/debian-6.1/v1");
  if (!options) leave(options.error());
  auto lab = LabMachine::open(*options);
  if (!lab) leave(lab.error());
  fmt::print("{}, Linux {}, {}deterministic\n", (*lab)->name(), (*lab)->facts().kernel_release,
             (*lab)->deterministic() ? "" : "not ");
  if (argc < 3) measure_boot(**lab, options->shape);
  measure_clone(**lab, options->shape);
  if ((*lab)->facts().has(Knob::CpuMax))
    measure_scenario(**lab, "8 nodes, 1 s of virtual CPU time", eight_nodes());
  measure_scenario(**lab, "pids: 20 forks against a limit of 8",
                   one_node({{Knob::PidsMax, Amount{8}}}, ForkStorm{20}));
  if ((*lab)->facts().has(Knob::MemoryMax)) {
    measure_scenario(
        **lab, "memory: 16 MiB against a limit of 4 MiB",
        one_node({{Knob::MemoryMax, Amount{4 << 20}}}, MemoryHog{MemoryKind::Anonymous, 16 << 20}));
  }
  const auto any = [](const Scenario&) { return true; };
  fmt::print("scenarios of all properties: {:.0f} a minute\n", rate_of(**lab, draw_all(**lab, 90, any)));
  measure_actions(**lab, 60);
  return exit_code::kHeld;
}

#include "executor/noise_monitor.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>

#include "cgroup/fd.h"
#include "executor/worker.h"

namespace treeline {

namespace {

constexpr int kPriority = 50;
/// idle and iowait of /proc/stat, each cut off to a unit of USER_HZ, 10 ms.
constexpr int64_t kProcStatErrorNs = 20'000'000;

/// Per CPU: steal, idle and busy time since boot.
std::map<int, CpuNoise> read_proc_stat() {
  std::map<int, CpuNoise> result;
  const int64_t tick_ns = 1'000'000'000 / ::sysconf(_SC_CLK_TCK);
  std::istringstream lines(read_file("/proc/stat").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("cpu") || line.size() < 4 || line[3] == ' ') continue;
    std::istringstream words(line.substr(3));
    CpuNoise noise;
    int64_t user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;
    words >> noise.cpu >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal;
    noise.idle_ns = (idle + iowait) * tick_ns;
    noise.busy_ns = (user + nice + system + irq + softirq) * tick_ns;
    noise.steal_ns = steal * tick_ns;
    result[noise.cpu] = noise;
  }
  return result;
}

/// Per CPU: for how long tasks have run there, in ns (/proc/schedstat, rq_cpu_time: kernel/sched/stats.h,
/// sched_info_depart). A task is counted when it leaves the CPU. Empty without CONFIG_SCHEDSTATS.
std::map<int, int64_t> read_proc_schedstat() {
  std::map<int, int64_t> result;
  std::istringstream lines(read_file("/proc/schedstat").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("cpu")) continue;
    std::istringstream words(line.substr(3));
    int cpu = 0;
    std::array<int64_t, 7> numbers{};
    words >> cpu;
    for (int64_t& number : numbers) words >> number;
    if (words) result[cpu] = numbers.back();
  }
  return result;
}

/// A thread that is pinned and, if asked for, SCHED_FIFO from its first instruction on: one that still had to
/// ask for it would wait among the workers, on a full CPU for the whole window. 0 or an errno.
int start_on(int cpu, bool is_realtime, pthread_t& thread, void* (*body)(void*), void* argument) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setaffinity_np(&attributes, sizeof set, &set);
  if (is_realtime) {
    sched_param parameters{};
    parameters.sched_priority = kPriority;
    ::pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    ::pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
    ::pthread_attr_setschedparam(&attributes, &parameters);
  }
  const int error = ::pthread_create(&thread, &attributes, body, argument);
  ::pthread_attr_destroy(&attributes);
  return error;
}

}  // namespace

NoiseMonitor::NoiseMonitor(const std::vector<int>& cpus, int64_t period_us) : period_ns_(period_us * 1'000) {
  std::map<int, CpuNoise> before = read_proc_stat();
  ran_before_ = read_proc_schedstat();
  began_ns_ = monotonic_ns();
  for (const int cpu : cpus) {
    auto& entry = *cpus_.emplace_back(std::make_unique<PerCpu>());
    entry.monitor = this;
    entry.cpu = cpu;
    entry.before = before[cpu];
    entry.expected_ns = monotonic_ns();
    entry.started = start_on(cpu, true, entry.thread, watch, &entry) == 0;
    if (entry.started) continue;
    realtime_ = false;
    entry.started = start_on(cpu, false, entry.thread, watch, &entry) == 0;
  }
}

NoiseMonitor::~NoiseMonitor() { join(); }

void NoiseMonitor::join() {
  stop_ = true;
  for (auto& entry : cpus_) {
    if (std::exchange(entry->started, false)) ::pthread_join(entry->thread, nullptr);
  }
}

void* NoiseMonitor::watch(void* argument) {
  PerCpu& self = *static_cast<PerCpu*>(argument);
  while (!self.monitor->stop_) {
    const int64_t now = monotonic_ns();
    const int64_t late = now - self.expected_ns;
    if (late > self.max_gap_ns) self.max_gap_ns = late;
    self.expected_ns = now + self.monitor->period_ns_;
    sleep_until(self.expected_ns);
  }
  return nullptr;
}

std::vector<CpuNoise> NoiseMonitor::finish() {
  const int64_t now = monotonic_ns();
  std::map<int, CpuNoise> after = read_proc_stat();
  const std::map<int, int64_t> ran = read_proc_schedstat();
  const int64_t monitored_ns = monotonic_ns() - began_ns_;
  std::vector<CpuNoise> result;
  for (auto& entry : cpus_) {
    CpuNoise noise = after[entry->cpu];
    noise.cpu = entry->cpu;
    noise.idle_ns -= entry->before.idle_ns;
    noise.busy_ns -= entry->before.busy_ns;
    noise.steal_ns -= entry->before.steal_ns;
    // A thread that should have woken up by now is in the middle of a gap.
    noise.max_gap_ns = std::max(entry->max_gap_ns.load(), now - entry->expected_ns);
    noise.idle_error_ns = kProcStatErrorNs;
    if (ran.contains(entry->cpu) && ran_before_.contains(entry->cpu)) {
      noise.idle_ns = std::max<int64_t>(monitored_ns - (ran.at(entry->cpu) - ran_before_[entry->cpu]), 0);
      // Once a period the thread makes whatever runs there leave; who does right now is not yet counted.
      noise.idle_error_ns = 2 * (period_ns_ + noise.max_gap_ns);
    }
    result.push_back(noise);
  }
  join();
  return result;
}

namespace {

/// As cpu.shares; nullopt: it has just gone, or has no cpu controller and is one of its parent's tasks.
std::optional<int64_t> shares_of_folder(const Hierarchy& hierarchy, const std::filesystem::path& folder) {
  const bool is_v2 = hierarchy.version == CgroupVersion::V2;
  const auto text = read_file(folder / (is_v2 ? "cpu.weight" : "cpu.shares"));
  if (!text) return std::nullopt;
  constexpr int64_t kIdleShares = 3;  // sched.h, WEIGHT_IDLEPRIO; its cpu.weight reads 0
  const int64_t weight = std::atoll(text->c_str());
  return std::max(is_v2 ? shares_from_weight(weight) : weight, kIdleShares);
}

/// What is mounted is a group itself, in a cgroup namespace: one file tells.
bool is_hierarchys_root(const Hierarchy& hierarchy) {
  const bool is_v1 = hierarchy.version == CgroupVersion::V1;
  const std::filesystem::path file =
      std::filesystem::path(hierarchy.mount) / (is_v1 ? "release_agent" : "cpu.weight");
  return (::access(file.c_str(), F_OK) == 0) == is_v1;
}

int64_t shares_beside(const Hierarchy& hierarchy, const std::filesystem::path& folder) {
  int64_t sum = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder.parent_path(), error)) {
    if (!entry.is_directory(error) || entry.path() == folder) continue;
    sum += shares_of_folder(hierarchy, entry.path()).value_or(0);
  }
  return sum;
}

}  // namespace

int running_tasks() {
  std::istringstream words(read_file("/proc/loadavg").value_or(""));
  std::string one, five, fifteen;
  int running = 0;
  words >> one >> five >> fifteen >> running;
  return running;
}

int64_t outside_shares(const Hierarchies& hierarchies, const std::string& owner) {
  const Hierarchy* const hierarchy = hierarchies.find(Controller::Cpu);
  return hierarchy ? shares_beside(*hierarchy, std::filesystem::path(hierarchy->base) / owner) : 0;
}

std::vector<GroupAbove> groups_above(const Hierarchies& hierarchies) {
  std::vector<GroupAbove> groups;
  const Hierarchy* const hierarchy = hierarchies.find(Controller::Cpu);
  if (!hierarchy) return groups;
  const std::filesystem::path mount(hierarchy->mount);
  const std::filesystem::path below = std::filesystem::path(hierarchy->base).lexically_relative(mount);
  for (std::filesystem::path at = below; !at.empty() && at != "."; at = at.parent_path()) {
    if (at.filename().empty()) continue;  // --cgroup-root ends with a slash
    const std::filesystem::path folder = mount / at;
    const auto shares = shares_of_folder(*hierarchy, folder);
    if (shares) groups.push_back({*shares, shares_beside(*hierarchy, folder)});
  }
  constexpr int64_t kUnknown = int64_t{1} << 40;  // more than any group can have
  if (!is_hierarchys_root(*hierarchy))
    groups.push_back({shares_of_folder(*hierarchy, mount).value_or(1), kUnknown});
  return groups;
}

}  // namespace treeline

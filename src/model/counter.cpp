#include "model/counter.h"

#include <array>
#include <charconv>

namespace treeline {

namespace {

using C = Counter;
constexpr Controller kCpu = Controller::Cpu;
constexpr Controller kCpuacct = Controller::Cpuacct;
constexpr Controller kMemory = Controller::Memory;
constexpr Controller kPids = Controller::Pids;
constexpr Controller kIo = Controller::Io;
constexpr Controller kFreezer = Controller::Freezer;
constexpr Controller kCore = Controller::Core;
constexpr CounterFile kNone{"", "", 1};

constexpr std::array<CounterInfo, 36> kCounters{{
    {C::CpuUsageNs,
     "cpu_usage_ns",
     kCpuacct,
     kCpu,
     {"cpuacct.usage", "", 1},
     {"cpu.stat", "usage_usec", 1000},
     true,
     true},
    {C::CpuPeriods,
     "cpu_periods",
     kCpu,
     kCpu,
     {"cpu.stat", "nr_periods", 1},
     {"cpu.stat", "nr_periods", 1},
     true,
     false},
    {C::CpuThrottled,
     "cpu_throttled",
     kCpu,
     kCpu,
     {"cpu.stat", "nr_throttled", 1},
     {"cpu.stat", "nr_throttled", 1},
     true,
     false},
    {C::CpuThrottledNs,
     "cpu_throttled_ns",
     kCpu,
     kCpu,
     {"cpu.stat", "throttled_time", 1},
     {"cpu.stat", "throttled_usec", 1000},
     true,
     false},
    {C::CpuBursts,
     "cpu_bursts",
     kCpu,
     kCpu,
     {"cpu.stat", "nr_bursts", 1},
     {"cpu.stat", "nr_bursts", 1},
     true,
     false},
    {C::CpuBurstNs,
     "cpu_burst_ns",
     kCpu,
     kCpu,
     {"cpu.stat", "burst_time", 1},
     {"cpu.stat", "burst_usec", 1000},
     true,
     false},
    {C::MemoryCurrent,
     "memory_current_bytes",
     kMemory,
     kMemory,
     {"memory.usage_in_bytes", "", 1},
     {"memory.current", "", 1},
     false,
     true},
    {C::MemoryPeak,
     "memory_peak_bytes",
     kMemory,
     kMemory,
     {"memory.max_usage_in_bytes", "", 1},
     {"memory.peak", "", 1},
     true,
     true},
    {C::MemoryMaxEvents,
     "memory_max_events",
     kMemory,
     kMemory,
     {"memory.failcnt", "", 1},
     {"memory.events.local", "max", 1},
     true,
     false},
    {C::MemoryOomKills,
     "memory_oom_kills",
     kMemory,
     kMemory,
     {"memory.oom_control", "oom_kill", 1},
     {"memory.events.local", "oom_kill", 1},
     true,
     false,
     true},
    {C::MemoryAnon,
     "memory_anon_bytes",
     kMemory,
     kMemory,
     {"memory.stat", "total_rss", 1},
     {"memory.stat", "anon", 1},
     false,
     true},
    {C::MemoryFile,
     "memory_file_bytes",
     kMemory,
     kMemory,
     {"memory.stat", "total_cache", 1},
     {"memory.stat", "file", 1},
     false,
     true},
    {C::MemoryShmem,
     "memory_shmem_bytes",
     kMemory,
     kMemory,
     {"memory.stat", "total_shmem", 1},
     {"memory.stat", "shmem", 1},
     false,
     true},
    {C::MemoryKernel,
     "memory_kernel_bytes",
     kMemory,
     kMemory,
     {"memory.kmem.usage_in_bytes", "", 1},
     {"memory.stat", "kernel", 1},
     false,
     true},
    {C::PidsCurrent,
     "pids_current",
     kPids,
     kPids,
     {"pids.current", "", 1},
     {"pids.current", "", 1},
     false,
     true},
    {C::PidsPeak, "pids_peak", kPids, kPids, {"pids.peak", "", 1}, {"pids.peak", "", 1}, true, true},
    // kernel/cgroup/pids.c, pids_event: v1 counts at the group in which the fork was tried.
    {C::PidsMaxEvents,
     "pids_max_events",
     kPids,
     kPids,
     {"pids.events", "max", 1},
     {"pids.events.local", "max", 1},
     true,
     false},
    {C::IoReadBytes,
     "io_read_bytes",
     kIo,
     kIo,
     {"blkio.throttle.io_service_bytes_recursive", "Read", 1},
     {"io.stat", "rbytes=", 1},
     true,
     true},
    {C::IoWriteBytes,
     "io_write_bytes",
     kIo,
     kIo,
     {"blkio.throttle.io_service_bytes_recursive", "Write", 1},
     {"io.stat", "wbytes=", 1},
     true,
     true},
    {C::IoReadOps,
     "io_read_ops",
     kIo,
     kIo,
     {"blkio.throttle.io_serviced_recursive", "Read", 1},
     {"io.stat", "rios=", 1},
     true,
     true},
    {C::IoWriteOps,
     "io_write_ops",
     kIo,
     kIo,
     {"blkio.throttle.io_serviced_recursive", "Write", 1},
     {"io.stat", "wios=", 1},
     true,
     true},
    {C::FreezerState,
     "freezer_state",
     kFreezer,
     kFreezer,
     {"freezer.state", "", 1},
     {"cgroup.events", "frozen", 2},
     false,
     false},
    {C::MemoryHighEvents,
     "memory_high_events",
     kMemory,
     kMemory,
     kNone,
     {"memory.events.local", "high", 1},
     true,
     false},
    {C::MemoryOomGroupKills,
     "memory_oom_group_kills",
     kMemory,
     kMemory,
     kNone,
     {"memory.events.local", "oom_group_kill", 1},
     true,
     false},
    {C::MemorySwapCurrent,
     "memory_swap_current_bytes",
     kMemory,
     kMemory,
     kNone,
     {"memory.swap.current", "", 1},
     false,
     true},
    {C::MemorySwapPeak,
     "memory_swap_peak_bytes",
     kMemory,
     kMemory,
     kNone,
     {"memory.swap.peak", "", 1},
     true,
     true},
    {C::CpuSomePressureNs,
     "cpu_some_pressure_ns",
     kCore,
     kCore,
     kNone,
     {"cpu.pressure", "some total=", 1000},
     true,
     true},
    {C::MemorySomePressureNs,
     "memory_some_pressure_ns",
     kCore,
     kCore,
     kNone,
     {"memory.pressure", "some total=", 1000},
     true,
     true},
    {C::MemoryFullPressureNs,
     "memory_full_pressure_ns",
     kCore,
     kCore,
     kNone,
     {"memory.pressure", "full total=", 1000},
     true,
     true},
    {C::IoSomePressureNs,
     "io_some_pressure_ns",
     kCore,
     kCore,
     kNone,
     {"io.pressure", "some total=", 1000},
     true,
     true},
    {C::IoFullPressureNs,
     "io_full_pressure_ns",
     kCore,
     kCore,
     kNone,
     {"io.pressure", "full total=", 1000},
     true,
     true},
    {C::Populated, "populated", kCore, kCore, kNone, {"cgroup.events", "populated", 1}, false, true},
    {C::Descendants, "descendants", kCore, kCore, kNone, {"cgroup.stat", "nr_descendants", 1}, false, true},
    {C::MemoryLowEvents,
     "memory_low_events",
     kMemory,
     kMemory,
     kNone,
     {"memory.events.local", "low", 1},
     true,
     false},
    {C::DyingDescendants,
     "dying_descendants",
     kCore,
     kCore,
     kNone,
     {"cgroup.stat", "nr_dying_descendants", 1},
     false,
     true},
    {C::MemoryKswapdScans,
     "memory_kswapd_scans",
     kMemory,
     kMemory,
     kNone,
     {"memory.stat", "pgscan_kswapd", 1},
     true,
     true},
}};

std::optional<int64_t> to_number(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

std::string_view next_word(std::string_view& line) {
  const size_t start = line.find_first_not_of(' ');
  if (start == std::string_view::npos) return {};
  line.remove_prefix(start);
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

std::optional<int64_t> parse_whole(std::string_view text) {
  if (text.starts_with("THAWED")) return 0;
  if (text.starts_with("FREEZING")) return 1;
  if (text.starts_with("FROZEN")) return 2;
  return to_number(text);
}

/// The number that one line of a keyed or per-device file gives for `key`; nullopt if the line is another's.
std::optional<int64_t> parse_line(std::string_view line, std::string_view key, bool& per_device) {
  const std::string_view first = next_word(line);
  if (first == key) return to_number(next_word(line));
  const size_t space = key.find(' ');
  if (space != std::string_view::npos) {
    const std::string_view field = key.substr(space + 1);
    std::string_view word = first == key.substr(0, space) ? next_word(line) : std::string_view{};
    while (!word.empty() && !word.starts_with(field)) word = next_word(line);
    return word.empty() ? std::nullopt : to_number(word.substr(field.size()));
  }
  per_device = first.find(':') != std::string_view::npos;
  if (!per_device) return std::nullopt;
  for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
    if (key.ends_with('=') && word.starts_with(key)) return to_number(word.substr(key.size()));
    if (word == key) return to_number(next_word(line));
  }
  return std::nullopt;
}

/// Per-device files have no line for a device that was not used yet: their counters are then 0.
std::optional<int64_t> parse_keyed(std::string_view text, std::string_view key, bool device_file) {
  std::optional<int64_t> sum = device_file ? std::optional<int64_t>(0) : std::nullopt;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    bool per_device = false;
    const std::optional<int64_t> number = parse_line(text.substr(0, end), key, per_device);
    if (number && !per_device) return number;
    if (number) sum = sum.value_or(0) + *number;
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return sum;
}

}  // namespace

std::span<const CounterInfo> counter_table() { return kCounters; }

const CounterInfo& counter_info(Counter counter) { return kCounters[static_cast<size_t>(counter)]; }

std::optional<Counter> counter_from_name(std::string_view name) {
  for (const CounterInfo& info : kCounters) {
    if (info.name == name) return info.counter;
  }
  return std::nullopt;
}

std::optional<int64_t> parse_counter(const CounterInfo& info, CgroupVersion version, std::string_view text) {
  const CounterFile& file = version == CgroupVersion::V1 ? info.v1 : info.v2;
  const std::optional<int64_t> number =
      file.key.empty() ? parse_whole(text) : parse_keyed(text, file.key, info.controller_v1 == kIo);
  return number ? std::optional<int64_t>(*number * file.scale) : std::nullopt;
}

}  // namespace treeline

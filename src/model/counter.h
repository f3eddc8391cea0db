#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>

#include "model/knob.h"

namespace treeline {

/// What the kernel reports of a cgroup. Values are cumulative or instantaneous as `CounterInfo` says.
enum class Counter : uint8_t {
  CpuUsageNs,
  CpuPeriods,
  CpuThrottled,
  CpuThrottledNs,
  CpuBursts,
  CpuBurstNs,
  MemoryCurrent,
  MemoryPeak,
  MemoryMaxEvents,
  MemoryOomKills,
  MemoryAnon,
  MemoryFile,
  MemoryShmem,
  MemoryKernel,
  PidsCurrent,
  PidsPeak,
  PidsMaxEvents,
  IoReadBytes,
  IoWriteBytes,
  IoReadOps,
  IoWriteOps,
  FreezerState,  ///< 0 thawed, 1 freezing, 2 frozen.
  MemoryHighEvents,
  MemoryOomGroupKills,
  MemorySwapCurrent,
  MemorySwapPeak,
  CpuSomePressureNs,  ///< PSI: time in which some task waited (kernel/sched/psi.c), or all did ("full").
  MemorySomePressureNs,
  MemoryFullPressureNs,
  IoSomePressureNs,
  IoFullPressureNs,
  Populated,          ///< 1: there is a live task in the subtree.
  Descendants,        ///< Live groups below.
  MemoryLowEvents,    ///< Times that the group was reclaimed from although it was below its memory.low.
  DyingDescendants,   ///< Groups below that were removed, and that something still holds.
  MemoryKswapdScans,  ///< Pages looked at because the machine, not a group, was short of memory.
};

struct CounterFile {
  std::string_view file;  ///< Empty: this version does not offer the counter.
  /// Empty: the file is one number or one word. Else the first word of the line that holds the number; or,
  /// where lines begin with a device ("254:0 Read 4096"), its second word, summed over all devices; or, with
  /// a final '=', a field of such lines ("254:0 rbytes=4096"), summed likewise. Two words, "some total=":
  /// that field of the line that begins with the first.
  std::string_view key;
  int64_t scale = 1;  ///< Multiplies the text's number to get the counter's unit.
};

struct CounterInfo {
  Counter counter;
  std::string_view name;  ///< Key in JSON; ends in its unit where it has one.
  Controller controller_v1;
  Controller controller_v2;
  CounterFile v1;
  CounterFile v2;
  bool cumulative;  ///< Never decreases while the group lives.
  bool subtree;     ///< Includes descendants (on both versions).
  /// Counted at the group in which the task sits, so that what a leaf proxy counts belongs to its node.
  bool at_task = false;
};

std::span<const CounterInfo> counter_table();
const CounterInfo& counter_info(Counter counter);
std::optional<Counter> counter_from_name(std::string_view name);

/// The counter's value in its unit from the text of its file; nullopt if the text does not hold it.
std::optional<int64_t> parse_counter(const CounterInfo& info, CgroupVersion version, std::string_view text);

/// Only counters that could be read are present.
using Counters = std::map<Counter, int64_t>;

inline std::optional<int64_t> get(const Counters& counters, Counter counter) {
  const auto found = counters.find(counter);
  return found == counters.end() ? std::nullopt : std::optional<int64_t>(found->second);
}

}  // namespace treeline

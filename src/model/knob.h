#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/error.h"

namespace treeline {

enum class Controller : uint8_t { Cpu, Cpuacct, Memory, Pids, Cpuset, Io, Freezer, Core, Hugetlb };

/// The interface a controller is reached by. On a hybrid machine it differs from controller to controller.
enum class CgroupVersion : uint8_t { V1, V2 };

/// The limits that a node may carry, by their cgroup v2 names (Documentation/admin-guide/cgroup-v2.rst).
enum class Knob : uint8_t {
  CpuMax,
  CpuMaxBurst,
  CpuWeight,
  CpuWeightNice,
  CpuIdle,
  MemoryMax,
  MemorySwapMax,
  MemoryHigh,
  MemoryLow,
  MemoryMin,
  MemoryOomGroup,
  PidsMax,
  CpusetCpus,
  CpusetMems,
  CpusetPartition,
  IoMax,
  IoWeight,
  CgroupMaxDepth,
  CgroupMaxDescendants,
  HugetlbMax,
  Freeze,
};

enum class KnobType : uint8_t {
  Amount,     ///< a number or "max"
  Flag,       ///< 0 or 1, held as an Amount
  Bandwidth,  ///< quota and period
  IdSet,      ///< a list of CPUs or NUMA nodes
  IoRates,    ///< four optional rates
  Partition,  ///< member, root, isolated; held as an Amount 0, 1, 2
};

/// How the kernel changes a value between a legal write and the read that follows it.
enum class Rounding : uint8_t { None, PageDown, HugePageDown };

/// A number; nullopt is "max", no limit.
struct Amount {
  std::optional<int64_t> value;
  auto operator<=>(const Amount&) const = default;
};

/// `cpu.max`: CPU time that a group may use in each period. A nullopt quota is "max".
struct CpuBandwidth {
  std::optional<int64_t> quota_us;
  int64_t period_us = 100'000;
  auto operator<=>(const CpuBandwidth&) const = default;
};

/// Sorted and unique ids of CPUs or NUMA nodes.
struct IdSet {
  std::vector<int> ids;
  auto operator<=>(const IdSet&) const = default;
};
bool overlap(const IdSet& one, const IdSet& other);

/// `io.max`, per second, for the scenario's one block device. nullopt is "max".
struct IoRates {
  std::optional<int64_t> read_bytes;
  std::optional<int64_t> write_bytes;
  std::optional<int64_t> read_ops;
  std::optional<int64_t> write_ops;
  auto operator<=>(const IoRates&) const = default;
};

using KnobValue = std::variant<Amount, CpuBandwidth, IdSet, IoRates>;

/// The limits of one node, in the table's order, which is also a legal order to write them in.
using Limits = std::map<Knob, KnobValue>;

/// One row of the table of knobs: the only place that knows a knob's names, range and rounding.
struct KnobInfo {
  Knob knob;
  Controller controller;
  std::string_view name;                       ///< v2 file name; also the key in JSON.
  std::span<const std::string_view> v1_files;  ///< v1 files in the order to write them; empty: v2 only.
  KnobType type;
  int64_t min;  ///< Least legal value (Bandwidth: of the quota in us; IdSet: least id; IoRates: of a rate).
  int64_t max;  ///< Greatest legal value; the generator draws far below it.
  bool unlimited_allowed;  ///< "max" is a legal value.
  Rounding rounding;
  std::string_view summary;  ///< One line for the documentation.
};

/// The whole table, in enum order.
std::span<const KnobInfo> knob_table();
const KnobInfo& knob_info(Knob knob);
std::optional<Knob> knob_from_name(std::string_view v2_name);
std::string_view controller_name(Controller controller);
std::optional<Controller> controller_from_name(std::string_view name);

/// The range of a CPU bandwidth period, kernel/sched/core.c: min_cfs_quota_period and max_cfs_quota_period.
inline constexpr int64_t kMinPeriodUs = 1'000;
inline constexpr int64_t kMaxPeriodUs = 1'000'000;

/// What a value's text depends on besides the value.
struct KnobContext {
  CgroupVersion version = CgroupVersion::V1;
  int64_t page_size = 4096;
  std::string device;  ///< "major:minor" of the scenario's block device; empty where there is none.
  bool operator==(const KnobContext&) const = default;
};

/// One write to one control file and the text that the kernel must give back for it.
struct KnobWrite {
  Knob knob;
  Controller controller;
  std::string file;
  std::string value;
  std::string expected;  ///< Read-back text, without the final newline, after documented rounding.
  bool operator==(const KnobWrite&) const = default;
};

/// The writes that set `knob` to `value`, in a legal order. `limits` are all limits of the node: on v1 some
/// values depend on their neighbours (`memory.memsw.limit_in_bytes` is memory.max + memory.swap.max).
/// Empty if the version has no such knob.
std::vector<KnobWrite> encode(Knob knob, const KnobValue& value, const Limits& limits,
                              const KnobContext& context);

/// All writes of a node, in a legal order.
std::vector<KnobWrite> encode_all(const Limits& limits, const KnobContext& context);

/// What the files of these writes must read as, joined by ' '.
std::string expected_text(const std::vector<KnobWrite>& writes);

/// The file's text as the kernel gives it, made comparable with KnobWrite::expected (final newline dropped,
/// for io files only the line of `context.device`; no line reads as "").
std::string normalize_readback(const KnobWrite& write, std::string_view text, const KnobContext& context);

/// Index in KnobValue of the alternative that a knob of this type takes.
size_t value_index(KnobType type);

/// What is wrong with a knob's value, and where in its JSON: "" or the field's path, such as "/period_us".
struct Illegality {
  std::string json_path;
  std::string message;
  bool operator==(const Illegality&) const = default;
};

/// Why `value` is no legal value of `knob` on its own; nullopt if it is. Rules that involve other knobs
/// or nodes are in model/rules.h.
std::optional<Illegality> why_illegal(Knob knob, const KnobValue& value);

/// cpu.weight as the scheduler's shares: kernel/sched/sched.h, sched_weight_from_cgroup().
int64_t shares_from_weight(int64_t weight);
/// cpu.weight.nice likewise: kernel/sched/core.c, sched_prio_to_weight. `nice` is in -20 … 19.
int64_t shares_from_nice(int64_t nice);
/// The shares of a group with these limits (sched_group_set_idle: an idle group has WEIGHT_IDLEPRIO).
int64_t shares_of(const Limits& limits);

/// Kernel list format: "0-2,5"; "" for none.
std::string format_id_set(const IdSet& set);
Result<IdSet> parse_id_set(std::string_view text);

/// "64 MiB", "max", "10/100 ms", "0-1", "rbps=1 MiB": for people, not for the kernel.
std::string describe(Knob knob, const KnobValue& value);

/// Typed access; nullopt where the node does not carry the knob.
template <typename T>
std::optional<T> get(const Limits& limits, Knob knob) {
  const auto found = limits.find(knob);
  if (found == limits.end()) return std::nullopt;
  const T* value = std::get_if<T>(&found->second);
  return value ? std::optional<T>(*value) : std::nullopt;
}
/// The number of an Amount knob; nullopt where absent or "max".
std::optional<int64_t> amount(const Limits& limits, Knob knob);

}  // namespace treeline

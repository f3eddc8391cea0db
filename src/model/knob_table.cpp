#include <array>
#include <limits>

#include "model/knob.h"

namespace treeline {

namespace {

using Files = std::span<const std::string_view>;

constexpr std::array<std::string_view, 2> kCpuMaxV1{"cpu.cfs_period_us", "cpu.cfs_quota_us"};
constexpr std::array<std::string_view, 1> kCpuBurstV1{"cpu.cfs_burst_us"};
constexpr std::array<std::string_view, 1> kCpuWeightV1{"cpu.shares"};
constexpr std::array<std::string_view, 1> kCpuIdleV1{"cpu.idle"};
constexpr std::array<std::string_view, 1> kMemoryMaxV1{"memory.limit_in_bytes"};
constexpr std::array<std::string_view, 1> kMemorySwapMaxV1{"memory.memsw.limit_in_bytes"};
constexpr std::array<std::string_view, 1> kPidsMaxV1{"pids.max"};
constexpr std::array<std::string_view, 1> kCpusetCpusV1{"cpuset.cpus"};
constexpr std::array<std::string_view, 1> kCpusetMemsV1{"cpuset.mems"};
constexpr std::array<std::string_view, 4> kIoMaxV1{
    "blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device", "blkio.throttle.read_iops_device",
    "blkio.throttle.write_iops_device"};
constexpr std::array<std::string_view, 1> kIoWeightV1{"blkio.bfq.weight"};
constexpr std::array<std::string_view, 1> kFreezeV1{"freezer.state"};

constexpr int64_t kMaxBytes = std::numeric_limits<int64_t>::max() / 4096 * 4096 - 4096;
constexpr int64_t kMaxQuotaUs = 1'000'000'000'000;  // far below max_cfs_runtime in core.c
constexpr int64_t kMaxPids = 4'194'304;             // PID_MAX_LIMIT; pids.max accepts 0 … PIDS_MAX - 1
constexpr int64_t kMaxInt = std::numeric_limits<int32_t>::max();  // kernel/cgroup/cgroup.c: INT_MAX is "max"
constexpr int64_t kMaxId = 8191;                                  // CONFIG_NR_CPUS at its largest

constexpr std::array<KnobInfo, 21> kKnobs{{
    {Knob::CpuMax, Controller::Cpu, "cpu.max", Files(kCpuMaxV1), KnobType::Bandwidth, 1'000, kMaxQuotaUs,
     true, Rounding::None, "CPU time per period"},
    {Knob::CpuMaxBurst, Controller::Cpu, "cpu.max.burst", Files(kCpuBurstV1), KnobType::Amount, 0,
     kMaxQuotaUs, false, Rounding::None, "Unused quota that may accumulate, in microseconds"},
    {Knob::CpuWeight, Controller::Cpu, "cpu.weight", Files(kCpuWeightV1), KnobType::Amount, 1, 10'000, false,
     Rounding::None, "Share of CPU time relative to siblings"},
    {Knob::CpuWeightNice,
     Controller::Cpu,
     "cpu.weight.nice",
     {},
     KnobType::Amount,
     -20,
     19,
     false,
     Rounding::None,
     "cpu.weight as a nice level"},
    {Knob::CpuIdle, Controller::Cpu, "cpu.idle", Files(kCpuIdleV1), KnobType::Flag, 0, 1, false,
     Rounding::None, "Runs only when siblings are idle"},
    {Knob::MemoryMax, Controller::Memory, "memory.max", Files(kMemoryMaxV1), KnobType::Amount, 0, kMaxBytes,
     true, Rounding::PageDown, "Hard limit of memory, in bytes"},
    {Knob::MemorySwapMax, Controller::Memory, "memory.swap.max", Files(kMemorySwapMaxV1), KnobType::Amount, 0,
     kMaxBytes / 2, true, Rounding::PageDown,
     "Hard limit of swap, in bytes (v1: the sum with memory.max is what is written)"},
    {Knob::MemoryHigh,
     Controller::Memory,
     "memory.high",
     {},
     KnobType::Amount,
     0,
     kMaxBytes,
     true,
     Rounding::PageDown,
     "Throttling limit of memory, in bytes"},
    {Knob::MemoryLow,
     Controller::Memory,
     "memory.low",
     {},
     KnobType::Amount,
     0,
     kMaxBytes,
     true,
     Rounding::PageDown,
     "Best-effort protection of memory, in bytes"},
    {Knob::MemoryMin,
     Controller::Memory,
     "memory.min",
     {},
     KnobType::Amount,
     0,
     kMaxBytes,
     true,
     Rounding::PageDown,
     "Hard protection of memory, in bytes"},
    {Knob::MemoryOomGroup,
     Controller::Memory,
     "memory.oom.group",
     {},
     KnobType::Flag,
     0,
     1,
     false,
     Rounding::None,
     "An OOM kill ends the whole group"},
    {Knob::PidsMax, Controller::Pids, "pids.max", Files(kPidsMaxV1), KnobType::Amount, 0, kMaxPids, true,
     Rounding::None, "Hard limit of tasks"},
    {Knob::CpusetCpus, Controller::Cpuset, "cpuset.cpus", Files(kCpusetCpusV1), KnobType::IdSet, 0, kMaxId,
     false, Rounding::None, "CPUs that tasks may run on"},
    {Knob::CpusetMems, Controller::Cpuset, "cpuset.mems", Files(kCpusetMemsV1), KnobType::IdSet, 0, 1023,
     false, Rounding::None, "NUMA nodes that tasks may allocate from"},
    {Knob::CpusetPartition,
     Controller::Cpuset,
     "cpuset.cpus.partition",
     {},
     KnobType::Partition,
     0,
     2,
     false,
     Rounding::None,
     "member, root or isolated"},
    {Knob::IoMax, Controller::Io, "io.max", Files(kIoMaxV1), KnobType::IoRates, 1, kMaxBytes, true,
     Rounding::None, "Bytes and operations per second on the scenario's block device"},
    {Knob::IoWeight, Controller::Io, "io.weight", Files(kIoWeightV1), KnobType::Amount, 1, 1'000, false,
     Rounding::None, "Share of I/O relative to siblings (range of v1; v2 goes to 10000)"},
    {Knob::CgroupMaxDepth,
     Controller::Core,
     "cgroup.max.depth",
     {},
     KnobType::Amount,
     0,
     kMaxInt - 1,
     true,
     Rounding::None,
     "Levels of groups below the node"},
    {Knob::CgroupMaxDescendants,
     Controller::Core,
     "cgroup.max.descendants",
     {},
     KnobType::Amount,
     0,
     kMaxInt - 1,
     true,
     Rounding::None,
     "Groups below the node, at any level"},
    {Knob::HugetlbMax,
     Controller::Hugetlb,
     "hugetlb.2MB.max",
     {},
     KnobType::Amount,
     0,
     kMaxBytes,
     true,
     Rounding::HugePageDown,
     "Hard limit of huge pages of 2 MiB, in bytes"},
    {Knob::Freeze, Controller::Freezer, "cgroup.freeze", Files(kFreezeV1), KnobType::Flag, 0, 1, false,
     Rounding::None, "Stops all tasks of the subtree"},
}};

constexpr std::array<std::string_view, 9> kControllerNames{"cpu", "cpuacct", "memory", "pids",   "cpuset",
                                                           "io",  "freezer", "core",   "hugetlb"};

}  // namespace

std::span<const KnobInfo> knob_table() { return kKnobs; }

const KnobInfo& knob_info(Knob knob) { return kKnobs[static_cast<size_t>(knob)]; }

std::optional<Knob> knob_from_name(std::string_view v2_name) {
  for (const KnobInfo& info : kKnobs) {
    if (info.name == v2_name) return info.knob;
  }
  return std::nullopt;
}

std::string_view controller_name(Controller controller) {
  return kControllerNames[static_cast<size_t>(controller)];
}

std::optional<Controller> controller_from_name(std::string_view name) {
  for (size_t i = 0; i < kControllerNames.size(); ++i) {
    if (kControllerNames[i] == name) return static_cast<Controller>(i);
  }
  return std::nullopt;
}

}  // namespace treeline

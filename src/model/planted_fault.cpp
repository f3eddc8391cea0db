#include "model/planted_fault.h"

#include <array>

namespace treeline {

namespace {

using F = PlantedFault;

/// `minimum` by thought: the least nodes, actions (with probes), workers and limits with which the defect can
/// be seen at all. Size::detail is no part of the claim.
constexpr std::array<PlantedFaultInfo, 21> kTable{{
    {F::CpuMaxDeepUnset,
     "cpu-max-deep-unset",
     "cpu.max at depth 2 and below is not enforced",
     "cpu_bandwidth",
     "cpu.bandwidth",
     {3, 0, 1, 1, 0}},
    {F::CpuQuotaHigh,
     "cpu-quota-high",
     "the quota enforced is 1.3 times the one written",
     "cpu_bandwidth",
     "cpu.bandwidth",
     {1, 0, 1, 1, 0}},
    {F::CpuQuotaLow,
     "cpu-quota-low",
     "the quota enforced is half of the one written",
     "cpu_entitlement",
     "cpu.entitlement",
     {1, 0, 1, 1, 0}},
    // One CPU (a cpuset) makes the siblings compete; each needs a hog and a weight.
    {F::CpuWeightsSwapped,
     "cpu-weights-swapped",
     "two siblings have each other's weight",
     "cpu_fairness",
     "cpu.fairness",
     {3, 0, 2, 3, 0}},
    {F::CpuUsageUnderReported,
     "cpu-usage-under-reported",
     "cpu.max is not enforced, and usage is reported as if it were",
     "cpu_bandwidth",
     "cpu.bandwidth_witness",
     {1, 0, 1, 1, 0}},
    {F::CpuUsageLeaks,
     "cpu-usage-leaks",
     "a parent's usage lacks its last child's",
     "cpu_bandwidth",
     "cpu.conservation",
     {2, 0, 1, 0, 0}},
    {F::CpusetGrandchildUnset,
     "cpuset-grandchild-unset",
     "cpuset.cpus at depth 2 and below is not enforced",
     "cpuset",
     "cpuset.confinement",
     {3, 0, 1, 1, 0}},
    {F::MemoryAncestorUnset,
     "memory-ancestor-unset",
     "memory.max of a node with children is not enforced",
     "memory",
     "memory.max",
     {2, 0, 1, 1, 0}},
    {F::MemoryOomSpurious,
     "memory-oom-spurious",
     "OOM kills begin at half of memory.max",
     "memory",
     "memory.oom",
     {1, 0, 1, 1, 0}},
    {F::MemoryOomMisattributed,
     "memory-oom-misattributed",
     "an OOM kill is counted at the victim's parent",
     "memory",
     "memory.oom_attribution",
     {2, 0, 1, 1, 0}},
    {F::MemoryUsageLeaks,
     "memory-usage-leaks",
     "a parent's memory lacks its last child's",
     "memory",
     "memory.conservation",
     {2, 0, 1, 0, 0}},
    {F::MemoryUnderReported,
     "memory-under-reported",
     "memory is reported at half",
     "memory",
     "memory.rss",
     {1, 0, 1, 0, 0}},
    {F::MemoryChargeStays,
     "memory-charge-stays",
     "4 MiB stay charged after exit",
     "memory",
     "memory.drained",
     {1, 0, 1, 0, 0}},
    {F::PidsOffByOne,
     "pids-off-by-one",
     "one task more than pids.max is let in",
     "pids",
     "pids.max",
     {1, 0, 1, 1, 0}},
    {F::PidsUsageLeaks,
     "pids-usage-leaks",
     "a parent's pids.current lacks its last child's",
     "pids",
     "pids.conservation",
     {2, 0, 1, 0, 0}},
    {F::AttachedToParent,
     "attached-to-parent",
     "workers of the deepest nodes land in the parent",
     "pids",
     "pids.conservation",
     {2, 0, 1, 0, 0}},
    {F::IoLimitUnset, "io-limit-unset", "io.max is not enforced", "io", "io.max", {1, 0, 1, 1, 0}},
    {F::FreezerGrandchildMissed,
     "freezer-grandchild-missed",
     "tasks two levels below a frozen node go on",
     "freezer",
     "freezer.stops",
     {3, 1, 1, 0, 0}},
    {F::ReadbackWrong,
     "readback-wrong",
     "cpu.weight reads back one too high",
     "rules",
     "knob.readback",
     {1, 0, 0, 1, 0}},
    {F::RefusalMissing,
     "refusal-missing",
     "a write that must be refused is taken",
     "rules",
     "knob.refusal",
     {1, 1, 0, 0, 0}},
    {F::KernelWarns,
     "kernel-warns",
     "a cpu.max makes the kernel warn",
     "cpu_bandwidth",
     "kernel.health",
     {1, 0, 0, 1, 0}},
}};

}  // namespace

std::span<const PlantedFaultInfo> planted_fault_table() { return kTable; }

const PlantedFaultInfo& planted_fault_info(PlantedFault fault) { return kTable[static_cast<size_t>(fault)]; }

std::optional<PlantedFault> planted_fault_from_name(std::string_view name) {
  for (const PlantedFaultInfo& info : kTable) {
    if (info.name == name) return info.fault;
  }
  return std::nullopt;
}

}  // namespace treeline

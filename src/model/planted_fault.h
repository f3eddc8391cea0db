#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "model/scenario.h"

namespace treeline {

/// A defect that the executor plays, as if the kernel had it: what is enforced or reported differs from what
/// the scenario says, while the read-back still shows the scenario's value (unless the defect is in the
/// read-back). It proves that an invariant can fail. Never on in a real run.
enum class PlantedFault : uint8_t {
  CpuMaxDeepUnset,          ///< cpu.max of a node at depth ≥ 2 is not enforced.
  CpuQuotaHigh,             ///< The quota enforced is 1.3 × the one written.
  CpuQuotaLow,              ///< The quota enforced is 0.5 × the one written.
  CpuThrottledEarly,        ///< The quota enforced is 1 ms, whatever was written.
  CpuWeightsSwapped,        ///< The first two siblings that carry weights have each other's.
  CpuUsageUnderReported,    ///< cpu.max is not enforced and the reported usage is cut to what it would allow.
  CpuUsageHalved,           ///< Every node's usage is reported at half.
  CpuUsageLeaks,            ///< A parent's usage lacks that of its last child.
  CpuPressureMissing,       ///< cpu.pressure stays at nothing.
  CpuPressureOfParent,      ///< A child's cpu.pressure reads as its parent's.
  CpusetGrandchildUnset,    ///< cpuset.cpus of a node at depth ≥ 2 is not enforced.
  MemoryAncestorUnset,      ///< memory.max of a node that has children is not enforced.
  MemoryOomSpurious,        ///< memory.max enforced is half of the one written.
  MemoryOomMisattributed,   ///< The OOM kill is counted at the victim's parent instead.
  MemoryUsageLeaks,         ///< A parent's memory lacks that of its last child.
  MemoryUnderReported,      ///< Every node's memory usage and peak is reported at half.
  MemoryChargeStays,        ///< After exit, 4 MiB of the peak stay charged.
  PidsOffByOne,             ///< pids.max enforced is one too high.
  PidsRefusedEarly,         ///< pids.max enforced is one too low.
  PidsMaxSmallUnset,        ///< A pids.max of less than 8 is not enforced.
  PidsMaxLongNameUnset,     ///< pids.max of a group whose name has more than 16 letters is not enforced.
  PidsUsageLeaks,           ///< A parent's pids.current lacks that of its last child.
  AttachedToParent,         ///< Workers of the deepest nodes are attached to the node's parent.
  IoLimitUnset,             ///< io.max is not enforced.
  FreezerGrandchildMissed,  ///< Workers two levels below a frozen node go on.
  FreezerThawMissed,        ///< A thaw is taken and does nothing.
  ReadbackWrong,            ///< cpu.weight reads back one too high.
  RefusalMissing,           ///< A write that must be refused is taken.
  MemoryHighUnset,          ///< memory.high is not enforced.
  MemoryHighKills,          ///< memory.high is enforced as memory.max.
  OomGroupUnset,            ///< memory.oom.group is not enforced.
  SwapMaxUnset,             ///< memory.swap.max is not enforced.
  SwapMaxZero,              ///< memory.swap.max is enforced as 0.
  HierarchyUnlimited,       ///< cgroup.max.depth and cgroup.max.descendants are not enforced.
  KillMissed,               ///< cgroup.kill is taken and does nothing.
  PartitionShared,          ///< A partition below another one takes no CPUs away from it.
  PartitionNeverInvalid,    ///< cpuset.cpus.partition reads as a valid one that cannot be one.
  CpuMaxChangeMissed,       ///< A change of cpu.max while work runs is taken and does nothing.
  MemoryMaxChangeMissed,    ///< The same of memory.max.
  MemoryHighChangeMissed,   ///< The same of memory.high.
  SwapMaxChangeMissed,      ///< The same of memory.swap.max.
  ProtectionChangeMissed,   ///< The same of memory.low and memory.min.
  OomGroupChangeMissed,     ///< The same of memory.oom.group.
  HierarchyChangeMissed,    ///< The same of cgroup.max.depth and cgroup.max.descendants.
  IoMaxChangeMissed,        ///< The same of io.max.
  PidsMaxChangeMissed,      ///< The same of pids.max.
  CpuWeightChangeMissed,    ///< The same of cpu.weight.
  CpuIdleChangeMissed,      ///< The same of cpu.idle.
  CpusetChangeMissed,       ///< The same of cpuset.cpus.
  CpuMaxLostOnHotplug,      ///< cpu.max is not enforced any more once a CPU has gone offline.
  ChangeReadbackWrong,      ///< A limit that was changed while work runs reads back ten times as high.
  MigrationMissed,          ///< A migration is taken and does nothing.
  MigrationRefused,         ///< A migration is refused with EBUSY.
  CpuMaxLostOnMigration,    ///< cpu.max is not enforced any more where a task has come in.
  MemoryChargeMoves,        ///< What a task has touched is charged to the group to which it moves.
  RemovalRefused,           ///< A removal is refused with EBUSY.
  CpuUsageLostOnRemoval,    ///< What a removed group has used is taken from those above it.
  RemovedGroupsStay,        ///< A removed group is never let go.
  PidsChargeStaysOnMigration,  ///< A task that moves stays charged to the group that it left.
  KernelWarns,                 ///< Any run with a cpu.max logs a WARNING and taints the kernel.
  MemoryProtectionUnset,       ///< memory.low and memory.min are not enforced.
  MemoryProtectionDeepUnset,   ///< The same of a node at depth ≥ 2 whose parent has one, too.
  MemoryProtectionHalved,      ///< The memory.low and memory.min enforced are half of the ones written.
  MemoryLowUncounted,          ///< Breaches of memory.low are not counted.
  MemoryLowOvercounted,        ///< Each memory.low counts one breach more than there was.
  MemoryUnprotectedSpared,     ///< Where one group is protected, nothing is taken from those that are not.
  MemoryPressureMissing,       ///< memory.pressure stays at nothing.
  MemoryPressureOfParent,      ///< A child's memory.pressure reads as its parent's.
  IoPressureMissing,           ///< io.pressure stays at nothing.
  IoPressureOfParent,          ///< A child's io.pressure reads as its parent's.
  CpuHogStranded,              ///< From the third sample on a hog never runs again.
  CpuMaxClearMissed,           ///< A cpu.max that is cleared while work runs binds on.
  CpuMaxRaiseMissed,           ///< The first change of a cpu.max does nothing if it raises it.
  CpuIdles,                    ///< All tasks together run half of each 10 ms only, where no limit says so.
  ControllerOffMissed,         ///< A controller that is switched off stays.
  ControllerLimitComesBack,    ///< A controller that is switched on comes back with the limits of the start.
  MemoryMaxLostOnControllerOff,   ///< memory.max of a group is lost when its children lose the controller.
  IoMaxLostOnControllerOff,       ///< The same of io.max.
  CpuMaxLostOnControllerOff,      ///< cpu.max of a group is lost when its children lose the controller.
  ThreadMoveMissed,               ///< A thread's move is taken and does nothing.
  ThreadTakesProcess,             ///< With a thread its whole process moves.
  ThreadListedTwice,              ///< A thread that has moved is still listed in the group that it left.
  PidsChargeStaysOnThreadMove,    ///< A thread that moves stays charged to the group that it left.
  PidsChargeLostOnControllerOff,  ///< Tasks of groups that lose the controller are charged to nobody.
  AttemptTaken,                   ///< A limit that must be refused while work runs is taken.
  RefusalErrnoWrong,     ///< The removal of a group that has children or tasks is refused with ENOTEMPTY.
  RefusedLimitShows,     ///< A limit that was refused while work runs reads as if it were set.
  CpuMaxLostOnRefusal,   ///< cpu.max is not enforced any more once a value for it was refused.
  InternalProcessLetIn,  ///< A task may enter a group that gives its children a domain controller.
  ControllerPulledAway,  ///< A controller may be taken from children that give it on.
  FreezerMoveInMissed,   ///< A task that moves into a frozen group goes on.
  FreezerMoveOutMissed,  ///< A task that moves out of a frozen group stays stopped.
};

struct PlantedFaultInfo {
  PlantedFault fault;
  std::string_view name;  ///< "cpu-max-deep-unset": for the command line and JSON.
  std::string_view summary;
  std::string_view property;   ///< The generator's property that is searched for it.
  std::string_view invariant;  ///< The invariant that must catch it.
  Size minimum;                ///< The least counterexample: nodes, actions (with probes), workers, limits.
};

std::span<const PlantedFaultInfo> planted_fault_table();
const PlantedFaultInfo& planted_fault_info(PlantedFault fault);
std::optional<PlantedFault> planted_fault_from_name(std::string_view name);

}  // namespace treeline

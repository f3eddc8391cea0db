#include "model/rules_v2.h"

#include <cerrno>
#include <cstdint>

namespace treeline {

namespace {

bool is_idle(const Limits& limits) { return amount(limits, Knob::CpuIdle) == 1; }

/// sched_group_set_shares: an idle group's weight is fixed.
int set_shares(const Limits& limits) { return is_idle(limits) ? EINVAL : 0; }

/// kernel/sched/core.c, cpu_weight_write_u64; before it cgroup_file_write reads an unsigned number.
int set_weight_v2(const Limits& limits, int64_t weight) {
  if (weight < 0) return EINVAL;
  return weight < 1 || weight > 10'000 ? ERANGE : set_shares(limits);
}

/// cpu_weight_nice_write_s64
int set_nice(const Limits& limits, int64_t nice) {
  return nice < -20 || nice > 19 ? ERANGE : set_shares(limits);
}

/// kernel/cgroup/cgroup.c: kstrtoint says ERANGE beyond an int, as do the files below 0.
int set_count(int64_t number) { return number < 0 || number > INT32_MAX ? ERANGE : 0; }

}  // namespace

int set_amount_v2(const Limits& limits, Knob knob, const Amount& value) {
  if (!value.value) return 0;  // "max"
  const int64_t number = *value.value;
  switch (knob) {
    case Knob::CpuWeight:
      return set_weight_v2(limits, number);
    case Knob::CpuWeightNice:
      return set_nice(limits, number);
    case Knob::CpuIdle:         // sched_group_set_idle
    case Knob::MemoryOomGroup:  // mm/memcontrol.c, memory_oom_group_write
      return number == 0 || number == 1 ? 0 : EINVAL;
    case Knob::MemoryMax:  // mm/page_counter.c, page_counter_memparse; no limit depends on another one
    case Knob::MemorySwapMax:
    case Knob::MemoryHigh:
    case Knob::MemoryLow:
    case Knob::MemoryMin:
    case Knob::HugetlbMax:
      return number < 0 ? EINVAL : 0;
    case Knob::PidsMax:  // pids_max_write
      return number < 0 || number >= kPidsMaxLimit ? EINVAL : 0;
    case Knob::IoWeight:  // block/blk-iocost.c, ioc_weight_write
      return number < 1 || number > 10'000 ? EINVAL : 0;
    case Knob::Freeze:  // cgroup_freeze_write
      return number == 0 || number == 1 ? 0 : ERANGE;
    case Knob::CgroupMaxDepth:
    case Knob::CgroupMaxDescendants:
      return set_count(number);
    default:
      return 0;  // cpuset.cpus.partition takes every state; what it cannot be, it reads as invalid
  }
}

/// block/blk-throttle.c, tg_set_limit: the first rate that is wrong decides.
int set_rates_v2(const IoRates& rates) {
  for (const auto& rate : {rates.read_bytes, rates.write_bytes, rates.read_ops, rates.write_ops}) {
    if (!rate) continue;
    if (*rate == 0) return ERANGE;
    if (*rate < 2) return EINVAL;
  }
  return 0;
}

}  // namespace treeline

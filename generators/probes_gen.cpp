#include "generators/probes_gen.h"

#include <algorithm>

#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "model/rules.h"
#include "model/units.h"

namespace treeline {

namespace {

using Values = std::vector<KnobValue>;

Values amounts(std::initializer_list<int64_t> numbers) {
  Values values;
  for (const int64_t number : numbers) values.emplace_back(Amount{number});
  return values;
}

void add_scaled(Values& values, const CpuBandwidth& from, int64_t numerator, int64_t denominator) {
  const int64_t quota = *from.quota_us * numerator / denominator;
  if (quota >= 1'000) values.emplace_back(CpuBandwidth{quota, from.period_us});
}

Values bandwidth_values(const Tree& tree, NodeId node, const MachineFacts& machine) {
  Values values{
      *bandwidth_gen({0.05, static_cast<double>(machine.cpus.size()), 1'000, 1'000'000}),
      CpuBandwidth{std::nullopt, *period_gen(1'000, 1'000'000)},
      // tg_set_cfs_bandwidth: a quota or period below min_cfs_quota_period or above max_cfs_quota_period.
      CpuBandwidth{*uniform<int64_t>(1, 999), 100'000}, CpuBandwidth{50'000, *uniform<int64_t>(1, 999)},
      CpuBandwidth{50'000, 1'000'000 + *log_uniform(1, 1'000'000)}};
  // tg_cfs_schedulable_down: at, just above and just below what the parent has and what a child has.
  const auto add_around = [&](const CpuBandwidth& other) {
    for (const int64_t numerator : {99, 100, 101, 150}) add_scaled(values, other, numerator, 100);
  };
  if (const auto above = bandwidth_above(tree, node)) add_around(*above);
  for (const NodeId id : tree.subtree(node)) {
    const auto own = get<CpuBandwidth>(tree[id].limits, Knob::CpuMax);
    if (own && own->quota_us) add_around(*own);
  }
  if (const auto burst = amount(tree[node].limits, Knob::CpuMaxBurst); burst && *burst > 1'000) {
    values.emplace_back(CpuBandwidth{*burst - 1, 100'000});  // burst > quota
  }
  return values;
}

Values burst_values(const Limits& own) {
  const auto bandwidth = get<CpuBandwidth>(own, Knob::CpuMax);
  if (!bandwidth || !bandwidth->quota_us) return amounts({0, 10'000, -1});
  const int64_t quota = *bandwidth->quota_us;
  return amounts({0, *uniform<int64_t>(0, quota), quota, quota + 1, 2 * quota, -1});
}

Values weight_values(const Limits& own, CgroupVersion version) {
  // Written back as a weight, a nice level's shares would be others.
  if (own.contains(Knob::CpuWeightNice)) return amounts({-*log_uniform(1, 1'000)});
  Values values = amounts({1, 10'000, *log_uniform(1, 10'000), -*log_uniform(1, 1'000)});
  // On v1 cpu.shares out of range is clamped, not refused; only v2 has a range to violate.
  if (version == CgroupVersion::V2) values.emplace_back(Amount{10'000 + *log_uniform(1, 1'000)});
  return values;
}

Values idle_values(const Limits& own) {
  // sched_group_set_idle(0) sets the default weight: after it the node's own weight would be lost.
  if (own.contains(Knob::CpuWeight) || own.contains(Knob::CpuWeightNice)) return amounts({2, -1});
  return amounts({0, 1, 2, -1});
}

Values nice_values(const Limits& own) {
  // A weight has no nice level of its own: what is read is the nearest one's, and that would be written back.
  if (own.contains(Knob::CpuWeight)) return amounts({-21, 20});
  return amounts({-20, 19, *uniform<int64_t>(-19, 18), -21, 20});
}

Values unlimited_or_bytes() {
  return {Amount{}, Amount{*log_uniform(16 * kMiB, 256 * kMiB)}, Amount{-*log_uniform(1, kMiB)}};
}

Values memory_values(const Limits& own) {
  Values values = amounts({*log_uniform(16 * kMiB, 256 * kMiB), -*log_uniform(1, kMiB)});
  const auto memory = amount(own, Knob::MemoryMax);
  const auto swap = amount(own, Knob::MemorySwapMax);
  if (memory && swap) {  // mem_cgroup_resize_max: memory.max ≤ memory and swap together
    values.emplace_back(Amount{*memory + *swap});
    values.emplace_back(Amount{*memory + *swap + *log_uniform(8 << 10, 64 * kMiB)});
  }
  if (!swap) values.emplace_back(Amount{});
  return values;
}

Values cpuset_values(const Tree& tree, NodeId node, const MachineFacts& machine) {
  // Any subset of the machine's CPUs: against the parent's (EACCES) and the children's (EBUSY) by itself.
  Values values{*subset_gen(IdSet{machine.cpus}), *subset_gen(effective_cpus(tree, node, machine)),
                effective_cpus(tree, node, machine), IdSet{machine.cpus}};
  for (const int cpu : machine.cpus) values.emplace_back(IdSet{{cpu}});
  return values;
}

Values rates_values() {
  IoRates legal;
  legal.read_bytes = *log_uniform(1, 1 << 30);
  if (*chance(50)) legal.write_ops = *log_uniform(1, 1'000'000);
  IoRates negative;
  (*chance(50) ? negative.write_bytes : negative.read_ops) = -*log_uniform(1, 1'000);
  return {legal, negative};
}

Values values_of(const Tree& tree, NodeId node, Knob knob, const MachineFacts& machine) {
  const Limits& own = tree[node].limits;
  switch (knob) {
    case Knob::CpuMax:
      return bandwidth_values(tree, node, machine);
    case Knob::CpuMaxBurst:
      return burst_values(own);
    case Knob::CpuWeight:
      return weight_values(own, machine.knob_context(Controller::Cpu).version);
    case Knob::CpuIdle:
      return idle_values(own);
    case Knob::MemoryMax:
      return memory_values(own);
    case Knob::MemorySwapMax:
      if (machine.knob_context(Controller::Memory).version == CgroupVersion::V2) return unlimited_or_bytes();
      return amount(own, Knob::MemoryMax) ? amounts({0, *log_uniform(4096, 64 * kMiB)}) : Values{};
    case Knob::PidsMax:  // pids_max_write: 0 … PIDS_MAX - 1, and PIDS_MAX is PID_MAX_LIMIT + 1
      return {Amount{},        Amount{0},         Amount{*log_uniform(1, 4'194'304)},
              Amount{4194304}, Amount{4'194'305}, Amount{-*log_uniform(1, 1'000)}};
    case Knob::CpusetCpus:
      return cpuset_values(tree, node, machine);
    case Knob::CpusetMems:
      return {effective_mems(tree, node, machine), *subset_gen(IdSet{machine.mems})};
    case Knob::IoMax:
      return rates_values();
    case Knob::IoWeight:
      return amounts({1, 1'000, *log_uniform(1, 1'000), 0, 1'001, 10'001, -5});
    case Knob::Freeze:
      if (machine.knob_context(Controller::Freezer).version == CgroupVersion::V1) return amounts({0, 1});
      return amounts({0, 1, 2, -1});
    case Knob::CpuWeightNice:
      return nice_values(own);
    case Knob::MemoryHigh:
    case Knob::MemoryLow:
    case Knob::MemoryMin:
    case Knob::HugetlbMax:
      return unlimited_or_bytes();
    case Knob::MemoryOomGroup:
      return amounts({0, 1, 2, -1});
    case Knob::CpusetPartition:
      return amounts({0, 1, 2});
    case Knob::CgroupMaxDepth:
    case Knob::CgroupMaxDescendants:
      return {Amount{}, Amount{*log_uniform(1, 1'000)}, Amount{0}, Amount{-*log_uniform(1, 1'000)},
              Amount{int64_t{INT32_MAX} + 1}};
  }
  return {};
}

}  // namespace

rc::Gen<std::vector<KnobValue>> probe_values_gen(const Tree& tree, NodeId node, Knob knob,
                                                 const MachineFacts& machine) {
  return rc::gen::exec([=] { return values_of(tree, node, knob, machine); }).as("probe values");
}

rc::Gen<std::optional<Probe>> probe_gen(const Tree& tree, const std::set<Knob>& knobs,
                                        const MachineFacts& machine) {
  return rc::gen::exec([=]() -> std::optional<Probe> {
           if (knobs.empty()) return std::nullopt;
           const Knob knob = *one_of(std::vector<Knob>(knobs.begin(), knobs.end()));
           const NodeId node = *uniform(0, tree.size() - 1);
           Values values = values_of(tree, node, knob, machine);
           const auto is_illegal = [&](const KnobValue& value) {
             return expected_errno(tree, node, knob, value, machine) != 0;
           };
           const auto first_legal = std::stable_partition(values.begin(), values.end(), is_illegal);
           const bool wants_illegal = *chance(50);
           if (first_legal != values.begin() && first_legal != values.end()) {
             wants_illegal ? values.erase(first_legal, values.end())
                           : values.erase(values.begin(), first_legal);
           }
           if (values.empty()) return std::nullopt;
           return Probe{node, knob, *one_of(values)};
         })
      .as("probe");
}

rc::Gen<std::vector<Probe>> probes_gen(const Tree& tree, const std::set<Knob>& knobs, int most,
                                       const MachineFacts& machine) {
  return rc::gen::exec([=] {
    std::vector<Probe> probes;
    const int count = *uniform(1, most);
    for (int i = 0; i < count; ++i) {
      if (auto probe = *probe_gen(tree, knobs, machine)) probes.push_back(std::move(*probe));
    }
    return probes;
  });
}

}  // namespace treeline

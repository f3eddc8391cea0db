#include "generators/limits_gen.h"

#include <algorithm>
#include <cmath>

#include "generators/gens.h"
#include "model/rules.h"

namespace treeline {

namespace {

/// A v1 burst or quota must divide into whole microseconds; the least quota is 1 ms (min_cfs_quota_period).
constexpr int64_t kMinQuotaUs = 1'000;

int64_t scaled(int64_t value, int64_t numerator, int64_t denominator) {
  return value * numerator / denominator;
}

rc::Gen<int64_t> weight_gen() {
  // The range's ends and the default on purpose: rounding to shares and clamping are done there.
  return rc::gen::weightedOneOf<int64_t>({{8, log_uniform(1, 10'000)},
                                          {1, rc::gen::element<int64_t>(1, 10'000)},
                                          {1, rc::gen::just<int64_t>(100)}});
}

rc::Gen<int64_t> memory_amount_gen(Pressure pressure) {
  const int64_t least = pressure == Pressure::Tight ? kMinMemoryMax : int64_t{128} << 20;
  const int64_t most = pressure == Pressure::Tight ? int64_t{64} << 20 : int64_t{1} << 30;
  return rc::gen::exec([=] {
    const int64_t bytes = *log_uniform(least, most);
    // Whole pages, whole MiB, and what the kernel must round down to a page.
    const int64_t unit = *one_of(std::vector<int64_t>{1, 4096, 4096, 1 << 20});
    return std::max(least, bytes / unit * unit);
  });
}

rc::Gen<KnobValue> as_amount(rc::Gen<int64_t> number) {
  return rc::gen::map(std::move(number), [](int64_t value) -> KnobValue { return Amount{value}; });
}

rc::Gen<IoRates> any_io_rates_gen(Pressure pressure) {
  return rc::gen::exec([pressure] {
    const int64_t factor = pressure == Pressure::Tight ? 1 : 1'000;
    IoRates rates;
    for (std::optional<int64_t>* bytes : {&rates.read_bytes, &rates.write_bytes}) {
      if (*chance(40)) *bytes = factor * *log_uniform(256 << 10, 4 << 20);
    }
    for (std::optional<int64_t>* ops : {&rates.read_ops, &rates.write_ops}) {
      if (*chance(40)) *ops = factor * *log_uniform(20, 200);
    }
    if (rates == IoRates{}) rates.read_bytes = factor * *log_uniform(256 << 10, 4 << 20);
    return rates;
  });
}

bool is_v1(const Constraints& constraints, Controller controller) {
  return constraints.machine.knob_context(controller).version == CgroupVersion::V1;
}

std::optional<KnobValue> draw_limit(const Tree& tree, NodeId node, Knob knob, Pressure pressure,
                                    const Constraints& constraints) {
  const Limits& own = tree[node].limits;
  const MachineFacts& machine = constraints.machine;
  switch (knob) {
    case Knob::CpuMax: {
      const BandwidthRange range{0.05, static_cast<double>(machine.cpus.size()), 1'000, 1'000'000};
      const bool is_bounded = is_v1(constraints, Controller::Cpu);
      return *bandwidth_gen(range, is_bounded ? bandwidth_above(tree, node) : std::nullopt);
    }
    case Knob::CpuMaxBurst: {
      const auto bandwidth = get<CpuBandwidth>(own, Knob::CpuMax);
      if (!bandwidth || !bandwidth->quota_us) return std::nullopt;
      return Amount{*uniform<int64_t>(0, *bandwidth->quota_us)};
    }
    case Knob::CpuWeight:
      return Amount{*weight_gen()};
    case Knob::CpuWeightNice:
      if (own.contains(Knob::CpuWeight)) return std::nullopt;  // one value under two names
      return Amount{*uniform<int64_t>(-20, 19)};
    case Knob::CpuIdle:
      // sched_group_set_shares refuses the weight of an idle group: the two do not go together.
      return Amount{
          own.contains(Knob::CpuWeight) || own.contains(Knob::CpuWeightNice) ? 0 : *uniform<int64_t>(0, 1)};
    case Knob::MemoryOomGroup:
      return Amount{*uniform<int64_t>(0, 1)};
    case Knob::MemoryMax:
    case Knob::MemoryHigh:
    case Knob::MemoryLow:
    case Knob::MemoryMin:
      return *as_amount(memory_amount_gen(pressure));
    case Knob::MemorySwapMax:
      if (is_v1(constraints, Controller::Memory) && !amount(own, Knob::MemoryMax)) {
        return std::nullopt;  // v1 writes the sum of both
      }
      return Amount{*one_of(std::vector<int64_t>{0, 0, 1 << 20, 16 << 20})};
    case Knob::PidsMax:
      return Amount{pressure == Pressure::Tight ? *log_uniform(2, 32) : *log_uniform(256, 4096)};
    case Knob::CpusetCpus:
      return *subset_gen(effective_cpus(tree, node, machine));
    case Knob::CpusetMems:
      return *subset_gen(effective_mems(tree, node, machine));
    case Knob::IoMax:
      return *any_io_rates_gen(pressure);
    case Knob::IoWeight:
      return Amount{*log_uniform(1, 1'000)};
    case Knob::CgroupMaxDepth: {
      const int below = tree.max_depth() - tree.depth(node);
      return Amount{pressure == Pressure::Roomy ? *uniform<int64_t>(32, 64)
                                                : *uniform<int64_t>(0, below + 2)};
    }
    case Knob::CgroupMaxDescendants: {
      // About as many as there are, with or without leaf proxies.
      const auto below = static_cast<int64_t>(tree.subtree(node).size());
      const int64_t drawn = *chance(20) ? 0 : std::max<int64_t>(0, below + *uniform<int64_t>(-2, 3));
      return Amount{pressure == Pressure::Roomy ? *uniform<int64_t>(64, 128) : drawn};
    }
    case Knob::HugetlbMax:
      return Amount{*uniform<int64_t>(0, 16 << 20)};
    case Knob::CpusetPartition:  // would take CPUs away from the siblings for good
    case Knob::Freeze:           // a worker of a frozen node never starts: freezing is an Action
      break;
  }
  return std::nullopt;
}

}  // namespace

IoSides draw_io_sides() {
  const int directions = *uniform(1, 3);
  const int units = *uniform(1, 3);
  return {(directions & 1) != 0, (directions & 2) != 0, (units & 1) != 0, (units & 2) != 0};
}

int64_t draw_io_stretch_us() { return 1'000 * *uniform<int64_t>(250, 500); }

IoRates draw_slow_rates(IoSides sides, int sharers) {
  IoRates rates;
  const auto bytes = [&]() -> std::optional<int64_t> {
    // Each worker's least block, a page, waits at most for its share of a tenth of a second.
    return *log_uniform(std::max<int64_t>(256 << 10, int64_t{10} * 4096 * sharers), 4 << 20);
  };
  const auto ops = [&]() -> std::optional<int64_t> { return *log_uniform(int64_t{20} * sharers, 200); };
  if (sides.reads && sides.bytes) rates.read_bytes = bytes();
  if (sides.reads && sides.ops) rates.read_ops = ops();
  if (sides.writes && sides.bytes) rates.write_bytes = bytes();
  if (sides.writes && sides.ops) rates.write_ops = ops();
  return rates;
}

rc::Gen<int64_t> period_gen(int64_t least_us, int64_t most_us) {
  return rc::gen::exec([=] {
    constexpr int64_t kUsualUs = 100'000;
    const bool is_usual = least_us < kUsualUs && *chance(90);
    const int64_t period = *log_uniform(least_us, is_usual ? std::min(kUsualUs, most_us) : most_us);
    return *chance(50) ? std::max(least_us, period / 1'000 * 1'000) : period;
  });
}

rc::Gen<CpuBandwidth> bandwidth_gen(BandwidthRange range, std::optional<CpuBandwidth> ceiling) {
  return rc::gen::exec([=] {
           int64_t least_period = range.min_period_us;
           double most = range.max_cpus;
           if (ceiling) {
             most = std::min(
                 most, static_cast<double>(*ceiling->quota_us) / static_cast<double>(ceiling->period_us));
             // Below a period of this length the least quota would already exceed the ceiling's ratio.
             least_period =
                 std::max(least_period,
                          (kMinQuotaUs * ceiling->period_us + *ceiling->quota_us - 1) / *ceiling->quota_us);
           }
           const int64_t period =
               std::min(kMaxPeriodUs, *period_gen(least_period, std::max(least_period, range.max_period_us)));
           const double least = std::min(range.min_cpus, most);
           const double share = least + (most - least) * *uniform(0, 1'000) / 1'000.0;
           int64_t quota = std::llround(share * static_cast<double>(period));
           if (ceiling) quota = std::min(quota, scaled(period, *ceiling->quota_us, ceiling->period_us));
           return CpuBandwidth{std::max(kMinQuotaUs, quota), period};
         })
      .as("cpu.max");
}

std::optional<CpuBandwidth> bandwidth_above(const Tree& tree, NodeId node) {
  for (NodeId id = tree[node].parent; id != kNoParent; id = tree[id].parent) {
    const auto bandwidth = get<CpuBandwidth>(tree[id].limits, Knob::CpuMax);
    if (bandwidth && bandwidth->quota_us) return bandwidth;
  }
  return std::nullopt;
}

rc::Gen<IdSet> subset_gen(const IdSet& of) {
  return rc::gen::exec([of] {
           const size_t count = *uniform<size_t>(1, std::max<size_t>(1, of.ids.size()));
           return IdSet{*some_of(count, of.ids)};
         })
      .as("id set");
}

rc::Gen<std::optional<KnobValue>> limit_gen(const Tree& tree, NodeId node, Knob knob, Pressure pressure,
                                            const Constraints& constraints) {
  return rc::gen::exec([=] { return draw_limit(tree, node, knob, pressure, constraints); })
      .as(std::string(knob_info(knob).name));
}

rc::Gen<Tree> with_limits(Tree tree, std::set<Knob> menu, int percent, Pressure pressure,
                          const Constraints& constraints) {
  return rc::gen::exec([tree = std::move(tree), menu = std::move(menu), percent, pressure, constraints] {
           Tree limited = tree;
           for (NodeId node = 0; node < limited.size(); ++node) {
             for (const Knob knob : menu) {
               if (limited[node].limits.contains(knob) || !*chance(percent)) continue;
               const auto value = draw_limit(limited, node, knob, pressure, constraints);
               if (value) limited[node].limits[knob] = *value;
             }
           }
           return limited;
         })
      .as("limits");
}

}  // namespace treeline

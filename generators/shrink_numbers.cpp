#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "generators/shrink_steps.h"
#include "model/units.h"

namespace treeline {

namespace {

enum class Side : uint8_t {
  Limit,
  Load,
  Time
};  ///< What a number says: what is allowed, asked for, or when.

struct NumberInfo {
  Side side = Side::Limit;
  int64_t least = 0;
  bool is_bytes = false;
};

template <typename T, typename F>
void change(T& number, NumberInfo info, F& f) {
  number = static_cast<T>(f(static_cast<int64_t>(number), info));
}
template <typename F>
void change(std::optional<int64_t>& number, NumberInfo info, F& f) {
  if (number) number = f(*number, info);
}

template <typename F>
void change_value(Knob knob, KnobValue& value, int64_t least, F& f) {
  if (auto* bandwidth = std::get_if<CpuBandwidth>(&value)) {
    change(bandwidth->quota_us, {Side::Limit, least, false}, f);
    change(bandwidth->period_us, {Side::Limit, least, false}, f);
  } else if (auto* rates = std::get_if<IoRates>(&value)) {
    change(rates->read_bytes, {Side::Limit, least, true}, f);
    change(rates->write_bytes, {Side::Limit, least, true}, f);
    change(rates->read_ops, {Side::Limit, least, false}, f);
    change(rates->write_ops, {Side::Limit, least, false}, f);
  } else if (auto* number = std::get_if<Amount>(&value)) {
    change(number->value, {Side::Limit, least, knob_info(knob).controller == Controller::Memory}, f);
  }
}

template <typename F>
void change_workload(Workload& workload, F& f) {
  if (auto* cpu = std::get_if<CpuHog>(&workload)) {
    if (cpu->duty_percent == 100) return;
    change(cpu->duty_percent, {Side::Load, 1, false}, f);
    change(cpu->cycle_us, {Side::Load, 1'000, false}, f);
  } else if (auto* memory = std::get_if<MemoryHog>(&workload)) {
    change(memory->bytes, {Side::Load, 4096, true}, f);
    change(memory->chunk_bytes, {Side::Load, 4096, true}, f);
    memory->chunk_bytes = std::min(memory->chunk_bytes, memory->bytes);
  } else if (auto* storm = std::get_if<ForkStorm>(&workload)) {
    if (storm->pause_us > 0) change(storm->pause_us, {Side::Load, 1'000, false}, f);
  } else if (auto* io = std::get_if<IoHog>(&workload)) {
    change(io->block_bytes, {Side::Load, 4096, true}, f);
    change(io->file_bytes, {Side::Load, io->block_bytes, true}, f);
  } else if (auto* mixed = std::get_if<Mixed>(&workload)) {
    change(mixed->duty_percent, {Side::Load, 1, false}, f);
    change(mixed->bytes, {Side::Load, 4096, true}, f);
  }
}

int64_t least_limit(Knob knob) {
  // Below a MiB a worker could not live.
  constexpr int64_t kLeastMemory = 1 << 20;
  return knob == Knob::MemoryMax ? kLeastMemory : std::max<int64_t>(knob_info(knob).min, 0);
}

/// Replaces every number of the scenario by f(number, info), in a fixed order.
template <typename F>
void change_numbers(Scenario& scenario, F f) {
  for (Node& node : scenario.tree.nodes) {
    for (auto& [knob, value] : node.limits) change_value(knob, value, least_limit(knob), f);
  }
  for (Worker& worker : scenario.workers) change_workload(worker.workload, f);
  for (Action& action : scenario.actions) {
    change(action.at_us, {Side::Time, 1'000, false}, f);
    if (has_setting(action)) {
      const bool may_be_any = is_attempt(action);
      change_value(action.knob, action.value, may_be_any ? INT64_MIN : least_limit(action.knob), f);
    }
  }
  for (Probe& probe : scenario.probes) change_value(probe.knob, probe.value, INT64_MIN, f);
  // No sample more than before: it would slow the run down.
  change(scenario.window.sample_every_us, {Side::Time, scenario.window.sample_every_us, false}, f);
}

int64_t largest_power(int64_t base, int64_t most) {
  int64_t power = 1;
  while (power <= most / base) power *= base;
  return power;
}

/// Down and up to one digit and zeros, or to a power of two.
int64_t rounded_down(int64_t value, bool is_bytes) {
  if (value <= 0) return value;
  if (is_bytes) return largest_power(2, value);
  const int64_t unit = largest_power(10, value);
  return value / unit * unit;
}
int64_t rounded_up(int64_t value, bool is_bytes) {
  if (value <= 0) return value;
  if (is_bytes) return rounded_down(value, true) == value ? value : 2 * rounded_down(value, true);
  const int64_t unit = largest_power(10, value);
  return (value + unit - 1) / unit * unit;
}

enum class Way : uint8_t { Nearest, Down, Up };

int64_t rounded(int64_t value, const NumberInfo& info, Way way) {
  const int64_t down = rounded_down(value, info.is_bytes);
  const int64_t up = rounded_up(value, info.is_bytes);
  const bool is_down = way == Way::Down || (way == Way::Nearest && value - down <= up - value);
  return std::max(info.least, is_down ? down : up);
}

Scenario with_plain_names(Scenario scenario) {
  for (NodeId id = 0; id < scenario.tree.size(); ++id) {
    constexpr int kLetters = 26;
    std::string name(1, static_cast<char>('a' + id % kLetters));
    if (id >= kLetters) name += std::to_string(id / kLetters);
    scenario.tree[id].name = std::move(name);
  }
  scenario.strategy = {};
  return scenario;
}

/// Calls f(ids) for each set of the knob, of nodes and of actions.
template <typename AnyScenario, typename F>
void for_each_set(AnyScenario& scenario, Knob knob, F f) {
  for (auto& node : scenario.tree.nodes) {
    const auto found = node.limits.find(knob);
    if (found != node.limits.end()) f(std::get<IdSet>(found->second).ids);
  }
  for (auto& action : scenario.actions) {
    if (has_setting(action) && action.knob == knob) f(std::get<IdSet>(action.value).ids);
  }
}

/// CPUs renamed to 0, 1, … in order, the same in all sets.
Scenario with_low_ids(Scenario scenario, Knob knob) {
  std::set<int> used;
  for_each_set(scenario, knob, [&](const auto& ids) { used.insert(ids.begin(), ids.end()); });
  const std::vector<int> in_order(used.begin(), used.end());
  for_each_set(scenario, knob, [&](auto& ids) {
    for (int& id : ids) {
      id = static_cast<int>(std::lower_bound(in_order.begin(), in_order.end(), id) - in_order.begin());
    }
  });
  return scenario;
}

/// The chosen set of the knob with fewer ids.
void add_smaller_sets(Candidates& candidates, const Scenario& scenario, Knob knob, size_t chosen,
                      const std::vector<int>& ids) {
  if (ids.size() < 2) return;
  const auto add = [&](const std::vector<int>& fewer) {
    candidates.push_back(scenario);
    size_t i = 0;
    for_each_set(candidates.back(), knob, [&](auto& set) {
      if (i++ == chosen) set = fewer;
    });
  };
  add({ids.front()});
  add({ids.back()});
  for (size_t i = 0; i < ids.size() && ids.size() > 2; ++i) {
    std::vector<int> fewer = ids;
    fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
    add(fewer);
  }
}

void add_plain_sets(Candidates& candidates, const Scenario& scenario) {
  for (const Knob knob : {Knob::CpusetCpus, Knob::CpusetMems}) {
    candidates.push_back(with_low_ids(scenario, knob));
    size_t chosen = 0;
    for_each_set(scenario, knob,
                 [&](const auto& ids) { add_smaller_sets(candidates, scenario, knob, chosen++, ids); });
  }
}

/// Usual periods with the quota that keeps the ratio, rounded.
void add_plain_bandwidths(Candidates& candidates, const Scenario& scenario) {
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const auto bandwidth = get<CpuBandwidth>(scenario.tree[node].limits, Knob::CpuMax);
    if (!bandwidth || !bandwidth->quota_us) continue;
    for (const int64_t period :
         {int64_t{10'000}, int64_t{100'000}, rounded_down(bandwidth->period_us, false)}) {
      const int64_t quota = *bandwidth->quota_us * period / bandwidth->period_us;
      const CpuBandwidth plain{std::max<int64_t>(1'000, rounded_down(quota, false)), period};
      candidates.push_back(scenario);
      candidates.back().tree[node].limits[Knob::CpuMax] = plain;
    }
  }
}

}  // namespace

std::vector<int64_t> plainer(int64_t value, int64_t least, bool is_bytes) {
  if (value < 0 && value != INT64_MIN) {
    std::vector<int64_t> list = plainer(-value, 0, is_bytes);
    for (int64_t& number : list) number = -number;
    return list;
  }
  std::vector<int64_t> list;
  const auto add = [&](int64_t candidate) {
    const bool is_new = std::find(list.begin(), list.end(), candidate) == list.end();
    if (candidate >= least && candidate != value && is_new) list.push_back(candidate);
  };
  if (is_bytes) {
    add(std::max(least, std::min(value, kMiB)));
    add(rounded_down(value, true));
    add(rounded_up(value, true));
    for (const int64_t unit : {kMiB, int64_t{64} << 10, int64_t{4096}}) {
      if (value >= unit) add(value / unit * unit);
    }
    return list;
  }
  constexpr int64_t kFew = 10;
  const int64_t unit = largest_power(10, std::max<int64_t>(1, value));
  if (value < kFew) add(least);  // none, of what was counted in single ones
  add(std::max<int64_t>(least, std::min<int64_t>(value, 1)));
  add(unit);
  add(rounded_down(value, false));
  add(rounded_up(value, false));
  if (unit >= 10) add(value / (unit / 10) * (unit / 10));
  return list;
}

Candidates plain_everything(const Scenario& scenario) {
  Candidates candidates;
  // Nearest; then so that loads press limits more, or less, than they did: a round limit and a round load
  // must not become equal where it matters which is greater.
  struct Ways {
    Way limit, load;
  };
  for (const Ways ways :
       {Ways{Way::Nearest, Way::Nearest}, Ways{Way::Down, Way::Up}, Ways{Way::Up, Way::Down}}) {
    Scenario plain = with_plain_names(with_low_ids(scenario, Knob::CpusetCpus));
    change_numbers(plain, [&](int64_t value, const NumberInfo& info) {
      const Way way = info.side == Side::Limit  ? ways.limit
                      : info.side == Side::Load ? ways.load
                                                : Way::Nearest;
      return rounded(value, info, way);
    });
    candidates.push_back(std::move(plain));
  }
  return candidates;
}

Candidates plain_names(const Scenario& scenario) {
  Candidates candidates{with_plain_names(scenario)};
  candidates.push_back(scenario);
  candidates.back().strategy = {};
  return candidates;
}

Candidates round_numbers(const Scenario& scenario) {
  Candidates candidates;
  add_plain_sets(candidates, scenario);
  add_plain_bandwidths(candidates, scenario);
  std::vector<std::pair<int64_t, NumberInfo>> numbers;
  Scenario counted = scenario;
  change_numbers(counted, [&](int64_t value, const NumberInfo& info) {
    numbers.emplace_back(value, info);
    return value;
  });
  for (size_t chosen = 0; chosen < numbers.size(); ++chosen) {
    const auto& [number, its_info] = numbers[chosen];
    for (const int64_t plain : plainer(number, its_info.least, its_info.is_bytes)) {
      Scenario candidate = scenario;
      size_t i = 0;
      change_numbers(candidate,
                     [&](int64_t value, const NumberInfo&) { return i++ == chosen ? plain : value; });
      candidates.push_back(std::move(candidate));
    }
  }
  return candidates;
}

}  // namespace treeline

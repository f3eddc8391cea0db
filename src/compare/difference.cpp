#include "compare/difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "search/trial.h"

namespace treeline {

namespace {

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Empty unless all are of type T.
template <typename T>
std::vector<T> all_as(const std::vector<FigureValue>& values) {
  std::vector<T> typed;
  for (const FigureValue& value : values) {
    if (const T* known = std::get_if<T>(&value)) typed.push_back(*known);
  }
  return typed.size() == values.size() ? typed : std::vector<T>{};
}

/// 0: they do not differ.
double size_of_numbers(const std::vector<double>& a, const std::vector<double>& b) {
  const auto [a_low, a_high] = std::minmax_element(a.begin(), a.end());
  const auto [b_low, b_high] = std::minmax_element(b.begin(), b.end());
  const double gap = std::max(*b_low - *a_high, *a_low - *b_high);
  const double noise = std::max(*a_high - *a_low, *b_high - *b_low);
  if (gap <= 0 || gap <= noise) return 0;
  return std::abs(mean(a) - mean(b)) / std::max(std::abs(mean(a)), std::abs(mean(b)));
}

double size_of_texts(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  const std::set<std::string> known(b.begin(), b.end());
  return std::none_of(a.begin(), a.end(), [&](const std::string& text) { return known.contains(text); }) ? 1
                                                                                                         : 0;
}

/// Empty if a run lacks it.
std::vector<FigureValue> values_of(const FigureId& id, const std::vector<Figures>& runs) {
  std::vector<FigureValue> values;
  for (const Figures& run : runs) {
    const auto found = run.find(id);
    if (found == run.end()) return {};
    values.push_back(found->second);
  }
  return values;
}

/// The figures of the old nodes; what an added node shows is left out.
Figures by_old_nodes(const Figures& figures, const std::vector<NodeId>& now) {
  Figures result;
  for (const auto& [id, value] : figures) {
    const auto old = std::find(now.begin(), now.end(), id.node);
    if (old == now.end()) continue;
    FigureId renamed = id;
    renamed.node = static_cast<NodeId>(old - now.begin());
    result.insert_or_assign(std::move(renamed), value);
  }
  return result;
}

template <typename Map>
Map common(const Map& a, const Map& b) {
  Map both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.end()));
  return both;
}

}  // namespace

Scenario perturbed(const Scenario& scenario, int k, const MachineFacts& machine) {
  Scenario other = scenario;
  if (k == 0) return other;
  constexpr int kSteps = 12;
  constexpr int64_t kSampleStepUs = 37;  // no divisor of a tick or of a period
  const auto letters = static_cast<size_t>(1 + k % 16);
  other.tree[kRoot].name = std::string(letters, static_cast<char>('a' + k % 26));
  other.window.length_us =
      std::min(kMaxWindowUs, scenario.window.length_us + k * machine.tick_ns() / 1'000 / kSteps);
  other.window.sample_every_us = std::min(kMaxWindowUs, scenario.window.sample_every_us + k * kSampleStepUs);
  return other;
}

std::vector<Difference> differences(const std::vector<Figures>& a, const std::vector<Figures>& b) {
  std::vector<Difference> found;
  if (a.empty()) return found;
  for (const auto& [id, ignored] : a.front()) {
    Difference difference{id, values_of(id, a), values_of(id, b), 0};
    if (difference.a.empty() || difference.b.empty()) continue;
    const auto a_numbers = all_as<double>(difference.a);
    const auto b_numbers = all_as<double>(difference.b);
    difference.size =
        !a_numbers.empty() && !b_numbers.empty()
            ? size_of_numbers(a_numbers, b_numbers)
            : size_of_texts(all_as<std::string>(difference.a), all_as<std::string>(difference.b));
    if (difference.size > 0) found.push_back(std::move(difference));
  }
  return found;
}

std::vector<Difference> rises(std::vector<Difference> found, const Tightened& tightened,
                              const Scenario& scenario, const MachineFacts& machine) {
  constexpr double kChargeBatchPages = 64;
  const auto cpus = static_cast<double>(machine.cpus.size());
  std::string_view figure = counter_info(Counter::PidsPeak).name;
  double slack = 0;
  if (tightened.knob == Knob::MemoryMax) {
    figure = counter_info(Counter::MemoryPeak).name;
    slack = cpus * kChargeBatchPages * static_cast<double>(machine.page_size);
  }
  if (tightened.knob == Knob::CpuMax) {
    figure = counter_info(Counter::CpuUsageNs).name;
    const auto limit = get<CpuBandwidth>(scenario.tree[tightened.node].limits, Knob::CpuMax);
    slack = static_cast<double>(limit->quota_us.value_or(0)) * 1'000;
    slack += cpus * static_cast<double>(machine.cfs_slice_us * 1'000 + machine.tick_ns());
    slack /= static_cast<double>(scenario.window.length_us) * 1'000;  // a share of the run's time
  }
  std::erase_if(found, [&](const Difference& difference) {
    if (difference.figure.node != tightened.node || difference.figure.name != figure) return true;
    const auto before = all_as<double>(difference.a);
    const auto after = all_as<double>(difference.b);
    return before.empty() || after.empty() || mean(after) <= mean(before) + slack;
  });
  return found;
}

Result<std::vector<Difference>> compare_scenario(Machine& a, Machine& b, const Scenario& scenario,
                                                 Transform transform) {
  const Transformed first = unchanged(scenario);
  const Transformed second = transform(scenario);
  if (transform == tightened && !second.tightened) return std::vector<Difference>{};  // nothing is said of it
  std::vector<Figures> of_a;
  std::vector<Figures> of_b;
  const auto judged = [&] {
    std::vector<Difference> found = differences(of_a, of_b);
    return second.tightened ? rises(std::move(found), *second.tightened, scenario, a.facts()) : found;
  };
  for (int repeat = 0; repeat < kConfirmed; ++repeat) {
    for (Machine* machine : {&a, &b}) {
      const int k = 2 * repeat + (machine == &b ? 1 : 0);
      const Transformed& made = machine == &a ? first : second;
      const Scenario asked = perturbed(made.scenario, k, machine->facts());
      const Result<Trial> trial = run_trial(*machine, asked);
      if (!trial) return tl::unexpected(trial.error());
      (machine == &a ? of_a : of_b)
          .push_back(by_old_nodes(figures_of(asked, trial->observation, trial->verdict), made.now));
    }
    if (repeat + 1 == kScreened && judged().empty()) break;
  }
  return judged();
}

Result<MachineFacts> common_facts(const MachineFacts& a, const MachineFacts& b) {
  if (a.mode != b.mode) {
    return fail(
        ErrorKind::InvalidInput, "compare the kernels", "", 0,
        fmt::format("one mounts cgroup {}, the other {}; name both with the same mode", a.mode, b.mode));
  }
  MachineFacts both = a;
  both.knobs = common(a.knobs, b.knobs);
  both.controllers = common(a.controllers, b.controllers);
  both.config = common(a.config, b.config);
  both.cpus.clear();
  std::set_intersection(a.cpus.begin(), a.cpus.end(), b.cpus.begin(), b.cpus.end(),
                        std::back_inserter(both.cpus));
  both.mems.clear();
  std::set_intersection(a.mems.begin(), a.mems.end(), b.mems.begin(), b.mems.end(),
                        std::back_inserter(both.mems));
  both.memory_bytes = std::min(a.memory_bytes, b.memory_bytes);
  both.swap_bytes = std::min(a.swap_bytes, b.swap_bytes);
  both.hz = std::min(a.hz, b.hz);  // windows are drawn long enough for the longer tick
  both.cfs_slice_us = std::max(a.cfs_slice_us, b.cfs_slice_us);
  both.base_slice_ns = std::max(a.base_slice_ns, b.base_slice_ns);
  if (a.device != b.device) both.device.clear();
  return both;
}

}  // namespace treeline

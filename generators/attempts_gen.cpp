#include "generators/attempts_gen.h"

#include <algorithm>
#include <numeric>

#include "generators/gens.h"
#include "generators/probes_gen.h"
#include "model/attempts.h"
#include "model/rules.h"

namespace treeline {

namespace {

using Kind = Action::Kind;

std::vector<Kind> attempt_kinds() {
  return {Kind::TryLimit,  Kind::TryMigrate,       Kind::TryRemove,
          Kind::TryCreate, Kind::TryControllerOff, Kind::TryControllerOn};
}

/// Values for one knob of one node; an emptied set besides what a probe tries.
std::vector<Action> draw_limits(const Tree& now, int64_t at_us, const MachineFacts& machine) {
  const NodeId node = *uniform(0, now.size() - 1);
  // A limit that is set can be at odds with its neighbours, and then binds on.
  std::vector<Knob> knobs(machine.knobs.begin(), machine.knobs.end());
  if (!now[node].limits.empty() && *chance(60)) {
    knobs.clear();
    for (const auto& [knob, value] : now[node].limits) knobs.push_back(knob);
  }
  if (knobs.empty()) return {};
  const Knob knob = *one_of(knobs);
  std::vector<KnobValue> values = *probe_values_gen(now, node, knob, machine);
  if (knob_info(knob).type == KnobType::IdSet) values.emplace_back(IdSet{});
  const auto own = get<CpuBandwidth>(now[node].limits, Knob::CpuMax).value_or(CpuBandwidth{});
  std::vector<Action> attempts;
  for (const KnobValue& value : values) {
    attempts.push_back({at_us, Kind::TryLimit, node, knob, value});
    const auto* bandwidth = std::get_if<CpuBandwidth>(&value);
    // On v1 the quota is tried only if the period stays.
    if (bandwidth) attempts.back().value = CpuBandwidth{bandwidth->quota_us, own.period_us};
    if (bandwidth) attempts.push_back({at_us, Kind::TryLimit, node, knob, value});
  }
  return attempts;
}

std::vector<Action> draw_candidates(const Scenario& scenario, const Tree& now, Kind kind, int64_t at_us,
                                    const MachineFacts& machine) {
  if (kind == Kind::TryLimit) return draw_limits(now, at_us, machine);
  std::vector<Action> candidates;
  for (NodeId node = 0; node < now.size(); ++node) {
    const Action attempt{at_us, kind, node};
    if (has_worker(attempt)) {
      for (size_t worker = 0; worker < scenario.workers.size(); ++worker) {
        candidates.push_back(attempt);
        candidates.back().worker = static_cast<int>(worker);
      }
    } else if (has_controller(attempt)) {
      for (const Controller controller : attempted_controllers()) {
        candidates.push_back(attempt);
        candidates.back().controller = controller;
      }
    } else {
      candidates.push_back(attempt);
    }
  }
  return candidates;
}

Scenario with_action(Scenario scenario, size_t at, const Action& action) {
  scenario.actions.insert(scenario.actions.begin() + static_cast<std::ptrdiff_t>(at), action);
  return scenario;
}

void add_attempt(Scenario& scenario, const std::vector<Kind>& kinds, const MachineFacts& machine) {
  const int64_t at_us =
      1'000 * *uniform<int64_t>(1, std::max<int64_t>(1, scenario.window.length_us / 1'000 - 1));
  const auto later = std::find_if(scenario.actions.begin(), scenario.actions.end(),
                                  [&](const Action& action) { return action.at_us > at_us; });
  const auto at = static_cast<size_t>(later - scenario.actions.begin());
  const Tree now = scenario_after(scenario, at, every_action).tree;
  std::vector<Action> candidates = draw_candidates(scenario, now, *one_of(kinds), at_us, machine);
  std::erase_if(candidates, [&](const Action& attempt) {
    const Scenario tried = with_action(scenario, at, attempt);
    return !validate(tried).empty() || unmet_attempt(tried, at, machine).has_value();
  });
  if (candidates.empty()) return;
  // It may stand in the way of other actions (a cpuset of v1 where CPUs go).
  Scenario tried = with_action(scenario, at, *one_of(candidates));
  if (unmet(tried, machine).empty()) scenario = std::move(tried);
}

}  // namespace

rc::Gen<Scenario> with_attempts(const Scenario& scenario, int most, const Constraints& constraints) {
  return rc::gen::exec([=] {
    Scenario result = scenario;
    std::vector<Kind> kinds = *each_with(60, attempt_kinds());
    if (kinds.empty()) kinds = {Kind::TryLimit};
    const int count = *uniform(1, most);
    for (int i = 0; i < count && result.actions.size() < kMaxActions; ++i) {
      add_attempt(result, kinds, constraints.machine);
    }
    return result;
  });
}

}  // namespace treeline

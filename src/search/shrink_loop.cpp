#include "search/shrink_loop.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "generators/shrink.h"
#include "model/json.h"
#include "search/in_order.h"

namespace treeline {

namespace {

/// Passes after which a scenario that fails at `rate` would have shown with 99%. The estimate leans to the
/// low side: half a violation and half a pass are added to what was seen (Krichevsky and Trofimov).
int passes_for(Rate rate) {
  constexpr int kLeast = 4;  // a smaller one may fail less often than the current one
  constexpr int kMost = 40;
  const double estimate = (rate.violated + 0.5) / (rate.runs + 1.0);
  const double passes = std::log(0.01) / std::log(1 - std::min(estimate, 0.999));
  return std::clamp(static_cast<int>(std::ceil(passes)), kLeast, kMost);
}

/// Nodes, actions, workers and limits; not the numbers in them.
Size shape_of(const Scenario& scenario) {
  Size size = size_of(scenario);
  size.detail = 0;
  return size;
}

}  // namespace

ShrinkLoop::ShrinkLoop(Machine& machine, Signature signature, Rate rate, Budget budget, BeforeRun before_run,
                       OnTrouble on_trouble, Try try_out)
    : machine_(machine),
      signature_(std::move(signature)),
      first_passes_due_(machine.deterministic() ? 1 : passes_for(rate)),
      passes_due_(first_passes_due_),
      current_rate_(rate),
      budget_(budget),
      before_run_(std::move(before_run)),
      on_trouble_(std::move(on_trouble)),
      try_(std::move(try_out)) {
  if (!try_) try_ = [this](const Scenario& scenario) { return run_trial(machine_, scenario); };
}

bool ShrinkLoop::exhausted(int runs_begun) const {
  return stopped_ || runs_begun >= budget_.runs || std::chrono::steady_clock::now() >= budget_.deadline;
}

ShrinkLoop::Rule ShrinkLoop::rule_for(const Scenario& current, const Scenario& candidate,
                                      int passes_allowed) const {
  if (shape_of(candidate) != shape_of(current)) {
    return {2, passes_allowed, std::max(passes_allowed, passes_due_), false};
  }
  constexpr int kViolations = 3;
  const int others = current_rate_.runs - current_rate_.violated;
  const int passes = current_rate_.violated > 0 ? kViolations * others / current_rate_.violated : 0;
  return {kViolations, passes + 1, passes + 1, current_is_sturdy_};
}

void ShrinkLoop::note(History& history, const Scenario& candidate, Result<Trial> trial, bool only_sturdy) {
  ++runs_;
  if (!trial) {
    on_trouble_(trial.error());
    history.trouble = true;
  } else if (violates(trial->verdict, signature_, machine_.facts().mode)) {
    ++history.violated;
    if (!only_sturdy || withstands_noise(candidate, *trial, signature_)) ++history.counted;
    history.trial = std::move(*trial);
  } else {
    ++history.passed;
  }
}

bool ShrinkLoop::accepts(const Scenario& candidate, const Rule& rule) {
  History& history = histories_[to_json(candidate)];
  while (history.counted < rule.violations) {
    const int passes = history.violated > 0 ? rule.passes_if_failed : rule.passes;
    const int unsure = history.violated - history.counted;
    if (history.passed + unsure >= passes || history.trouble || exhausted(runs_)) break;
    if (!before_run_(candidate, 0)) {
      stopped_ = true;
      break;
    }
    note(history, candidate, try_(candidate), rule.sturdy);
  }
  if (history.trouble) skipped_any_ = true;
  if (history.counted < rule.violations) return false;
  // It becomes the current one: what is smaller fails about as often as it did.
  current_rate_ = history.rate();
  if (machine_.deterministic()) return true;
  current_is_sturdy_ = withstands_noise(candidate, *history.trial, signature_);
  passes_due_ = std::max(first_passes_due_, passes_for(current_rate_));
  return true;
}

bool ShrinkLoop::sweep(Scenario& current, int passes_allowed) {
  if (machine_.deterministic()) return sweep_side_by_side(current);
  rc::Seq<Scenario> candidates = shrinks(current, machine_.facts());
  while (!exhausted(runs_)) {
    const auto candidate = candidates.next();
    if (!candidate) return false;
    if (!accepts(*candidate, rule_for(current, *candidate, passes_allowed))) continue;
    current = *candidate;
    return true;
  }
  return false;
}

/// One run settles each candidate. What was begun after the first that violates is as if it had not been.
bool ShrinkLoop::sweep_side_by_side(Scenario& current) {
  rc::Seq<Scenario> candidates = shrinks(current, machine_.facts());
  std::set<std::string> begun;
  const int runs_before = runs_;
  const auto next = [&](int lane) -> std::optional<Scenario> {
    while (!exhausted(runs_before + static_cast<int>(begun.size()))) {
      auto candidate = candidates.next();
      if (!candidate) return std::nullopt;
      const std::string name = to_json(*candidate);
      if (const auto known = histories_.find(name); known != histories_.end()) {
        if (known->second.trouble) skipped_any_ = true;
        continue;
      }
      if (!begun.insert(name).second) continue;
      if (before_run_(*candidate, lane)) return std::move(*candidate);
      stopped_ = true;
    }
    return std::nullopt;
  };
  InOrder<Scenario, Result<Trial>> trials(machine_.lanes(), next,
                                          [&](const Scenario& candidate) { return try_(candidate); });
  while (auto ended = trials.take()) {
    auto& [candidate, trial] = *ended;
    History& history = histories_[to_json(candidate)];
    note(history, candidate, std::move(trial), false);
    if (history.trouble) skipped_any_ = true;
    if (history.violated == 0) continue;
    current_rate_ = history.rate();
    current = std::move(candidate);
    return true;
  }
  return false;
}

ShrinkLoop::Outcome ShrinkLoop::run(Scenario scenario, bool sturdy) {
  Outcome outcome;
  current_is_sturdy_ = sturdy;
  while (!exhausted(runs_)) {
    skipped_any_ = false;
    if (sweep(scenario, 1)) continue;
    if (exhausted(runs_)) break;
    if (sweep(scenario, passes_due_)) continue;
    if (exhausted(runs_)) break;
    outcome.proven = !skipped_any_;
    break;
  }
  if (const auto found = histories_.find(to_json(scenario)); found != histories_.end()) {
    outcome.trial = std::move(found->second.trial);
    outcome.rate = found->second.rate();
  }
  outcome.scenario = std::move(scenario);
  outcome.runs = runs_;
  return outcome;
}

}  // namespace treeline

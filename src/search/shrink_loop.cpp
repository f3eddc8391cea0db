#include "search/shrink_loop.h"

#include <algorithm>
#include <cmath>

#include "generators/shrink.h"
#include "model/json.h"

namespace treeline {

namespace {

/// Passes after which a scenario that fails at `rate` would have shown with 99%. The estimate leans to the
/// low side: half a violation and half a pass are added to what was seen (Krichevsky and Trofimov).
int passes_for(Rate rate) {
  constexpr int kMost = 40;
  const double estimate = (rate.violated + 0.5) / (rate.runs + 1.0);
  const double passes = std::log(0.01) / std::log(1 - std::min(estimate, 0.999));
  return std::clamp(static_cast<int>(std::ceil(passes)), 1, kMost);
}

}  // namespace

ShrinkLoop::ShrinkLoop(Machine& machine, Signature signature, Rate rate, Budget budget, BeforeRun before_run,
                       OnTrouble on_trouble)
    : machine_(machine),
      signature_(std::move(signature)),
      violations_needed_(machine.deterministic() ? 1 : 2),
      first_passes_due_(machine.deterministic() ? 1 : passes_for(rate)),
      passes_due_(first_passes_due_),
      budget_(budget),
      before_run_(std::move(before_run)),
      on_trouble_(std::move(on_trouble)) {}

bool ShrinkLoop::exhausted() const {
  return stopped_ || runs_ >= budget_.runs || std::chrono::steady_clock::now() >= budget_.deadline;
}

bool ShrinkLoop::accepts(const Scenario& candidate, int passes_allowed) {
  History& history = histories_[to_json(candidate)];
  while (history.violated < violations_needed_) {
    if (history.passed >= passes_allowed || history.trouble || exhausted()) break;
    if (!before_run_(candidate)) {
      stopped_ = true;
      break;
    }
    ++runs_;
    Result<Trial> trial = run_trial(machine_, candidate);
    if (!trial) {
      on_trouble_(trial.error());
      history.trouble = true;
    } else if (violates(trial->verdict, signature_, machine_.facts().mode)) {
      ++history.violated;
      history.trial = std::move(*trial);
      // One that has failed is worth more patience than one that never did.
      passes_allowed = std::max(passes_allowed, passes_due_);
    } else {
      ++history.passed;
    }
  }
  if (history.trouble) skipped_any_ = true;
  if (history.violated < violations_needed_) return false;
  // It becomes the current one: what is smaller fails about as often as it did.
  const Rate rate{history.violated, history.violated + history.passed};
  if (!machine_.deterministic()) passes_due_ = std::max(first_passes_due_, passes_for(rate));
  return true;
}

bool ShrinkLoop::sweep(Scenario& current, int passes_allowed) {
  rc::Seq<Scenario> candidates = shrinks(current, machine_.facts());
  while (!exhausted()) {
    const auto candidate = candidates.next();
    if (!candidate) return false;
    if (!accepts(*candidate, passes_allowed)) continue;
    current = *candidate;
    return true;
  }
  return false;
}

ShrinkLoop::Outcome ShrinkLoop::run(Scenario scenario) {
  Outcome outcome;
  while (!exhausted()) {
    skipped_any_ = false;
    if (sweep(scenario, 1)) continue;
    if (exhausted()) break;
    if (sweep(scenario, passes_due_)) continue;
    if (exhausted()) break;
    outcome.proven = !skipped_any_;
    break;
  }
  if (const auto found = histories_.find(to_json(scenario)); found != histories_.end()) {
    outcome.trial = std::move(found->second.trial);
    outcome.rate = {found->second.violated, found->second.violated + found->second.passed};
  }
  outcome.scenario = std::move(scenario);
  outcome.runs = runs_;
  return outcome;
}

}  // namespace treeline

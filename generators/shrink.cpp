#include "generators/shrink.h"

#include <array>
#include <memory>

#include "generators/shrink_steps.h"
#include "generators/workload_gen.h"
#include "model/rules.h"

namespace treeline {

namespace {

constexpr std::array<ShrinkStep, 13> kSteps{
    drop_subtrees,    hoist_children, drop_actions,     join_actions,       drop_probes,
    drop_workers,     clear_limits,   simplify_threads, simplify_workloads, shorten_window,
    plain_everything, plain_names,    round_numbers};

/// Runs the steps one after the other, each only when its turn comes.
class Steps {
 public:
  Steps(const Scenario& scenario, MachineFacts machine)
      : origin_(std::make_shared<Origin>(Origin{scenario, size_of(scenario), std::move(machine)})) {}

  rc::Maybe<Scenario> operator()() {
    while (true) {
      while (next_ < candidates_.size()) {
        Scenario& candidate = candidates_[next_++];
        candidate.requirements = requirements_of(candidate, origin_->machine);
        if (is_acceptable(candidate)) return std::move(candidate);
      }
      if (step_ == kSteps.size()) return rc::Nothing;
      candidates_ = kSteps[step_++](origin_->scenario);
      next_ = 0;
    }
  }

 private:
  struct Origin {
    Scenario scenario;
    Size size;
    MachineFacts machine;
  };

  bool is_acceptable(const Scenario& candidate) const {
    return size_of(candidate) < origin_->size && validate(candidate).empty() &&
           unmet(candidate, origin_->machine).empty();
  }

  std::shared_ptr<const Origin> origin_;
  Candidates candidates_;
  size_t step_ = 0;
  size_t next_ = 0;
};

}  // namespace

rc::Seq<Scenario> shrinks(const Scenario& scenario, const MachineFacts& machine) {
  return rc::makeSeq<Steps>(scenario, machine);
}

rc::Shrinkable<Scenario> shrinkable(Scenario scenario, MachineFacts machine) {
  return rc::shrinkable::shrinkRecur(
      std::move(scenario),
      [machine = std::move(machine)](const Scenario& from) { return shrinks(from, machine); });
}

}  // namespace treeline

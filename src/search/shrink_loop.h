#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "model/counterexample.h"
#include "search/trial.h"

namespace treeline {

/// Walks a scenario down its shrinks (generators/shrink.h) while it violates the same signature.
///
/// On a deterministic machine one run settles a candidate. As many as the machine has lanes are tried at
/// once; which is taken, and how many runs count, is the same as one after another.
///
/// On a machine that is not deterministic a candidate of another shape (fewer nodes, actions, workers or
/// limits) counts once it has violated twice, and it is given up after so many passes that one that fails at
/// the rate of the current one, or of the first if that is lower, would have shown with 99%:
/// (1−rate)^passes ≤ 1%. On the way down one pass is enough to go on to the next candidate; only where no
/// candidate is left are they all given their due.
/// One of the same shape, in which only numbers are plainer or the window shorter, must be as sure as the
/// current one: it violates three times before it has passed more often than the current one would have, and
/// withstands as much noise. Else the window would shrink until only a quiet moment shows the failure.
class ShrinkLoop {
 public:
  struct Budget {
    int runs = 0;
    std::chrono::steady_clock::time_point deadline;
  };
  struct Outcome {
    Scenario scenario;
    std::optional<Trial> trial;  ///< A violating run of it; empty if nothing smaller was found.
    Rate rate;                   ///< Over the runs that the loop made of it.
    int runs = 0;
    bool proven = false;
  };
  /// Called before each run, with the machine's lane (search/in_order.h) in which it will be; false ends the
  /// search for smaller ones (the disk is full).
  using BeforeRun = std::function<bool(const Scenario&, int lane)>;
  using OnTrouble = std::function<void(const Error&)>;
  /// Runs and judges a candidate; several threads may ask, as many as the machine has lanes.
  using Try = std::function<Result<Trial>(const Scenario&)>;

  /// `try_out`: run_trial() on the machine, if it is empty.
  ShrinkLoop(Machine& machine, Signature signature, Rate rate, Budget budget, BeforeRun before_run,
             OnTrouble on_trouble, Try try_out = {});
  /// `sturdy`: the run in which it was found withstands noise (search/trial.h).
  Outcome run(Scenario scenario, bool sturdy = false);

 private:
  struct History {
    int violated = 0;
    int counted = 0;  ///< Of the violated ones: as sturdy as the rule asks.
    int passed = 0;
    bool trouble = false;
    std::optional<Trial> trial;
    Rate rate() const { return {violated, violated + passed}; }
  };
  /// What a candidate has to show.
  struct Rule {
    int violations = 1;
    int passes = 1;            ///< After that many it is given up.
    int passes_if_failed = 1;  ///< One that has failed is worth more patience than one that never did.
    bool sturdy = false;
  };
  Rule rule_for(const Scenario& current, const Scenario& candidate, int passes_allowed) const;
  bool accepts(const Scenario& candidate, const Rule& rule);
  /// Takes a run into the history.
  void note(History& history, const Scenario& candidate, Result<Trial> trial, bool only_sturdy);
  /// Goes on to the first candidate that is accepted. False if there is none.
  bool sweep(Scenario& current, int passes_allowed);
  bool sweep_side_by_side(Scenario& current);
  bool exhausted(int runs_begun) const;

  Machine& machine_;
  Signature signature_;
  int first_passes_due_;
  int passes_due_;
  Rate current_rate_;
  bool current_is_sturdy_ = false;
  Budget budget_;
  BeforeRun before_run_;
  OnTrouble on_trouble_;
  Try try_;
  std::map<std::string, History> histories_;
  int runs_ = 0;
  bool stopped_ = false;
  bool skipped_any_ = false;
};

}  // namespace treeline

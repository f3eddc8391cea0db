#include "nightly/bandit.h"

#include <algorithm>
#include <cassert>

namespace treeline {

namespace {

/// What a visit still counts for at the next one.
constexpr double kFading = 0.7;
/// As if one behaviour more had been seen in one second more: short visits prove little.
constexpr double kPriorFresh = 1;
constexpr double kPriorSeconds = 1;
constexpr uint64_t kTurnOfTheWaiting = 4;

}  // namespace

double Bandit::Arm::rate() const { return (fresh + kPriorFresh) / (seconds + kPriorSeconds); }

bool Bandit::all_retired() const {
  return std::all_of(arms_.begin(), arms_.end(), [](const Arm& arm) { return arm.retired; });
}

size_t Bandit::choose() const {
  assert(!all_retired());
  const bool is_turn_of_the_waiting = visits_ % kTurnOfTheWaiting == kTurnOfTheWaiting - 1;
  const auto is_better = [&](const Arm& one, const Arm& other) {
    if (one.retired != other.retired) return other.retired;
    const bool unseen = one.last_visit == 0 || other.last_visit == 0;
    if (unseen || is_turn_of_the_waiting || one.rate() == other.rate()) {
      return one.last_visit < other.last_visit;
    }
    return one.rate() > other.rate();
  };
  size_t best = 0;
  for (size_t arm = 1; arm < arms_.size(); ++arm) {
    if (is_better(arms_[arm], arms_[best])) best = arm;
  }
  return best;
}

void Bandit::note(size_t arm, int64_t fresh, double seconds) {
  Arm& visited = arms_[arm];
  visited.last_visit = ++visits_;
  visited.fresh = kFading * visited.fresh + static_cast<double>(fresh);
  visited.seconds = kFading * visited.seconds + seconds;
}

}  // namespace treeline

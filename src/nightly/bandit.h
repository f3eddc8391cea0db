#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace treeline {

/// Which arm to spend the next slice of time on. At first each in turn; then the one with the greatest
/// smoothed rate of new behaviours per second, of which older visits count less and less; and each fourth
/// slice goes to the arm that has waited longest, so that none is given up for good. Equal arms: the one that
/// has waited longer.
class Bandit {
 public:
  explicit Bandit(size_t arms) : arms_(arms) {}

  /// The arm that is to be visited next. There must be one that was not retired.
  size_t choose() const;
  /// A visit: how many behaviours were new in it, and how long it took.
  void note(size_t arm, int64_t fresh, double seconds);
  /// Its machine is lost: never chosen again.
  void retire(size_t arm) { arms_[arm].retired = true; }
  bool all_retired() const;

 private:
  struct Arm {
    uint64_t last_visit = 0;  ///< 0: never.
    double fresh = 0;         ///< Both fade from visit to visit.
    double seconds = 0;
    bool retired = false;
    double rate() const;
  };
  std::vector<Arm> arms_;
  uint64_t visits_ = 0;
};

}  // namespace treeline

#pragma once

#include <chrono>
#include <string>

#include "search/search.h"

namespace treeline::cli {

/// Live progress: one line that is rewritten on a terminal, else a plain line every few seconds, on stderr.
class Display {
 public:
  /// `count` and `time` are the search's ends; 0 where there is none.
  Display(uint64_t count, std::chrono::milliseconds time);
  void show(const Progress& progress);
  /// Clears the rewritten line.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  std::string line(const Progress& progress, Clock::time_point now) const;

  bool terminal_;
  uint64_t count_;
  std::chrono::milliseconds time_;
  Clock::time_point began_;
  Clock::time_point next_;
};

}  // namespace treeline::cli

#include "cli/display.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "search/summary.h"

namespace treeline::cli {

namespace {

using Seconds = std::chrono::duration<double>;

const char* phase_name(Progress::Phase phase) {
  switch (phase) {
    case Progress::Phase::Running:
      return "running";
    case Progress::Phase::Confirming:
      return "confirming";
    case Progress::Phase::Shrinking:
      break;
  }
  return "shrinking";
}

}  // namespace

Display::Display(uint64_t count, std::chrono::milliseconds time)
    : terminal_(::isatty(STDERR_FILENO) == 1),
      count_(count),
      time_(time),
      began_(Clock::now()),
      next_(began_) {}

std::string Display::line(const Progress& progress, Clock::time_point now) const {
  const SearchResult& result = *progress.so_far;
  const double elapsed = Seconds(now - began_).count();
  const double rate = elapsed > 0 ? static_cast<double>(result.scenarios) / elapsed : 0;
  const Counts counts = counts_of(result);
  double left = time_.count() > 0 ? Seconds(time_).count() - elapsed : -1;
  if (count_ > 0 && rate > 0) {
    const double by_count = static_cast<double>(count_ - std::min(count_, result.scenarios)) / rate;
    left = left < 0 ? by_count : std::min(left, by_count);
  }
  std::string text = fmt::format("{} cases, {:.1f}/s | {} held, {} violated, {} inconclusive",
                                 result.scenarios, rate, counts.held, counts.violated, counts.inconclusive);
  if (result.infrastructure_errors > 0) text += fmt::format(", {} errors", result.infrastructure_errors);
  text += fmt::format(" | {} {} #{}, {} nodes", phase_name(progress.phase), progress.property->name,
                      progress.index, progress.size.nodes);
  return left >= 0 ? text + fmt::format(" | {:.0f} s left", left) : text;
}

void Display::show(const Progress& progress) {
  const Clock::time_point now = Clock::now();
  if (now < next_) return;
  next_ = now + (terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(5'000));
  const std::string text = line(progress, now);
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r\033[K" : "", text, terminal_ ? "" : "\n");
  std::fflush(stderr);
}

void Display::finish() {
  if (terminal_) fmt::print(stderr, "\r\033[K");
}

}  // namespace treeline::cli

#include "cli/display.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "oracle/oracle.h"

namespace treeline::cli {

namespace {

using Seconds = std::chrono::duration<double>;

struct Counts {
  uint64_t held = 0;
  uint64_t violated = 0;
  uint64_t inconclusive = 0;
};

Counts counts_of(const SearchResult& result) {
  Counts sum;
  for (const auto& [name, tally] : result.tallies) {
    sum.held += tally.held;
    sum.violated += tally.violated;
    sum.inconclusive += tally.inconclusive;
  }
  return sum;
}

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

std::string summary(const SearchResult& result) {
  std::string text =
      fmt::format("{:<26}{:>8}{:>10}{:>14}{:>9}\n", "invariant", "held", "violated", "inconclusive", "worst");
  for (const Invariant& invariant : invariants()) {
    const auto found = result.tallies.find(std::string(invariant.name));
    const InvariantTally tally = found == result.tallies.end() ? InvariantTally{} : found->second;
    text += fmt::format("{:<26}{:>8}{:>10}{:>14}{:>9}\n", invariant.name, tally.held, tally.violated,
                        tally.inconclusive,
                        tally.worst_margin > 0 ? fmt::format("{:.2f}", tally.worst_margin) : "-");
  }
  text += fmt::format("\n{:<26}{:>10}{:>14}\n", "property", "scenarios", "per minute");
  for (const auto& [name, count] : result.scenarios_by_property) {
    const double seconds = result.seconds_by_property.at(name);
    text += fmt::format("{:<26}{:>10}{:>14.0f}\n", name, count,
                        seconds > 0 ? static_cast<double>(count) * 60 / seconds : 0);
  }
  const Counts counts = counts_of(result);
  text += fmt::format(
      "\n{} scenarios: {} checks held, {} violated, {} inconclusive; {} infrastructure errors\n",
      result.scenarios, counts.held, counts.violated, counts.inconclusive, result.infrastructure_errors);
  for (const Error& error : result.errors) text += fmt::format("  {}\n", to_string(error));
  return text;
}

}  // namespace treeline::cli

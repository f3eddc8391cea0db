#include "nightly/summary.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/json.h"
#include "search/search.h"
#include "store/failures.h"
#include "store/history.h"

namespace treeline {

namespace {

JudgedFailure judged(NightFailure failure, const SummaryInput& input) {
  JudgedFailure result;
  if (failure.flaky) {
    result.standing = Standing::Flaky;
  } else if (const KnownFailure* entry = find_listed(input.known, failure.machine, failure.release,
                                                     failure.signature, failure.example)) {
    result.standing = Standing::Listed;
    result.reason = entry->reason;
  } else if (failure.known_since && failure.signature_is_known) {
    result.standing = Standing::Known;
  }
  const auto options = input.replay_options.find(failure.machine);
  result.replay_command =
      replay_command(failure.file, failure.fault,
                     fmt::format(" --machine {}{}", shell_quoted(failure.machine),
                                 options == input.replay_options.end() ? "" : options->second));
  result.failure = std::move(failure);
  return result;
}

/// Of the listed failures that concern a machine: which were seen, and which were not.
Result<void> look_for_listed(ResultsDb& results, const std::vector<KnownFailure>& known,
                             NightSummary& summary) {
  for (const KnownFailure& entry : known) {
    for (const NightRunCounts& run : summary.runs) {
      if (!entry.concerns(run.machine, run.release, run.mode)) continue;
      const bool was_kept =
          std::any_of(summary.failures.begin(), summary.failures.end(), [&](const JudgedFailure& seen) {
            return seen.failure.machine == run.machine && !seen.failure.flaky &&
                   entry.is(seen.failure.signature, seen.failure.example);
          });
      if (was_kept) continue;
      const Result<Judgements> counts = judgements(results, run.run, entry.signature.invariant);
      if (!counts) return tl::unexpected(counts.error());
      const std::string title = title_of(entry.signature, run.fault);
      if (!entry.tree && counts->violated > 0) {
        summary.listed_and_seen.push_back(fmt::format("{} on {}: violated {} times; {}", title, run.machine,
                                                      counts->violated, entry.reason));
      } else if (counts->held == 0) {
        summary.stopped.push_back(
            {title, run.machine, fmt::format("could not be judged; listed because: {}", entry.reason)});
      } else {
        summary.stopped.push_back(
            {title, run.machine,
             fmt::format("did not fail, and its invariant held {} times; listed because: {}", counts->held,
                         entry.reason)});
      }
    }
  }
  return {};
}

Result<void> look_for_held(ResultsDb& results, NightSummary& summary) {
  const Result<std::vector<EarlierFailure>> earlier = failures_before(results, summary.night);
  if (!earlier) return tl::unexpected(earlier.error());
  for (const EarlierFailure& failure : *earlier) {
    for (const NightRunCounts& run : summary.runs) {
      if (failure.fault != run.fault || failure.signature.mode != run.mode) continue;
      const auto status = replay_status(results, run.run, replay_draw(failure.example));
      if (!status) return tl::unexpected(status.error());
      if (*status != Status::Held) continue;
      summary.held.push_back({title_of(failure.signature, failure.fault), run.machine,
                              fmt::format("first seen {}, last seen {}; held when it was replayed",
                                          time_text(failure.first_seen), time_text(failure.last_seen))});
    }
  }
  return {};
}

std::string text_of(const JudgedFailure& judged) {
  const NightFailure& failure = judged.failure;
  std::string text = fmt::format("  {} on {} (Linux {})\n", title_of(failure.signature, failure.fault),
                                 failure.machine, failure.release);
  if (failure.known_since) text += fmt::format("    known since {}", time_text(*failure.known_since));
  if (failure.known_since) text += failure.signature_is_known ? "\n" : ", but never seen on this machine\n";
  if (!judged.reason.empty()) text += fmt::format("    listed because: {}\n", judged.reason);
  text += fmt::format("    {} in {} of {} runs\n", judged.standing == Standing::Flaky ? "confirmed" : "fails",
                      failure.violated, failure.runs);
  return text + indented(draw(failure.example)) + fmt::format("    again: {}\n\n", judged.replay_command);
}

std::string section(const NightSummary& summary, const char* title, Standing standing) {
  std::string text;
  for (const JudgedFailure& failure : summary.failures) {
    if (failure.standing == standing) text += text_of(failure);
  }
  return text.empty() ? "" : fmt::format("{}:\n{}", title, text);
}

std::string section(const char* title, const std::vector<Quiet>& entries) {
  std::string text;
  for (const Quiet& entry : entries) {
    text += fmt::format("  {} on {}: {}\n", entry.title, entry.machine, entry.says);
  }
  return text.empty() ? "" : fmt::format("{}:\n{}\n", title, text);
}

std::string section(const char* title, const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += fmt::format("  {}\n", line);
  return text.empty() ? "" : fmt::format("{}:\n{}\n", title, text);
}

std::string table(const std::vector<NightRunCounts>& runs) {
  size_t width = 8;
  for (const NightRunCounts& run : runs) width = std::max(width, run.machine.size() + 2);
  std::string text =
      fmt::format("{:<{}}{:>9}{:>10}{:>8}{:>10}{:>14}{:>8}{:>16}\n", "machine", width, "replayed", "explored",
                  "held", "violated", "inconclusive", "errors", "new behaviours");
  for (const NightRunCounts& run : runs) {
    text +=
        fmt::format("{:<{}}{:>9}{:>10}{:>8}{:>10}{:>14}{:>8}{:>16}\n", run.machine, width, run.replayed,
                    run.explored, run.held, run.violated, run.inconclusive, run.errors, run.new_behaviours);
  }
  return text + "\n";
}

std::string verdict_line(const NightSummary& summary) {
  const auto count = [&](Standing standing) {
    return std::count_if(summary.failures.begin(), summary.failures.end(),
                         [&](const JudgedFailure& failure) { return failure.standing == standing; });
  };
  const auto fresh = count(Standing::New);
  std::string text = fmt::format(
      "{} new failure{}, {} known, {} listed, {} flaky", fresh, fresh == 1 ? "" : "s", count(Standing::Known),
      count(Standing::Listed) + static_cast<int64_t>(summary.listed_and_seen.size()), count(Standing::Flaky));
  if (summary.running) return text + "; the night is not at its end\n";
  return text + fmt::format("; exit code {}\n", exit_code_of(summary));
}

}  // namespace

Result<NightSummary> summarize(ResultsDb& results, const Night& night, const SummaryInput& input) {
  NightSummary summary;
  summary.night = night;
  summary.running = !night.ended_at;
  summary.left_out = input.left_out;
  summary.not_replayed = input.not_replayed;
  Result<std::vector<NightRunCounts>> runs = night_runs(results, night);
  if (!runs) return tl::unexpected(runs.error());
  summary.runs = std::move(*runs);
  Result<std::vector<NightFailure>> failures = night_failures(results, night);
  if (!failures) return tl::unexpected(failures.error());
  for (NightFailure& failure : *failures) summary.failures.push_back(judged(std::move(failure), input));
  if (Result<void> looked = look_for_listed(results, input.known, summary); !looked) {
    return tl::unexpected(looked.error());
  }
  if (Result<void> looked = look_for_held(results, summary); !looked) return tl::unexpected(looked.error());
  return summary;
}

int exit_code_of(const NightSummary& summary) {
  const bool is_red = std::any_of(summary.failures.begin(), summary.failures.end(),
                                  [](const JudgedFailure& f) { return f.standing == Standing::New; });
  if (is_red) return exit_code::kViolated;
  int64_t scenarios = 0, errors = 0, checks_held = 0;
  for (const NightRunCounts& run : summary.runs) {
    scenarios += run.replayed + run.explored;
    errors += run.errors;
    checks_held += run.checks_held;
  }
  const bool has_lost = std::any_of(summary.left_out.begin(), summary.left_out.end(), [](const LeftOut& one) {
    return one.why.kind == ErrorKind::Infrastructure;
  });
  if (has_lost || (errors > 0 && errors >= scenarios)) return exit_code::kInfrastructure;
  if (scenarios == 0) return exit_code::kUnavailable;
  return checks_held > 0 ? exit_code::kHeld : exit_code::kInconclusive;
}

std::string to_text(const NightSummary& summary) {
  const Night& night = summary.night;
  std::string took =
      summary.running ? "runs for at most" : fmt::format("took {}", *night.ended_at - night.began_at);
  // One that was merged from jobs has no budget of its own.
  if (night.budget_s > 0) took += fmt::format("{}{}", summary.running ? " " : " of ", night.budget_s);
  std::string text = fmt::format("night {}: began {}, {} s, seed {}\n\n", night.folder,
                                 time_text(night.began_at), took, night.seed);
  text += table(summary.runs);
  text += section(summary, "NEW", Standing::New);
  text += section(summary, "KNOWN, not listed, and still failing", Standing::Known);
  text += section(summary, "listed as known, and still failing", Standing::Listed);
  text += section("listed as known, and still failing (counted, not pursued)", summary.listed_and_seen);
  text += section("listed as known, and NOT failing", summary.stopped);
  text += section("failed before, and held", summary.held);
  text += section(summary, "flaky: seen, and not again when confirmed", Standing::Flaky);
  text += section("not replayed, since the time was up", summary.not_replayed);
  std::vector<std::string> left_out;
  for (const LeftOut& one : summary.left_out) {
    left_out.push_back(fmt::format("{}: {}", one.machine, to_string(one.why)));
  }
  text += section("left out", left_out);
  return text + verdict_line(summary);
}

}  // namespace treeline

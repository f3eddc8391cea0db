#include "store/history.h"

#include <fmt/format.h>

#include <ctime>

#include "model/json.h"
#include "search/search.h"
#include "store/failures.h"

namespace treeline {

namespace {

std::string text_of(const StoredFailure& entry) {
  std::string text = fmt::format(
      "  {}\n    first seen {}, last seen {}, {} time{}; its minimum fails in {} of {} runs\n    on {}\n",
      title_of(entry.signature, entry.fault), time_text(entry.first_seen), time_text(entry.last_seen),
      entry.times, entry.times == 1 ? "" : "s", entry.violated, entry.runs, entry.kernels);
  if (const Result<Scenario> example = scenario_from_json(entry.example)) text += indented(draw(*example));
  return text + fmt::format("    last file: {}\n\n", entry.file);
}

Result<std::string> totals(ResultsDb& results, int64_t since) {
  Result<Statement> row = results.database().prepare(R"(
    SELECT count(DISTINCT r.id), count(s.id), count(DISTINCT r.kernel),
           coalesce(sum(s.status = 1), 0), coalesce(sum(s.status = 3), 0), coalesce(sum(s.status = 2), 0),
           count(s.id) - count(s.status)
    FROM runs r LEFT JOIN scenarios s ON s.run = r.id WHERE coalesce(r.ended_at, r.began_at) >= ?)");
  if (!row) return tl::unexpected(row.error());
  const Result<bool> stepped = row->bind(since).step();
  if (!stepped) return tl::unexpected(stepped.error());
  return fmt::format(
      "since {}: {} runs on {} kernels, {} scenarios: {} held, {} violated, {} inconclusive, {} errors\n",
      time_text(since), row->number(0), row->number(2), row->number(1), row->number(3), row->number(4),
      row->number(5), row->number(6));
}

}  // namespace

std::string time_text(int64_t unix_seconds, const char* format) {
  const std::time_t time = unix_seconds;
  std::tm local{};
  ::localtime_r(&time, &local);
  char text[32];
  std::strftime(text, sizeof text, format, &local);
  return text;
}

Result<int64_t> time_from_text(const std::string& text) {
  for (const char* form : {"%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    std::tm local{};
    local.tm_isdst = -1;
    const char* end = ::strptime(text.c_str(), form, &local);
    if (end && *end == '\0') return static_cast<int64_t>(std::mktime(&local));
  }
  return fail(ErrorKind::InvalidInput, "read the time", text, 0,
              "write it like 24h, 7d, 2026-11-25 or '2026-11-25 23:05'");
}

Result<std::string> history(ResultsDb& results, int64_t since) {
  Result<std::string> head = totals(results, since);
  if (!head) return head;
  const Result<std::vector<StoredFailure>> all = stored_failures(results);
  if (!all) return tl::unexpected(all.error());
  struct Group {
    const char* title;
    std::string text;
  };
  Group fresh{"new", ""}, again{"known before, and seen again", ""},
      gone{"known before, and not seen since", ""}, flaky{"flaky: seen, and not again when confirmed", ""};
  for (const StoredFailure& entry : *all) {
    Group* group = &again;
    if (entry.first_seen >= since) group = &fresh;
    if (entry.last_seen < since) group = &gone;
    if (entry.flaky) group = &flaky;
    if (entry.flaky && entry.last_seen < since) continue;
    group->text += text_of(entry);
  }
  std::string text = *head + "\n";
  if (all->empty()) return text + "no failure was ever seen\n";
  for (const Group& group : {fresh, again, gone, flaky}) {
    text += fmt::format("{}:{}\n{}", group.title, group.text.empty() ? " none" : "", group.text);
  }
  return text;
}

}  // namespace treeline

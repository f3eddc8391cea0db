#include "store/history.h"

#include <fmt/format.h>

#include <ctime>

#include "model/json.h"

namespace treeline {

namespace {

struct Entry {
  int64_t id = 0;
  std::string title;
  bool flaky = false;
  std::string example;  ///< JSON
  int64_t first_seen = 0, last_seen = 0, times = 0, violated = 0, runs = 0;
  std::string kernels, file;
};

Result<std::vector<Entry>> entries(ResultsDb& results) {
  Result<Statement> rows = results.database().prepare(R"(
    SELECT f.id, f.invariant, f.controller, f.mode, f.fault, f.flaky, f.example, min(s.seen_at), max(s.seen_at),
           count(*), sum(s.violated), sum(s.runs),
           (SELECT group_concat(name, ', ') FROM (
              SELECT DISTINCT k.machine || ' (Linux ' || k.release || ')' AS name
              FROM sightings x JOIN runs r ON r.id = x.run JOIN kernels k ON k.id = r.kernel
              WHERE x.failure = f.id ORDER BY name)),
           (SELECT x.file FROM sightings x WHERE x.failure = f.id ORDER BY x.id DESC LIMIT 1)
    FROM failures f JOIN sightings s ON s.failure = f.id GROUP BY f.id ORDER BY min(s.seen_at), f.id)");
  if (!rows) return tl::unexpected(rows.error());
  std::vector<Entry> found;
  while (true) {
    const Result<bool> row = rows->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return found;
    Entry entry;
    entry.id = rows->number(0);
    entry.title = fmt::format("{} ({}, {})", rows->text(1), rows->text(2), rows->text(3));
    if (!rows->text(4).empty()) entry.title += fmt::format(", with the planted fault {}", rows->text(4));
    entry.flaky = rows->number(5) != 0;
    entry.example = rows->text(6);
    entry.first_seen = rows->number(7);
    entry.last_seen = rows->number(8);
    entry.times = rows->number(9);
    entry.violated = rows->number(10);
    entry.runs = rows->number(11);
    entry.kernels = rows->text(12);
    entry.file = rows->text(13);
    found.push_back(std::move(entry));
  }
}

std::string indented(const std::string& text) {
  std::string result = "    ";
  for (size_t i = 0; i < text.size(); ++i) {
    result += text[i];
    if (text[i] == '\n' && i + 1 < text.size()) result += "    ";
  }
  return result;
}

std::string text_of(const Entry& entry) {
  std::string text = fmt::format(
      "  {}\n    first seen {}, last seen {}, {} time{}; its minimum fails in {} of {} runs\n    on {}\n",
      entry.title, time_text(entry.first_seen), time_text(entry.last_seen), entry.times,
      entry.times == 1 ? "" : "s", entry.violated, entry.runs, entry.kernels);
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

std::string time_text(int64_t unix_seconds) {
  const std::time_t time = unix_seconds;
  std::tm local{};
  ::localtime_r(&time, &local);
  char text[32];
  std::strftime(text, sizeof text, "%F %H:%M", &local);
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
  const Result<std::vector<Entry>> all = entries(results);
  if (!all) return tl::unexpected(all.error());
  struct Group {
    const char* title;
    std::string text;
  };
  Group fresh{"new", ""}, again{"known before, and seen again", ""},
      gone{"known before, and not seen since", ""}, flaky{"flaky: seen, and not again when confirmed", ""};
  for (const Entry& entry : *all) {
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

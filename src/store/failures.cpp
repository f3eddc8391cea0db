#include "store/failures.h"

#include <fmt/format.h>

namespace treeline {

Result<std::vector<StoredFailure>> stored_failures(ResultsDb& results) {
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
  std::vector<StoredFailure> found;
  while (true) {
    const Result<bool> row = rows->step();
    if (!row) return tl::unexpected(row.error());
    if (!*row) return found;
    StoredFailure entry;
    entry.id = rows->number(0);
    entry.invariant = rows->text(1);
    entry.controller = rows->text(2);
    entry.mode = rows->text(3);
    entry.fault = rows->text(4);
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

std::string title_of(const StoredFailure& failure) {
  std::string title = fmt::format("{} ({}, {})", failure.invariant, failure.controller, failure.mode);
  if (!failure.fault.empty()) title += fmt::format(", with the planted fault {}", failure.fault);
  return title;
}

}  // namespace treeline

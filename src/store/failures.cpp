#include "store/failures.h"

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
  const Result<void> all = rows->each_row([&](const Statement& row) {
    StoredFailure entry;
    entry.id = row.number(0);
    entry.signature = signature_from(row, 1);
    entry.fault = row.text(4);
    entry.flaky = row.number(5) != 0;
    entry.example = row.text(6);
    entry.first_seen = row.number(7);
    entry.last_seen = row.number(8);
    entry.times = row.number(9);
    entry.violated = row.number(10);
    entry.runs = row.number(11);
    entry.kernels = row.text(12);
    entry.file = row.text(13);
    found.push_back(std::move(entry));
  });
  if (!all) return tl::unexpected(all.error());
  return found;
}

std::string title_of(const Signature& signature, const std::string& fault) {
  return to_string(signature) + (fault.empty() ? "" : ", with the planted fault " + fault);
}

Signature signature_from(const Statement& row, int column) {
  return {row.text(column), controller_from_name(row.text(column + 1)).value_or(Controller::Core),
          row.text(column + 2)};
}

}  // namespace treeline

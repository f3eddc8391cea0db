#include "store/night_results.h"

#include "model/json.h"
#include "store/failures.h"

namespace treeline {

namespace {

std::optional<int64_t> time_from(const Statement& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(row.number(column));
}

}  // namespace

Result<std::vector<NightRunCounts>> night_runs(ResultsDb& results, const Night& night) {
  Result<Statement> rows = results.database().prepare(R"(
    SELECT r.id, k.machine, k.release, k.mode, r.fault,
           coalesce(sum(p.name = ?), 0), coalesce(sum(p.name <> ?), 0), coalesce(sum(s.status IN (0, 1)), 0),
           coalesce(sum(s.status = 3), 0), coalesce(sum(s.status = 2), 0), count(s.id) - count(s.status),
           (SELECT coalesce(sum(m.held), 0) FROM scenarios x JOIN margins m ON m.scenario = x.id
            WHERE x.run = r.id),
           (SELECT count(*) FROM behaviours b WHERE b.kernel = r.kernel AND b.first_seen >= ?
            AND b.first_seen <= ?)
    FROM runs r JOIN kernels k ON k.id = r.kernel
    LEFT JOIN scenarios s ON s.run = r.id LEFT JOIN properties p ON p.id = s.property
    WHERE r.night = ? GROUP BY r.id ORDER BY r.id)");
  if (!rows) return tl::unexpected(rows.error());
  rows->bind(kReplayed).bind(kReplayed).bind(night.began_at).bind(night.ended_at.value_or(results.now()));
  rows->bind(night.id);
  std::vector<NightRunCounts> runs;
  const Result<void> all = rows->each_row([&](const Statement& row) {
    runs.push_back({row.number(0), row.text(1), row.text(2), row.text(3), row.text(4), row.number(5),
                    row.number(6), row.number(7), row.number(8), row.number(9), row.number(10),
                    row.number(11), row.number(12)});
  });
  if (!all) return tl::unexpected(all.error());
  return runs;
}

Result<std::vector<NightFailure>> night_failures(ResultsDb& results, const Night& night) {
  // Sightings are numbered as they come: before the night is what precedes its first of the failure.
  Result<Statement> rows = results.database().prepare(R"(
    WITH tonight AS (
      SELECT x.failure, k.machine, k.release, min(x.id) AS first, max(x.id) AS last, sum(x.violated) AS violated,
             sum(x.runs) AS runs
      FROM sightings x JOIN runs r ON r.id = x.run JOIN kernels k ON k.id = r.kernel
      WHERE r.night = ? GROUP BY x.failure, k.machine, k.release)
    SELECT t.machine, t.release, f.invariant, f.controller, f.mode, f.fault, f.flaky, f.example,
           (SELECT file FROM sightings WHERE id = t.last), t.violated, t.runs,
           (SELECT min(x.seen_at) FROM sightings x JOIN runs r ON r.id = x.run
            WHERE x.failure = f.id AND x.id < t.first AND r.night IS NOT ?),
           EXISTS (SELECT 1 FROM sightings x JOIN runs r ON r.id = x.run JOIN kernels k ON k.id = r.kernel
                   JOIN failures g ON g.id = x.failure
                   WHERE x.id < t.first AND r.night IS NOT ? AND k.machine = t.machine AND g.flaky = 0
                   AND g.invariant = f.invariant AND g.controller = f.controller AND g.mode = f.mode
                   AND g.fault = f.fault)
    FROM tonight t JOIN failures f ON f.id = t.failure ORDER BY t.first)");
  if (!rows) return tl::unexpected(rows.error());
  rows->bind(night.id).bind(night.id).bind(night.id);
  std::vector<NightFailure> failures;
  Result<void> good;
  const Result<void> all = rows->each_row([&](const Statement& row) {
    Result<Scenario> example = scenario_from_json(row.text(7));
    if (!example) {
      good = tl::unexpected(example.error());
      return;
    }
    failures.push_back({row.text(0), row.text(1), signature_from(row, 2), row.text(5), row.number(6) != 0,
                        std::move(*example), row.text(8), row.number(9), row.number(10), time_from(row, 11),
                        row.number(12) != 0});
  });
  if (!all) return tl::unexpected(all.error());
  if (!good) return tl::unexpected(good.error());
  return failures;
}

Result<std::vector<EarlierFailure>> failures_before(ResultsDb& results, const Night& night) {
  Result<Statement> rows = results.database().prepare(R"(
    SELECT f.invariant, f.controller, f.mode, f.fault, f.example, min(x.seen_at), max(x.seen_at)
    FROM failures f JOIN sightings x ON x.failure = f.id JOIN runs r ON r.id = x.run
    WHERE f.flaky = 0 AND r.night IS NOT ? GROUP BY f.id ORDER BY max(x.id) DESC)");
  if (!rows) return tl::unexpected(rows.error());
  rows->bind(night.id);
  std::vector<EarlierFailure> failures;
  const Result<void> all = rows->each_row([&](const Statement& row) {
    failures.push_back({signature_from(row, 0), row.text(3), row.text(4), row.number(5), row.number(6)});
  });
  if (!all) return tl::unexpected(all.error());
  return failures;
}

Result<std::optional<Status>> replay_status(ResultsDb& results, int64_t run, int64_t draw) {
  Result<Statement> row = results.database().prepare(
      "SELECT s.status FROM scenarios s JOIN properties p ON p.id = s.property WHERE s.run = ? AND p.name = "
      "? "
      "AND s.draw = ?");
  if (!row) return tl::unexpected(row.error());
  const Result<std::optional<int64_t>> status = row->bind(run).bind(kReplayed).bind(draw).next_number();
  if (!status) return tl::unexpected(status.error());
  return *status ? std::optional(static_cast<Status>(**status)) : std::nullopt;
}

Result<Judgements> judgements(ResultsDb& results, int64_t run, const std::string& invariant) {
  Result<Statement> row = results.database().prepare(R"(
    SELECT coalesce(sum(m.held), 0), coalesce(sum(m.violated), 0)
    FROM scenarios s JOIN margins m ON m.scenario = s.id JOIN invariants i ON i.id = m.invariant
    WHERE s.run = ? AND i.name = ?)");
  if (!row) return tl::unexpected(row.error());
  const Result<bool> found = row->bind(run).bind(invariant).step();
  if (!found) return tl::unexpected(found.error());
  return Judgements{row->number(0), row->number(1)};
}

}  // namespace treeline

#include "store/results_db.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <thread>

#include "model/json.h"

namespace treeline {

namespace {

/// PRAGMA application_id: "Tree".
constexpr int64_t kApplicationId = 0x54726565;
/// PRAGMA user_version; a change of the tables raises it.
constexpr int64_t kSchemaOfDatabase = 1;

/// Times are seconds since 1970.
constexpr const char* kTables = R"(
-- A machine with its kernel. facts: MachineFacts as JSON, as first seen.
CREATE TABLE kernels (
  id INTEGER PRIMARY KEY, machine TEXT NOT NULL, release TEXT NOT NULL, mode TEXT NOT NULL, facts TEXT NOT NULL,
  UNIQUE (machine, release, mode));
-- A nightly. folder: its name below nights/. budget_s: of wall time. ended_at NULL: it runs, or was killed.
-- seed: unsigned, as text. removed: retention has taken its folder and its scenarios.
CREATE TABLE nights (
  id INTEGER PRIMARY KEY, folder TEXT NOT NULL UNIQUE, began_at INTEGER NOT NULL, budget_s INTEGER NOT NULL,
  seed TEXT NOT NULL, ended_at INTEGER, removed INTEGER NOT NULL DEFAULT 0);
-- A search. fault: the planted one, or ''. ended_at NULL: it runs, or was killed.
CREATE TABLE runs (
  id INTEGER PRIMARY KEY, kernel INTEGER NOT NULL REFERENCES kernels, night INTEGER REFERENCES nights,
  seed TEXT NOT NULL, fault TEXT NOT NULL, began_at INTEGER NOT NULL, ended_at INTEGER);
CREATE TABLE properties (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE invariants (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
-- A scenario that was run: (property, the run's seed, draw) draws it again. status: 0 not applicable, 1 held,
-- 2 inconclusive, 3 violated; NULL: infrastructure trouble. Of the property "corpus", what was replayed first
-- in a nightly, draw is a hash of the scenario (replay_draw() in store/nights.h).
CREATE TABLE scenarios (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, property INTEGER NOT NULL REFERENCES properties,
  draw INTEGER NOT NULL, seconds REAL NOT NULL, status INTEGER, UNIQUE (run, property, draw));
-- What an invariant said of a scenario: findings by status, and the greatest margin (observed/bound, or
-- bound/observed; above 1 is a violation) of those that held or were violated; NULL: there is none.
CREATE TABLE margins (
  scenario INTEGER NOT NULL REFERENCES scenarios ON DELETE CASCADE,
  invariant INTEGER NOT NULL REFERENCES invariants, held INTEGER NOT NULL, violated INTEGER NOT NULL,
  inconclusive INTEGER NOT NULL, worst REAL, PRIMARY KEY (scenario, invariant)) WITHOUT ROWID;
-- A failure, identified by its signature, planted fault and minimal tree (JSON of the tree with its limits;
-- a flaky one has not been shrunk). example: the minimal scenario as it was first seen, JSON.
CREATE TABLE failures (
  id INTEGER PRIMARY KEY, invariant TEXT NOT NULL, controller TEXT NOT NULL, mode TEXT NOT NULL,
  fault TEXT NOT NULL, flaky INTEGER NOT NULL, tree TEXT NOT NULL, example TEXT NOT NULL,
  UNIQUE (invariant, controller, mode, fault, flaky, tree));
-- Each time that it was seen. violated of runs: how often its minimum failed. file: the counterexample.
CREATE TABLE sightings (
  id INTEGER PRIMARY KEY, failure INTEGER NOT NULL REFERENCES failures, run INTEGER NOT NULL REFERENCES runs,
  scenario INTEGER REFERENCES scenarios ON DELETE SET NULL, seen_at INTEGER NOT NULL, file TEXT NOT NULL,
  violated INTEGER NOT NULL, runs INTEGER NOT NULL);
-- What a kernel was seen to do, and when first.
CREATE TABLE behaviours (
  kernel INTEGER NOT NULL REFERENCES kernels, behaviour TEXT NOT NULL, first_seen INTEGER NOT NULL,
  PRIMARY KEY (kernel, behaviour)) WITHOUT ROWID;
CREATE INDEX runs_by_night ON runs (night);
CREATE INDEX sightings_by_failure ON sightings (failure);
CREATE INDEX sightings_by_scenario ON sightings (scenario);
)";

/// Without workers and window: what failures are told apart by.
std::string tree_of(const Scenario& scenario) {
  Scenario bare;
  bare.tree = scenario.tree;
  return to_json(bare);
}

/// Two programs that turn a new file to WAL at once get SQLITE_BUSY without being made to wait.
Result<void> turn_on_wal(Sqlite& database) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (true) {
    const auto mode = database.value("PRAGMA journal_mode = WAL");
    if (mode && *mode == "wal") return {};
    if (!mode && mode.error().kind == ErrorKind::InvalidInput) return tl::unexpected(mode.error());
    if (std::chrono::steady_clock::now() >= deadline) {
      if (!mode) return tl::unexpected(mode.error());
      return fail(ErrorKind::Infrastructure, "open the results database", database.path(), 0,
                  "its file system cannot share memory between processes (WAL); give another folder");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace

int64_t ResultsDb::unix_time() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

Result<ResultsDb> ResultsDb::open(const std::string& path, Clock now) {
  return open_with(path, std::move(now), "");
}

Result<ResultsDb> ResultsDb::open_alone(const std::string& path) {
  return open_with(path, unix_time, "PRAGMA locking_mode = EXCLUSIVE");
}

Result<ResultsDb> ResultsDb::open_with(const std::string& path, Clock now, const std::string& first) {
  Result<Sqlite> database = Sqlite::open(path);
  if (!database) return tl::unexpected(database.error());
  if (Result<void> done = database->execute(first); !done) return tl::unexpected(done.error());
  if (Result<void> on = turn_on_wal(*database); !on) return tl::unexpected(on.error());
  if (Result<void> set = database->execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"); !set) {
    return tl::unexpected(set.error());
  }
  ResultsDb results(std::move(*database), std::move(now));
  if (Result<void> made = results.make_tables(); !made) return tl::unexpected(made.error());
  return results;
}

Result<ResultsDb> ResultsDb::open_existing(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return fail(ErrorKind::InvalidInput, "read the results database", path, ENOENT,
                "give the folder that treeline run wrote to with --results");
  }
  return open(path);
}

Result<void> ResultsDb::make_tables() {
  Result<Transaction> transaction = Transaction::begin(database_);
  if (!transaction) return tl::unexpected(transaction.error());
  const auto version = database_.value("PRAGMA user_version");
  if (!version) return tl::unexpected(version.error());
  const auto application = database_.value("PRAGMA application_id");
  if (!application) return tl::unexpected(application.error());
  const auto tables = database_.value("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tl::unexpected(tables.error());
  const int64_t found = std::stoll(**version);
  if (found == 0 && **tables == "0") {
    if (Result<void> made =
            database_.execute(fmt::format("{}PRAGMA application_id = {}; PRAGMA user_version = {}", kTables,
                                          kApplicationId, kSchemaOfDatabase));
        !made) {
      return made;
    }
    return transaction->commit();
  }
  if (std::stoll(**application) != kApplicationId) {
    return fail(ErrorKind::InvalidInput, "open the results database", database_.path(), 0,
                "it is another program's; give another folder with --results");
  }
  if (found != kSchemaOfDatabase) {
    return fail(
        ErrorKind::InvalidInput, "open the results database", database_.path(), 0,
        fmt::format("its schema is version {}, and this Treeline knows {}; use the Treeline that wrote "
                    "it, or move the file away",
                    found, kSchemaOfDatabase));
  }
  const auto check = database_.value("PRAGMA quick_check(1)");
  if (!check) return tl::unexpected(check.error());
  if (*check != "ok") {
    return fail(ErrorKind::InvalidInput, "open the results database", database_.path(), 0,
                fmt::format("it is damaged ({}); move it away", check->value_or("")));
  }
  return {};
}

Result<int64_t> ResultsDb::id_of_name(const char* table, const std::string& name) {
  Result<Statement> insert =
      database_.prepare(fmt::format("INSERT OR IGNORE INTO {} (name) VALUES (?)", table));
  if (!insert) return tl::unexpected(insert.error());
  if (Result<void> done = insert->bind(name).run(); !done) return tl::unexpected(done.error());
  Result<Statement> select = database_.prepare(fmt::format("SELECT id FROM {} WHERE name = ?", table));
  if (!select) return tl::unexpected(select.error());
  const Result<bool> row = select->bind(name).step();
  if (!row) return tl::unexpected(row.error());
  return select->number(0);
}

Result<int64_t> ResultsDb::begin_run(const RunInfo& info) {
  Result<Transaction> transaction = Transaction::begin(database_);
  if (!transaction) return tl::unexpected(transaction.error());
  Result<Statement> kernel =
      database_.prepare("INSERT OR IGNORE INTO kernels (machine, release, mode, facts) VALUES (?, ?, ?, ?)");
  if (!kernel) return tl::unexpected(kernel.error());
  if (Result<void> done = kernel->bind(info.machine)
                              .bind(info.facts.kernel_release)
                              .bind(info.facts.mode)
                              .bind(to_json(info.facts))
                              .run();
      !done) {
    return tl::unexpected(done.error());
  }
  Result<Statement> insert = database_.prepare(
      "INSERT INTO runs (kernel, night, seed, fault, began_at) SELECT id, ?, ?, ?, ? FROM kernels "
      "WHERE machine = ? AND release = ? AND mode = ?");
  if (!insert) return tl::unexpected(insert.error());
  insert->bind(info.night == 0 ? std::optional<int64_t>() : std::optional(info.night));
  insert->bind(std::to_string(info.seed)).bind(info.fault).bind(now_());
  insert->bind(info.machine).bind(info.facts.kernel_release).bind(info.facts.mode);
  if (Result<void> done = insert->run(); !done) return tl::unexpected(done.error());
  const int64_t run = database_.last_row();
  if (Result<void> done = transaction->commit(); !done) return tl::unexpected(done.error());
  return run;
}

Result<int> ResultsDb::add_scenario(int64_t run, const ScenarioRecord& record) {
  Result<Transaction> transaction = Transaction::begin(database_);
  if (!transaction) return tl::unexpected(transaction.error());
  const Result<int64_t> property = id_of_name("properties", record.property);
  if (!property) return tl::unexpected(property.error());
  Result<Statement> insert = database_.prepare(
      "INSERT INTO scenarios (run, property, draw, seconds, status) VALUES (?, ?, ?, ?, ?)");
  if (!insert) return tl::unexpected(insert.error());
  insert->bind(run).bind(*property).bind(static_cast<int64_t>(record.index)).bind(record.seconds);
  insert->bind(record.verdict ? std::optional(static_cast<int64_t>(record.verdict->status())) : std::nullopt);
  if (Result<void> done = insert->run(); !done) return tl::unexpected(done.error());
  const int64_t scenario = database_.last_row();
  if (record.verdict) {
    if (Result<void> done = add_margins(scenario, *record.verdict); !done)
      return tl::unexpected(done.error());
  }
  if (record.failure) {
    if (Result<void> done = add_failure(run, scenario, *record.failure, record.file); !done) {
      return tl::unexpected(done.error());
    }
  }
  Result<int> fresh = add_behaviours(run, record.behaviours);
  if (!fresh) return fresh;
  if (Result<void> done = transaction->commit(); !done) return tl::unexpected(done.error());
  return fresh;
}

Result<void> ResultsDb::add_margins(int64_t scenario, const Verdict& verdict) {
  struct Row {
    int64_t held = 0, violated = 0, inconclusive = 0;
    std::optional<double> worst;
  };
  std::map<std::string, Row> rows;
  for (const Finding& finding : verdict.findings) {
    Row& row = rows[finding.invariant];
    if (finding.status == Status::Held) ++row.held;
    if (finding.status == Status::Violated) ++row.violated;
    if (finding.status == Status::Inconclusive) ++row.inconclusive;
    if (finding.status != Status::Held && finding.status != Status::Violated) continue;
    if (finding.margin > 0) row.worst = std::max(row.worst.value_or(0), finding.margin);
  }
  Result<Statement> insert = database_.prepare("INSERT INTO margins VALUES (?, ?, ?, ?, ?, ?)");
  if (!insert) return tl::unexpected(insert.error());
  for (const auto& [name, row] : rows) {
    const Result<int64_t> invariant = id_of_name("invariants", name);
    if (!invariant) return tl::unexpected(invariant.error());
    insert->bind(scenario).bind(*invariant).bind(row.held).bind(row.violated).bind(row.inconclusive);
    if (Result<void> done = insert->bind(row.worst).run(); !done) return done;
  }
  return {};
}

Result<void> ResultsDb::add_failure(int64_t run, int64_t scenario, const Counterexample& failure,
                                    const std::string& file) {
  const Signature signature = failure.signature.value_or(Signature{});
  const std::string controller(controller_name(signature.controller));
  const std::string fault = failure.provenance ? failure.provenance->fault : "";
  const std::string tree = tree_of(failure.scenario);
  const int64_t flaky = failure.flaky ? 1 : 0;
  Result<Statement> insert = database_.prepare(
      "INSERT OR IGNORE INTO failures (invariant, controller, mode, fault, flaky, tree, example) "
      "VALUES (?, ?, ?, ?, ?, ?, ?)");
  if (!insert) return tl::unexpected(insert.error());
  insert->bind(signature.invariant).bind(controller).bind(signature.mode).bind(fault).bind(flaky).bind(tree);
  if (Result<void> done = insert->bind(to_json(failure.scenario)).run(); !done) return done;
  Result<Statement> sighting = database_.prepare(
      "INSERT INTO sightings (failure, run, scenario, seen_at, file, violated, runs) "
      "SELECT id, ?, ?, ?, ?, ?, ? FROM failures WHERE invariant = ? AND controller = ? AND mode = ? AND "
      "fault = ? AND flaky = ? AND tree = ?");
  if (!sighting) return tl::unexpected(sighting.error());
  const Rate rate = failure.flaky ? failure.original_rate : failure.rate;
  sighting->bind(run).bind(scenario).bind(now_()).bind(file);
  sighting->bind(static_cast<int64_t>(rate.violated)).bind(static_cast<int64_t>(rate.runs));
  sighting->bind(signature.invariant).bind(controller).bind(signature.mode).bind(fault).bind(flaky);
  return sighting->bind(tree).run();
}

Result<int> ResultsDb::add_behaviours(int64_t run, const std::set<std::string>& behaviours) {
  Result<Statement> insert = database_.prepare(
      "INSERT OR IGNORE INTO behaviours (kernel, behaviour, first_seen) SELECT kernel, ?, ? FROM runs WHERE "
      "id = ?");
  if (!insert) return tl::unexpected(insert.error());
  int fresh = 0;
  for (const std::string& behaviour : behaviours) {
    if (Result<void> done = insert->bind(behaviour).bind(now_()).bind(run).run(); !done) {
      return tl::unexpected(done.error());
    }
    fresh += database_.changes();
  }
  return fresh;
}

Result<void> ResultsDb::settle() { return database_.execute("PRAGMA journal_mode = DELETE"); }

Result<void> ResultsDb::end_run(int64_t run) {
  Result<Statement> update = database_.prepare("UPDATE runs SET ended_at = ? WHERE id = ?");
  if (!update) return tl::unexpected(update.error());
  return update->bind(now_()).bind(run).run();
}

}  // namespace treeline

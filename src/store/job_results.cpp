#include "store/job_results.h"

#include <fmt/format.h>

namespace treeline {

namespace {

/// The job's database beside the one it is added to, as `job`.
class Attached {
 public:
  static Result<Attached> open(Sqlite& database, const std::string& file) {
    Result<Statement> attach = database.prepare("ATTACH ? AS job");
    if (!attach) return tl::unexpected(attach.error());
    if (Result<void> done = attach->bind(file).run(); !done) return tl::unexpected(done.error());
    return Attached(database);
  }
  Attached(Attached&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Attached& operator=(Attached&&) = delete;
  ~Attached() {
    if (database_) static_cast<void>(database_->execute("DETACH job"));
  }

 private:
  explicit Attached(Sqlite& database) : database_(&database) {}
  Sqlite* database_;
};

tl::unexpected<Error> refused(const std::string& file, const std::string& why) {
  return fail(ErrorKind::InvalidInput, "read the job's results", file, 0, why + "; run the job again");
}

Result<int64_t> number(Result<Statement> query) {
  if (!query) return tl::unexpected(query.error());
  const Result<std::optional<int64_t>> value = query->next_number();
  if (!value) return tl::unexpected(value.error());
  return value->value_or(-1);
}

Result<void> run_sql(Result<Statement> statement) {
  if (!statement) return tl::unexpected(statement.error());
  return statement->run();
}

/// That it is a database of this schema and has the job's scenarios, and no others.
Result<void> check(Sqlite& database, const std::string& file, const JobOutcome& outcome) {
  for (const char* pragma : {"application_id", "user_version"}) {
    const auto own = database.value(fmt::format("PRAGMA main.{}", pragma));
    if (!own) return tl::unexpected(own.error());
    const auto theirs = database.value(fmt::format("PRAGMA job.{}", pragma));
    if (!theirs) return tl::unexpected(theirs.error());
    if (*own != *theirs) return refused(file, "it was written by another version of Treeline");
  }
  const Result<int64_t> all = number(database.prepare("SELECT count(*) FROM job.scenarios"));
  if (!all) return tl::unexpected(all.error());
  Result<Statement> own = database.prepare(
      R"(
    SELECT count(*) FROM job.scenarios s JOIN job.properties p ON p.id = s.property JOIN job.runs r ON
    r.id = s.run JOIN job.kernels k ON k.id = r.kernel WHERE p.name = ? AND s.draw >= ? AND s.draw < ?
    AND r.seed = ? AND r.fault = ? AND k.machine = ?)");
  if (!own) return tl::unexpected(own.error());
  const Job& job = outcome.job;
  own->bind(job.property).bind(static_cast<int64_t>(job.first));
  own->bind(static_cast<int64_t>(job.first + job.count)).bind(std::to_string(job.seed)).bind(job.fault);
  own->bind(job.machine);
  const Result<int64_t> fitting = number(std::move(own));
  if (!fitting) return tl::unexpected(fitting.error());
  const auto told = static_cast<int64_t>(outcome.scenarios);
  if (*all == told && *fitting == told) return {};
  return refused(
      file, fmt::format("it has {} scenarios, {} of them of this job, which ran {}", *all, *fitting, told));
}

/// One job on its way into the night; all calls are in one transaction.
class Joining {
 public:
  Joining(Sqlite& database, const Night& night, const JobOutcome& outcome)
      : database_(database), night_(night), outcome_(outcome) {}

  Result<void> add(const PlaceFile& place) {
    const Result<bool> done = find_run();
    if (!done) return tl::unexpected(done.error());
    if (*done) return {};
    for (const auto step :
         {&Joining::add_scenarios, &Joining::add_margins, &Joining::add_failures, &Joining::add_behaviours}) {
      if (Result<void> added = (this->*step)(); !added) return added;
    }
    return add_sightings(place);
  }

 private:
  /// The night's run of this kernel, fault and seed, made if it is not there. True: the job is in it.
  Result<bool> find_run() {
    if (Result<void> added = run_sql(database_.prepare(R"(
    INSERT OR IGNORE INTO main.kernels (machine, release, mode, facts) SELECT machine, release, mode,
    facts FROM job.kernels)"));
        !added) {
      return tl::unexpected(added.error());
    }
    constexpr const char* kFind =
        R"(
    SELECT x.id FROM main.runs x JOIN main.kernels y ON y.id = x.kernel JOIN job.runs r ON r.fault =
    x.fault AND r.seed = x.seed JOIN job.kernels k ON k.id = r.kernel AND k.machine = y.machine AND
    k.release = y.release AND k.mode = y.mode WHERE x.night = ?)";
    const auto find = [&] {
      Result<Statement> query = database_.prepare(kFind);
      if (query) query->bind(night_.id);
      return number(std::move(query));
    };
    Result<int64_t> run = find();
    if (!run) return tl::unexpected(run.error());
    if (*run < 0) {
      Result<Statement> insert = database_.prepare(
          R"(
    INSERT INTO main.runs (kernel, night, seed, fault, began_at, ended_at) SELECT y.id, ?, r.seed,
    r.fault, r.began_at, r.ended_at FROM job.runs r JOIN job.kernels k ON k.id = r.kernel JOIN
    main.kernels y ON y.machine = k.machine AND y.release = k.release AND y.mode = k.mode)");
      if (insert) insert->bind(night_.id);
      if (Result<void> added = run_sql(std::move(insert)); !added) return tl::unexpected(added.error());
      run = find();
      if (!run) return tl::unexpected(run.error());
    }
    run_ = *run;
    Result<Statement> present = database_.prepare(
        R"(
    SELECT count(*) FROM main.scenarios s JOIN main.properties p ON p.id = s.property WHERE s.run = ?
    AND p.name = ? AND s.draw >= ? AND s.draw < ?)");
    if (!present) return tl::unexpected(present.error());
    const Job& job = outcome_.job;
    present->bind(run_).bind(job.property).bind(static_cast<int64_t>(job.first));
    present->bind(static_cast<int64_t>(job.first + job.count));
    const Result<int64_t> count = number(std::move(present));
    if (!count) return tl::unexpected(count.error());
    return *count > 0;
  }

  Result<void> add_scenarios() {
    if (Result<void> added = run_sql(database_.prepare(
            "INSERT OR IGNORE INTO main.properties (name) SELECT name FROM job.properties ORDER BY id"));
        !added) {
      return added;
    }
    Result<Statement> insert = database_.prepare(
        R"(
    INSERT INTO main.scenarios (run, property, draw, seconds, status) SELECT ?, q.id, s.draw,
    s.seconds, s.status FROM job.scenarios s JOIN job.properties p ON p.id = s.property JOIN
    main.properties q ON q.name = p.name ORDER BY s.draw)");
    if (insert) insert->bind(run_);
    return run_sql(std::move(insert));
  }

  Result<void> add_margins() {
    if (Result<void> added = run_sql(database_.prepare(
            "INSERT OR IGNORE INTO main.invariants (name) SELECT name FROM job.invariants ORDER BY id"));
        !added) {
      return added;
    }
    Result<Statement> insert = database_.prepare(
        R"(
    INSERT INTO main.margins SELECT t.id, j.id, m.held, m.violated, m.inconclusive, m.worst FROM
    job.margins m JOIN job.scenarios s ON s.id = m.scenario JOIN job.properties p ON p.id = s.property
    JOIN main.properties q ON q.name = p.name JOIN main.scenarios t ON t.run = ? AND t.property = q.id
    AND t.draw = s.draw JOIN job.invariants i ON i.id = m.invariant JOIN main.invariants j ON j.name =
    i.name)");
    if (insert) insert->bind(run_);
    return run_sql(std::move(insert));
  }

  Result<void> add_failures() {
    return run_sql(database_.prepare(
        R"(
    INSERT OR IGNORE INTO main.failures (invariant, controller, mode, fault, flaky, tree, example)
    SELECT invariant, controller, mode, fault, flaky, tree, example FROM job.failures ORDER BY id)"));
  }

  Result<void> add_behaviours() {
    Result<Statement> insert = database_.prepare(
        R"(
    INSERT INTO main.behaviours (kernel, behaviour, first_seen) SELECT r.kernel, b.behaviour,
    b.first_seen FROM job.behaviours b JOIN main.runs r ON r.id = ? WHERE true ON CONFLICT (kernel,
    behaviour) DO UPDATE SET first_seen = min(first_seen, excluded.first_seen))");
    if (insert) insert->bind(run_);
    return run_sql(std::move(insert));
  }

  Result<void> add_sightings(const PlaceFile& place) {
    Result<Statement> rows = database_.prepare(
        R"(
    SELECT g.id, t.id, x.seen_at, x.file, x.violated, x.runs FROM job.sightings x JOIN job.failures f
    ON f.id = x.failure JOIN main.failures g ON g.invariant = f.invariant AND g.controller =
    f.controller AND g.mode = f.mode AND g.fault = f.fault AND g.flaky = f.flaky AND g.tree = f.tree
    LEFT JOIN job.scenarios s ON s.id = x.scenario LEFT JOIN job.properties p ON p.id = s.property LEFT
    JOIN main.properties q ON q.name = p.name LEFT JOIN main.scenarios t ON t.run = ? AND t.property =
    q.id AND t.draw = s.draw ORDER BY x.id)");
    if (!rows) return tl::unexpected(rows.error());
    rows->bind(run_);
    Result<void> good;
    const Result<void> all = rows->each_row([&](const Statement& row) {
      if (good) good = add_sighting(row, place);
    });
    return all ? good : all;
  }

  Result<void> add_sighting(const Statement& row, const PlaceFile& place) {
    const Result<std::string> file = place(row.text(3));
    if (!file) return tl::unexpected(file.error());
    Result<Statement> insert = database_.prepare(
        R"(
    INSERT INTO main.sightings (failure, run, scenario, seen_at, file, violated, runs) VALUES (?, ?, ?,
    ?, ?, ?, ?))");
    if (!insert) return tl::unexpected(insert.error());
    insert->bind(row.number(0)).bind(run_);
    insert->bind(row.is_null(1) ? std::nullopt : std::optional(row.number(1)));
    return insert->bind(row.number(2)).bind(*file).bind(row.number(4)).bind(row.number(5)).run();
  }

  Sqlite& database_;
  const Night& night_;
  const JobOutcome& outcome_;
  int64_t run_ = 0;
};

}  // namespace

Result<Night> merged_night(ResultsDb& results, const std::string& folder, uint64_t seed, int64_t began_at,
                           int64_t ended_at) {
  Result<Statement> insert = results.database().prepare(
      R"(
    INSERT INTO nights (folder, began_at, budget_s, seed, ended_at) VALUES (?, ?, 0, ?, ?) ON CONFLICT
    (folder) DO UPDATE SET began_at = min(began_at, excluded.began_at), ended_at = max(ended_at,
    excluded.ended_at))");
  if (!insert) return tl::unexpected(insert.error());
  insert->bind(folder).bind(began_at).bind(std::to_string(seed));
  if (Result<void> done = insert->bind(ended_at).run(); !done) return tl::unexpected(done.error());
  const Result<std::vector<Night>> all = Nights(results).all();
  if (!all) return tl::unexpected(all.error());
  for (const Night& night : *all) {
    if (night.folder == folder) return night;
  }
  return fail(ErrorKind::Infrastructure, "find the night", folder);
}

Result<void> add_job(ResultsDb& results, const Night& night, const std::string& file,
                     const JobOutcome& outcome, const PlaceFile& place) {
  Sqlite& database = results.database();
  const Result<Attached> attached = Attached::open(database, file);
  if (!attached) return tl::unexpected(attached.error());
  if (Result<void> good = check(database, file, outcome); !good) return good;
  Result<Transaction> transaction = Transaction::begin(database);
  if (!transaction) return tl::unexpected(transaction.error());
  if (Result<void> added = Joining(database, night, outcome).add(place); !added) return added;
  return transaction->commit();
}

Result<std::string> canonical_results(ResultsDb& results, const Night& night) {
  // Each query gives lines of text, in their own order.
  constexpr const char* kQueries[] = {
      R"(
    SELECT 'run ' || k.machine || ' ' || k.release || ' ' || k.mode || ' seed ' || r.seed || ' ' ||
    r.fault AS line FROM runs r JOIN kernels k ON k.id = r.kernel WHERE r.night = ?)",
      R"(
    SELECT 'scenario ' || k.machine || ' ' || r.fault || ' ' || p.name || ' ' || r.seed || ' ' ||
    s.draw || ' status ' || coalesce(s.status, '-') || coalesce((SELECT group_concat(line, '') FROM
    (SELECT ' ' || i.name || ' ' || m.held || ' ' || m.violated || ' ' || m.inconclusive || ' ' ||
    coalesce(printf('%.17g', m.worst), '-') AS line FROM margins m JOIN invariants i ON i.id =
    m.invariant WHERE m.scenario = s.id ORDER BY i.name)), '') AS line FROM scenarios s JOIN properties
    p ON p.id = s.property JOIN runs r ON r.id = s.run JOIN kernels k ON k.id = r.kernel WHERE r.night
    = ?)",
      R"(
    SELECT 'failure ' || k.machine || ' ' || f.invariant || ' ' || f.controller || ' ' || f.mode || ' '
    || f.fault || ' ' || f.flaky || ' ' || coalesce(p.name || ' ' || s.draw, '-') || ' ' || x.violated
    || '/' || x.runs || ' ' || f.tree AS line FROM sightings x JOIN failures f ON f.id = x.failure JOIN
    runs r ON r.id = x.run JOIN kernels k ON k.id = r.kernel LEFT JOIN scenarios s ON s.id = x.scenario
    LEFT JOIN properties p ON p.id = s.property WHERE r.night = ?)"};
  std::string text;
  for (const char* query : kQueries) {
    Result<Statement> rows =
        results.database().prepare(fmt::format("SELECT line FROM ({}) ORDER BY line", query));
    if (!rows) return tl::unexpected(rows.error());
    rows->bind(night.id);
    const Result<void> all = rows->each_row([&](const Statement& row) { text += row.text(0) + "\n"; });
    if (!all) return tl::unexpected(all.error());
  }
  return text;
}

}  // namespace treeline

#include "store/nights.h"

#include "model/hash.h"

namespace treeline {

int64_t replay_draw(const std::string& scenario_json) {
  return static_cast<int64_t>(hash_of(scenario_json) >> 1);
}

Result<Night> Nights::begin(const std::string& folder, int64_t budget_s, uint64_t seed) {
  Night night{0, folder, results_.now(), budget_s, seed, std::nullopt, false};
  Result<Statement> insert = results_.database().prepare(
      "INSERT INTO nights (folder, began_at, budget_s, seed) VALUES (?, ?, ?, ?)");
  if (!insert) return tl::unexpected(insert.error());
  insert->bind(folder).bind(night.began_at).bind(budget_s);
  if (Result<void> done = insert->bind(std::to_string(seed)).run(); !done) {
    return tl::unexpected(done.error());
  }
  night.id = results_.database().last_row();
  return night;
}

Result<std::vector<Night>> Nights::all() {
  Result<Statement> rows = results_.database().prepare(
      "SELECT id, folder, began_at, budget_s, seed, ended_at, removed FROM nights ORDER BY id");
  if (!rows) return tl::unexpected(rows.error());
  std::vector<Night> nights;
  const Result<void> all = rows->each_row([&](const Statement& row) {
    Night night{row.number(0), row.text(1),       row.number(2), row.number(3), 0,
                std::nullopt,  row.number(6) != 0};
    night.seed = std::strtoull(row.text(4).c_str(), nullptr, 10);
    if (!row.is_null(5)) night.ended_at = row.number(5);
    nights.push_back(std::move(night));
  });
  if (!all) return tl::unexpected(all.error());
  return nights;
}

Result<void> Nights::end(int64_t night) {
  Result<Transaction> transaction = Transaction::begin(results_.database());
  if (!transaction) return tl::unexpected(transaction.error());
  for (const char* sql : {"UPDATE runs SET ended_at = ? WHERE night = ? AND ended_at IS NULL",
                          "UPDATE nights SET ended_at = ? WHERE id = ?"}) {
    Result<Statement> update = results_.database().prepare(sql);
    if (!update) return tl::unexpected(update.error());
    if (Result<void> done = update->bind(results_.now()).bind(night).run(); !done) return done;
  }
  return transaction->commit();
}

Result<void> Nights::remove(int64_t night) {
  Result<Transaction> transaction = Transaction::begin(results_.database());
  if (!transaction) return tl::unexpected(transaction.error());
  for (const char* sql : {"DELETE FROM scenarios WHERE run IN (SELECT id FROM runs WHERE night = ?)",
                          "UPDATE nights SET removed = 1 WHERE id = ?"}) {
    Result<Statement> change = results_.database().prepare(sql);
    if (!change) return tl::unexpected(change.error());
    if (Result<void> done = change->bind(night).run(); !done) return done;
  }
  return transaction->commit();
}

Result<int64_t> Nights::run_of(const RunInfo& info) {
  Result<Statement> known = results_.database().prepare(
      "SELECT r.id FROM runs r JOIN kernels k ON k.id = r.kernel WHERE r.night = ? AND r.fault = ? AND "
      "r.seed = ? AND k.machine = ? AND k.release = ? AND k.mode = ?");
  if (!known) return tl::unexpected(known.error());
  known->bind(info.night).bind(info.fault).bind(std::to_string(info.seed));
  known->bind(info.machine).bind(info.facts.kernel_release).bind(info.facts.mode);
  const Result<std::optional<int64_t>> run = known->next_number();
  if (!run) return tl::unexpected(run.error());
  if (*run) return **run;
  return results_.begin_run(info);
}

Result<uint64_t> Nights::next_draw(int64_t run, const std::string& property) {
  Result<Statement> last = results_.database().prepare(
      "SELECT max(draw) FROM scenarios s JOIN properties p ON p.id = s.property WHERE s.run = ? AND p.name = "
      "?");
  if (!last) return tl::unexpected(last.error());
  last->bind(run).bind(property);
  const Result<std::optional<int64_t>> draw = last->next_number();
  if (!draw) return tl::unexpected(draw.error());
  return *draw ? static_cast<uint64_t>(**draw) + 1 : 0;
}

Result<bool> Nights::was_replayed(int64_t run, int64_t draw) {
  Result<Statement> found = results_.database().prepare(
      "SELECT s.id FROM scenarios s JOIN properties p ON p.id = s.property WHERE s.run = ? AND p.name = ? "
      "AND "
      "s.draw = ?");
  if (!found) return tl::unexpected(found.error());
  found->bind(run).bind(kReplayed).bind(draw);
  const Result<std::optional<int64_t>> id = found->next_number();
  if (!id) return tl::unexpected(id.error());
  return id->has_value();
}

Result<uint64_t> Nights::count_explored(int64_t night) {
  Result<Statement> count = results_.database().prepare(
      "SELECT count(*) FROM scenarios s JOIN runs r ON r.id = s.run JOIN properties p ON p.id = s.property "
      "WHERE r.night = ? AND p.name <> ?");
  if (!count) return tl::unexpected(count.error());
  count->bind(night).bind(kReplayed);
  const Result<std::optional<int64_t>> explored = count->next_number();
  if (!explored) return tl::unexpected(explored.error());
  return static_cast<uint64_t>(explored->value_or(0));
}

}  // namespace treeline

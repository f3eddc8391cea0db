#include "store/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace treeline {

namespace {

constexpr int kBusyMs = 30'000;

bool is_damage(int code) {
  const int primary = code & 0xFF;
  return primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
}

}  // namespace

Sqlite::Sqlite(std::string path, sqlite3* handle)
    : path_(std::move(path)), handle_(handle, sqlite3_close_v2) {}

tl::unexpected<Error> Sqlite::error(const std::string& operation) const {
  const int code = sqlite3_extended_errcode(handle_.get());
  const std::string said = sqlite3_errmsg(handle_.get());
  if (is_damage(code)) {
    return fail(ErrorKind::InvalidInput, operation, path_, 0,
                fmt::format("it is damaged or no results database ({}); move it away", said));
  }
  return fail(ErrorKind::Infrastructure, operation, path_, sqlite3_system_errno(handle_.get()), said);
}

Result<Sqlite> Sqlite::open(const std::string& path) {
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  Sqlite database(path, handle);
  if (!handle) return fail(ErrorKind::Infrastructure, "open the results database", path, ENOMEM);
  if (code != SQLITE_OK) return database.error("open the results database");
  sqlite3_busy_timeout(handle, kBusyMs);
  return database;
}

Result<void> Sqlite::execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return error("write the results database");
  }
  return {};
}

Result<Statement> Sqlite::prepare(std::string_view sql) const {
  sqlite3_stmt* handle = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &handle, nullptr) !=
      SQLITE_OK) {
    return error("read the results database");
  }
  return Statement(*this, handle);
}

Result<std::optional<std::string>> Sqlite::value(std::string_view sql) const {
  Result<Statement> statement = prepare(sql);
  if (!statement) return tl::unexpected(statement.error());
  const Result<bool> row = statement->step();
  if (!row) return tl::unexpected(row.error());
  if (!*row || statement->is_null(0)) return std::optional<std::string>();
  return std::optional<std::string>(statement->text(0));
}

int64_t Sqlite::last_row() const { return sqlite3_last_insert_rowid(handle_.get()); }

int Sqlite::changes() const { return sqlite3_changes(handle_.get()); }

Statement::Statement(const Sqlite& database, sqlite3_stmt* handle)
    : database_(&database), handle_(handle, sqlite3_finalize) {}

Statement& Statement::bind(int64_t number) {
  sqlite3_bind_int64(handle_.get(), ++bound_, number);
  return *this;
}

Statement& Statement::bind(double number) {
  sqlite3_bind_double(handle_.get(), ++bound_, number);
  return *this;
}

Statement& Statement::bind(std::string_view text) {
  sqlite3_bind_text(handle_.get(), ++bound_, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::bind_null() {
  sqlite3_bind_null(handle_.get(), ++bound_);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_->error("use the results database");
}

Result<std::optional<int64_t>> Statement::next_number() {
  const Result<bool> row = step();
  if (!row) return tl::unexpected(row.error());
  if (!*row || is_null(0)) return std::optional<int64_t>();
  return std::optional(number(0));
}

Result<void> Statement::run() {
  Result<bool> row = true;
  while (row && *row) row = step();
  sqlite3_reset(handle_.get());
  bound_ = 0;
  if (!row) return tl::unexpected(row.error());
  return {};
}

int64_t Statement::number(int column) const { return sqlite3_column_int64(handle_.get(), column); }

double Statement::real(int column) const { return sqlite3_column_double(handle_.get(), column); }

std::string Statement::text(int column) const {
  const unsigned char* text = sqlite3_column_text(handle_.get(), column);
  const int bytes = sqlite3_column_bytes(handle_.get(), column);
  return text ? std::string(text, text + bytes) : std::string();
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}

Result<Transaction> Transaction::begin(Sqlite& database) {
  if (Result<void> begun = database.execute("BEGIN IMMEDIATE"); !begun) return tl::unexpected(begun.error());
  return Transaction(database);
}

Transaction::~Transaction() {
  // It fails where SQLite has rolled back by itself, as on a full disk.
  if (database_) static_cast<void>(database_->execute("ROLLBACK"));
}

Result<void> Transaction::commit() {
  if (Result<void> committed = database_->execute("COMMIT"); !committed) return committed;
  database_ = nullptr;
  return {};
}

}  // namespace treeline

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "model/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace treeline {

class Statement;

/// A connection to an SQLite file. Waits up to 30 s for another writer. Errors: InvalidInput where the file
/// is damaged or no database, else Infrastructure.
class Sqlite {
 public:
  /// Makes the file if it is not there.
  static Result<Sqlite> open(const std::string& path);

  /// Runs statements that need no values.
  Result<void> execute(const std::string& sql);
  Result<Statement> prepare(std::string_view sql) const;
  /// The first column of the first row; nullopt if there is none.
  Result<std::optional<std::string>> value(std::string_view sql) const;
  int64_t last_row() const;
  /// Rows that the last INSERT, UPDATE or DELETE changed.
  int changes() const;
  const std::string& path() const { return path_; }

 private:
  friend class Statement;
  Sqlite(std::string path, sqlite3* handle);
  tl::unexpected<Error> error(const std::string& operation) const;

  std::string path_;
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> handle_;
};

/// One prepared statement. Values are bound in order, rows are read by column from 0.
class Statement {
 public:
  Statement& bind(int64_t number);
  Statement& bind(double number);
  Statement& bind(std::string_view text);
  Statement& bind_null();
  template <typename T>
  Statement& bind(const std::optional<T>& value) {
    return value ? bind(*value) : bind_null();
  }

  /// To the next row; false after the last.
  Result<bool> step();
  /// Calls `take(*this)` for each row that is left.
  template <typename Take>
  Result<void> each_row(const Take& take) {
    while (true) {
      const Result<bool> row = step();
      if (!row) return tl::unexpected(row.error());
      if (!*row) return {};
      take(std::as_const(*this));
    }
  }
  /// The first column of the next row; nullopt if there is none, or it is NULL.
  Result<std::optional<int64_t>> next_number();
  /// Runs it to its end and makes it ready for other values.
  Result<void> run();

  int64_t number(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  bool is_null(int column) const;

 private:
  friend class Sqlite;
  Statement(const Sqlite& database, sqlite3_stmt* handle);

  const Sqlite* database_;
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> handle_;
  int bound_ = 0;
};

/// BEGIN IMMEDIATE … COMMIT; rolled back unless it was committed.
class Transaction {
 public:
  static Result<Transaction> begin(Sqlite& database);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(Sqlite& database) : database_(&database) {}
  Sqlite* database_;
};

}  // namespace treeline

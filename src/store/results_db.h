#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "model/counterexample.h"
#include "store/sqlite.h"

namespace treeline {

/// Where a search takes place.
struct RunInfo {
  std::string machine;  ///< Machine::name()
  MachineFacts facts;
  uint64_t seed = 0;
  std::string fault;
  int64_t night = 0;  ///< 0: of no nightly.
};

/// One scenario, judged, and the failure that it led to.
struct ScenarioRecord {
  std::string property;
  uint64_t index = 0;
  double seconds = 0;
  const Verdict* verdict = nullptr;         ///< nullptr: infrastructure trouble.
  const Counterexample* failure = nullptr;  ///< nullptr: none that was pursued.
  std::string file;                         ///< Where the failure was saved.
  std::set<std::string> behaviours;         ///< Names of what the kernel did in it.
};

/// results.db: what was run, and what came of it, over all searches with the same results folder. The tables
/// are documented where they are made, in results_db.cpp. Each call is one transaction: a kill at any instant
/// leaves what was committed, and several writers take turns.
class ResultsDb {
 public:
  using Clock = std::function<int64_t()>;  ///< Seconds since 1970.

  /// Makes the file if it is not there. InvalidInput for a file that is damaged, no results database, or
  /// written by a newer Treeline.
  static Result<ResultsDb> open(const std::string& path, Clock now = unix_time);
  /// For one process alone, also on a file system that cannot share memory between processes, such as NFS.
  static Result<ResultsDb> open_alone(const std::string& path);
  /// InvalidInput if it is not there.
  static Result<ResultsDb> open_existing(const std::string& path);
  static int64_t unix_time();

  Result<int64_t> begin_run(const RunInfo& info);
  /// How many of the behaviours are new on this kernel.
  Result<int> add_scenario(int64_t run, const ScenarioRecord& record);
  Result<void> end_run(int64_t run);
  /// Once it is closed, all of it is in its one file, which readers do not change.
  Result<void> settle();

  Sqlite& database() { return database_; }
  int64_t now() const { return now_(); }

 private:
  ResultsDb(Sqlite database, Clock now) : database_(std::move(database)), now_(std::move(now)) {}
  static Result<ResultsDb> open_with(const std::string& path, Clock now, const std::string& first);
  Result<void> make_tables();
  Result<int64_t> id_of_name(const char* table, const std::string& name);
  Result<void> add_margins(int64_t scenario, const Verdict& verdict);
  Result<void> add_failure(int64_t run, int64_t scenario, const Counterexample& failure,
                           const std::string& file);
  Result<int> add_behaviours(int64_t run, const std::set<std::string>& behaviours);

  Sqlite database_;
  Clock now_;
};

}  // namespace treeline

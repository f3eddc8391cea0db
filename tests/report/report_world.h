#pragma once

#include <string>

#include "report/report_data.h"
#include "tests/search/fake_machine.h"

namespace treeline::testing {

inline constexpr int64_t kDay = 86'400;
inline constexpr int64_t kNoon = 1'780'000'000;

/// A results folder with a database that is filled by hand.
class ReportWorld {
 public:
  ReportWorld();

  /// A search on this machine; later additions are part of it, and happen at `now`.
  void begin_run(const std::string& machine, int64_t now = kNoon, const std::string& fault = "");
  /// Its worst margin; nullptr verdict: infrastructure trouble.
  void add(const std::string& property, const Verdict* verdict, const Counterexample* failure = nullptr,
           const std::string& file = "");
  /// One finding of one invariant.
  void add(const std::string& property, Status status, double margin,
           const std::string& invariant = "pids.max");
  /// `count` scenarios of several properties and invariants on several machines and days, by a fixed rule.
  void add_many(int count);
  /// A violation of `property` with its counterexample, in a file of its own below failures/.
  void add_failure(const std::string& property, const Counterexample& failure);

  ReportData data();
  std::string document();
  /// The first column of the first row.
  std::string ask(const std::string& sql);
  const std::string& folder() const { return folder_.path(); }
  ResultsDb& results() { return results_; }

 private:
  ResultsDb open();

  TemporaryFolder folder_;
  int64_t now_ = kNoon;
  ResultsDb results_;
  int64_t run_ = 0;
  uint64_t index_ = 0;
  int failures_ = 0;
};

/// memory.max of "t", violated: a series of `readings`, a limit that is changed halfway, a freeze, an OOM
/// kill, a taint and a kernel log, and the tree as it was drawn.
Counterexample memory_failure(int readings = 20);

}  // namespace treeline::testing

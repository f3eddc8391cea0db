#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/failures.h"

namespace treeline {

/// A kernel on its machine, as it is or with a planted fault.
struct ReportedKernel {
  int64_t kernel = 0;
  std::string machine, release, mode, fault;
  std::string facts;  ///< MachineFacts, JSON.
  bool operator==(const ReportedKernel&) const = default;
};
/// "Lab/debian-6.12/v2 (Linux 6.12.1), with the planted fault pids-off-by-one"
std::string name_of(const ReportedKernel& subject);

/// What came of one property on one subject.
struct PropertyCount {
  size_t subject = 0;  ///< Index into ReportData::subjects.
  std::string property;
  int64_t scenarios = 0;
  int64_t violated_scenarios = 0;                    ///< In which some check was violated.
  int64_t errors = 0;                                ///< Scenarios with infrastructure trouble.
  int64_t held = 0, violated = 0, inconclusive = 0;  ///< Checks, by all invariants.
  double seconds = 0;
};

/// Margins are counted in bins (i·width, (i+1)·width]; the last one has all that is above. So what lies in
/// bins from kFirstViolated on is a violation.
inline constexpr double kBinWidth = 0.05;
inline constexpr size_t kFirstViolated = 20;
inline constexpr size_t kBins = 30;

/// Of the worst margins of some scenarios.
struct MarginStatistics {
  int64_t scenarios = 0;
  double median = 0, worst = 0;
};

/// A day, or a search where all took place on one day.
struct Period {
  std::string label;
  int64_t began_at = 0;
  MarginStatistics margins;
};
/// Older ones are not told one by one.
inline constexpr size_t kMaxPeriods = 60;

/// What an invariant said on one subject.
struct InvariantRow {
  size_t subject = 0;
  std::string invariant;
  int64_t held = 0, violated = 0, inconclusive = 0;  ///< Checks.
  std::optional<MarginStatistics> margins;           ///< nullopt: it has no margin.
  std::array<int64_t, kBins> bins{};                 ///< Scenarios.
  std::optional<MarginStatistics> latest, earlier;   ///< In the subject's last period, and before.
  std::vector<Period> periods;                       ///< The last ones, in order of time.
};

/// Where a failure was seen.
struct Sighting {
  int64_t failure = 0;
  size_t subject = 0;
  std::string property;  ///< "": the scenario is no longer kept.
};

/// What a report tells, as of one instant.
struct ReportData {
  int64_t now = 0;
  int64_t runs = 0;
  bool by_day = false;  ///< Periods are days.
  std::vector<ReportedKernel> subjects;
  std::vector<PropertyCount> counts;     ///< By subject, then by property.
  std::vector<InvariantRow> invariants;  ///< By name, then by subject.
  std::vector<StoredFailure> failures;   ///< Flaky ones last; the last seen first.
  std::vector<Sighting> sightings;

  PropertyCount totals() const;
};

Result<ReportData> read_report_data(ResultsDb& results);

}  // namespace treeline

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

#include "report/report_data.h"

namespace treeline {

namespace {

/// A run's period: a nightly's searches are of the day on which it began.
constexpr const char* kPeriod = "strftime('{}', coalesce(n.began_at, r.began_at), 'unixepoch', 'localtime')";

/// Median and worst margin by kernel, fault, invariant and {0}, an expression over p (a run's period) and l
/// (its subject's last one). A median of an even number is the mean of the middle two.
constexpr const char* kMarginGroups = R"(
  WITH seen AS (
    SELECT p.kernel, p.fault, i.name AS invariant, {0} AS part, p.began_at, m.worst
    FROM margins m JOIN scenarios s ON s.id = m.scenario JOIN invariants i ON i.id = m.invariant
         JOIN periods p ON p.run = s.run JOIN last_periods l ON l.kernel = p.kernel AND l.fault = p.fault
    WHERE m.worst IS NOT NULL),
  ranked AS (
    SELECT *, row_number() OVER (PARTITION BY kernel, fault, invariant, part ORDER BY worst) AS place,
           count(*) OVER (PARTITION BY kernel, fault, invariant, part) AS number FROM seen)
  SELECT kernel, fault, invariant, part, min(began_at), number,
         avg(CASE WHEN place IN ((number + 1) / 2, (number + 2) / 2) THEN worst END), max(worst)
  FROM ranked GROUP BY kernel, fault, invariant, part ORDER BY kernel, fault, invariant, part)";

class Reading {
 public:
  explicit Reading(ResultsDb& results) : results_(results) { data_.now = results.now(); }

  Result<ReportData> read() && {
    // A reader's transaction: it sees one instant, and keeps no writer waiting.
    Result<void> done = results_.database().execute("BEGIN");
    if (!done) return tl::unexpected(done.error());
    const auto steps = {&Reading::read_subjects, &Reading::read_counts,   &Reading::read_checks,
                        &Reading::read_bins,     &Reading::read_periods,  &Reading::read_margins,
                        &Reading::read_failures, &Reading::read_sightings};
    for (const auto step : steps) {
      if (done) done = (this->*step)();
    }
    if (const Result<void> ended = results_.database().execute("ROLLBACK"); done && !ended) done = ended;
    if (!done) return tl::unexpected(done.error());
    return std::move(data_);
  }

 private:
  Result<void> each_row(const std::string& sql, const std::function<void(const Statement&)>& take) {
    Result<Statement> rows = results_.database().prepare(sql);
    if (!rows) return tl::unexpected(rows.error());
    return rows->each_row(take);
  }

  /// Of a row that begins with kernel and fault.
  size_t subject_of(const Statement& row) const { return subjects_.at({row.number(0), row.text(1)}); }

  InvariantRow& invariant_of(const Statement& row) {
    const size_t subject = subject_of(row);
    const auto [found, is_new] = rows_.try_emplace({row.text(2), subject}, data_.invariants.size());
    if (is_new) {
      data_.invariants.emplace_back();
      data_.invariants.back().invariant = row.text(2);
      data_.invariants.back().subject = subject;
    }
    return data_.invariants[found->second];
  }

  static MarginStatistics statistics_of(const Statement& row) {
    return {row.number(5), row.real(6), row.real(7)};
  }

  Result<void> read_subjects() {
    const auto runs = results_.database().value("SELECT count(*) FROM runs");
    if (!runs) return tl::unexpected(runs.error());
    data_.runs = std::stoll(**runs);
    return each_row(
        "SELECT DISTINCT k.id, r.fault, k.machine, k.release, k.mode, k.facts FROM runs r "
        "JOIN kernels k ON k.id = r.kernel ORDER BY k.machine, k.release, k.mode, r.fault",
        [this](const Statement& row) {
          subjects_[{row.number(0), row.text(1)}] = data_.subjects.size();
          data_.subjects.push_back(
              {row.number(0), row.text(2), row.text(3), row.text(4), row.text(1), row.text(5)});
        });
  }

  Result<void> read_counts() {
    const auto take = [this](const Statement& row) {
      data_.counts.push_back({subject_of(row), row.text(2), row.number(3), row.number(4), row.number(5),
                              row.number(6), row.number(7), row.number(8), row.real(9)});
    };
    Result<void> done = each_row(R"(
      SELECT r.kernel, r.fault, p.name, count(*), coalesce(sum(s.status = 3), 0), count(*) - count(s.status),
             coalesce(sum(m.held), 0), coalesce(sum(m.violated), 0), coalesce(sum(m.inconclusive), 0),
             sum(s.seconds)
      FROM scenarios s JOIN runs r ON r.id = s.run JOIN properties p ON p.id = s.property LEFT JOIN (
             SELECT scenario, sum(held) AS held, sum(violated) AS violated, sum(inconclusive) AS inconclusive
             FROM margins GROUP BY scenario) m ON m.scenario = s.id
      GROUP BY r.kernel, r.fault, p.name ORDER BY p.name)",
                                 take);
    std::stable_sort(data_.counts.begin(), data_.counts.end(),
                     [](const auto& a, const auto& b) { return a.subject < b.subject; });
    return done;
  }

  Result<void> read_checks() {
    return each_row(R"(
      SELECT r.kernel, r.fault, i.name, sum(m.held), sum(m.violated), sum(m.inconclusive)
      FROM margins m JOIN scenarios s ON s.id = m.scenario JOIN runs r ON r.id = s.run
           JOIN invariants i ON i.id = m.invariant
      GROUP BY r.kernel, r.fault, i.name ORDER BY i.name)",
                    [this](const Statement& row) {
                      InvariantRow& invariant = invariant_of(row);
                      invariant.held = row.number(3);
                      invariant.violated = row.number(4);
                      invariant.inconclusive = row.number(5);
                    });
  }

  Result<void> read_bins() {
    // The last bin below worst / width; SQLite's CAST rounds towards 0, as margins are positive.
    const std::string bin = fmt::format(
        "min({1}, CAST(m.worst / {0} AS INTEGER) - (CAST(m.worst / {0} AS INTEGER) * {0} >= m.worst))",
        kBinWidth, kBins - 1);
    return each_row(fmt::format(R"(
      SELECT r.kernel, r.fault, i.name, max(0, {}) AS bin, count(*)
      FROM margins m JOIN scenarios s ON s.id = m.scenario JOIN runs r ON r.id = s.run
           JOIN invariants i ON i.id = m.invariant
      WHERE m.worst IS NOT NULL GROUP BY r.kernel, r.fault, i.name, bin)",
                                bin),
                    [this](const Statement& row) {
                      invariant_of(row).bins[static_cast<size_t>(row.number(3))] = row.number(4);
                    });
  }

  Result<void> read_periods() {
    constexpr const char* kDay = "%Y-%m-%d";
    const auto days = results_.database().value(
        fmt::format("SELECT count(DISTINCT {}) FROM runs r LEFT JOIN nights n ON n.id = r.night",
                    fmt::format(fmt::runtime(kPeriod), kDay)));
    if (!days) return tl::unexpected(days.error());
    data_.by_day = std::stoll(**days) > 1;
    return results_.database().execute(fmt::format(
        R"(
      CREATE TEMP TABLE periods AS
        SELECT r.id AS run, r.kernel, r.fault, r.began_at, {} AS period
        FROM runs r LEFT JOIN nights n ON n.id = r.night
        WHERE EXISTS (SELECT 1 FROM scenarios s WHERE s.run = r.id);
      CREATE TEMP TABLE last_periods AS
        SELECT kernel, fault, max(period) AS period FROM periods GROUP BY kernel, fault)",
        fmt::format(fmt::runtime(kPeriod), data_.by_day ? kDay : "%H:%M:%S")));
  }

  Result<void> read_margins() {
    const auto groups = [](const char* part) { return fmt::format(fmt::runtime(kMarginGroups), part); };
    Result<void> done = each_row(
        groups("''"), [this](const Statement& row) { invariant_of(row).margins = statistics_of(row); });
    if (!done) return done;
    done = each_row(groups("p.period = l.period"), [this](const Statement& row) {
      InvariantRow& invariant = invariant_of(row);
      (row.number(3) == 1 ? invariant.latest : invariant.earlier) = statistics_of(row);
    });
    if (!done) return done;
    return each_row(groups("p.period"), [this](const Statement& row) {
      std::vector<Period>& periods = invariant_of(row).periods;
      if (periods.size() == kMaxPeriods) periods.erase(periods.begin());
      periods.push_back({row.text(3), row.number(4), statistics_of(row)});
    });
  }

  Result<void> read_failures() {
    Result<std::vector<StoredFailure>> failures = stored_failures(results_);
    if (!failures) return tl::unexpected(failures.error());
    data_.failures = std::move(*failures);
    std::stable_sort(data_.failures.begin(), data_.failures.end(), [](const auto& a, const auto& b) {
      return a.flaky != b.flaky ? b.flaky : a.last_seen > b.last_seen;
    });
    return {};
  }

  Result<void> read_sightings() {
    return each_row(R"(
      SELECT DISTINCT r.kernel, r.fault, x.failure, coalesce(p.name, '')
      FROM sightings x JOIN runs r ON r.id = x.run LEFT JOIN scenarios s ON s.id = x.scenario
           LEFT JOIN properties p ON p.id = s.property)",
                    [this](const Statement& row) {
                      data_.sightings.push_back({row.number(2), subject_of(row), row.text(3)});
                    });
  }

  ResultsDb& results_;
  ReportData data_;
  std::map<std::pair<int64_t, std::string>, size_t> subjects_;
  std::map<std::pair<std::string, size_t>, size_t> rows_;  ///< Into data_.invariants.
};

}  // namespace

std::string name_of(const ReportedKernel& subject) {
  std::string name = fmt::format("{} (Linux {}, cgroup {})", subject.machine, subject.release, subject.mode);
  if (!subject.fault.empty()) name += ", with the planted fault " + subject.fault;
  return name;
}

PropertyCount ReportData::totals() const {
  PropertyCount sum;
  for (const PropertyCount& count : counts) {
    sum.scenarios += count.scenarios;
    sum.violated_scenarios += count.violated_scenarios;
    sum.errors += count.errors;
    sum.held += count.held;
    sum.violated += count.violated;
    sum.inconclusive += count.inconclusive;
    sum.seconds += count.seconds;
  }
  return sum;
}

Result<ReportData> read_report_data(ResultsDb& results) {
  Result<ReportData> data = Reading(results).read();
  if (!data) return data;
  std::sort(data->invariants.begin(), data->invariants.end(), [](const auto& a, const auto& b) {
    return std::tie(a.invariant, a.subject) < std::tie(b.invariant, b.subject);
  });
  return data;
}

}  // namespace treeline

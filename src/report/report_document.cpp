#include "report/report_document.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "model/json.h"
#include "model/units.h"
#include "oracle/sibling_fairness.h"
#include "report/failure_file.h"
#include "report/usage_chart.h"
#include "search/search.h"
#include "store/history.h"

namespace treeline {

namespace {

using Json = nlohmann::ordered_json;

/// A kernel that says more is quoted in part.
constexpr size_t kMaxLogLines = 40;
constexpr size_t kMaxLogBytes = 300;

Json rounded(double value) { return std::stod(fmt::format("{:.6g}", value)); }

Json rounded(const std::vector<std::optional<double>>& values) {
  Json list = Json::array();
  for (const std::optional<double>& value : values) list.push_back(value ? rounded(*value) : Json());
  return list;
}

/// With `<` as an escape, what is inside a script element can neither end it nor begin a comment.
std::string dumped(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string safe;
  safe.reserve(text.size());
  for (const char c : text) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

Json statistics(const std::optional<MarginStatistics>& margins) {
  if (!margins) return {};
  return {{"scenarios", margins->scenarios},
          {"median", rounded(margins->median)},
          {"worst", rounded(margins->worst)}};
}

Json environment(const MachineFacts& facts) {
  std::string controllers;
  for (const auto& [controller, version] : facts.controllers) {
    controllers += fmt::format("{}{} v{}", controllers.empty() ? "" : ", ", controller_name(controller),
                               version == CgroupVersion::V1 ? 1 : 2);
  }
  std::string config;
  for (const auto& [key, value] : facts.config) {
    config += fmt::format("{}{}={}", config.empty() ? "" : ", ", key, value);
  }
  const auto ids = [](const std::vector<int>& list) { return format_id_set(IdSet{list}); };
  return Json::array({{"kernel", "Linux " + facts.kernel_release},
                      {"cgroup", facts.mode},
                      {"controllers", controllers},
                      {"CPUs", ids(facts.cpus)},
                      {"NUMA nodes", ids(facts.mems)},
                      {"memory", format_bytes(facts.memory_bytes)},
                      {"swap", format_bytes(facts.swap_bytes)},
                      {"page", format_bytes(facts.page_size)},
                      {"HZ", std::to_string(facts.hz)},
                      {"CFS bandwidth slice", format_us(facts.cfs_slice_us)},
                      {"base slice", fmt::format("{} ns", facts.base_slice_ns)},
                      {"block device", facts.device.empty() ? "none" : facts.device},
                      {"configuration", config},
                      {"libcgroup", facts.libcgroup_version}});
}

Json lines_of(const std::string& text) {
  Json lines = Json::array();
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

Json tree(const Scenario& scenario, const std::vector<std::string>& notes) {
  Json nodes = Json::array();
  for (NodeId id = 0; id < scenario.tree.size(); ++id) {
    const Node& node = scenario.tree[id];
    Json limits = Json::array();
    for (const auto& [knob, value] : node.limits) {
      limits.push_back(fmt::format("{}={}", knob_info(knob).name, describe(knob, value)));
    }
    nodes.push_back({{"name", node.name}, {"parent", node.parent}, {"limits", std::move(limits)}});
    nodes.back()["workers"] = Json::array();
    const auto place = static_cast<size_t>(id);
    if (place < notes.size() && !notes[place].empty()) nodes.back()["note"] = notes[place];
  }
  for (const Worker& worker : scenario.workers) {
    nodes[static_cast<size_t>(worker.node)]["workers"].push_back(describe(worker.workload));
  }
  return {{"nodes", std::move(nodes)}, {"then", lines_of(describe_timeline(scenario))}};
}

Json chart(const UsageChart& usage) {
  constexpr const char* kKinds[] = {"usage", "bound", "judged"};
  Json series = Json::array();
  for (const UsageChart::Series& one : usage.series) {
    series.push_back({{"label", one.label},
                      {"kind", kKinds[static_cast<size_t>(one.kind)]},
                      {"values", rounded(one.values)}});
  }
  Json at = Json::array();
  for (const double instant : usage.at_ms) at.push_back(rounded(instant));
  Json events = Json::array();
  for (const UsageChart::Event& event : usage.events) {
    events.push_back({{"at_ms", rounded(event.at_ms)}, {"text", event.text}});
  }
  return {{"title", usage.title},
          {"unit", usage.unit},
          {"at_ms", std::move(at)},
          {"series", std::move(series)},
          {"events", std::move(events)}};
}

/// Of what was never counted there is no row.
Json latencies(const Scenario& scenario, const Observation& seen) {
  Json rows = Json::array();
  const auto add = [&](const std::string& who, const char* what, const Latency& latency) {
    if (latency.count == 0) return;
    const auto ms = [](int64_t ns) { return rounded(static_cast<double>(ns) / 1e6); };
    rows.push_back({{"who", who},
                    {"what", what},
                    {"count", latency.count},
                    {"p50_ms", ms(latency.p50_ns)},
                    {"p99_ms", ms(latency.p99_ns)},
                    {"max_ms", ms(latency.max_ns)}});
  };
  const auto add_both = [&](const std::string& who, const auto& observed) {
    add(who, "wake-up", observed.wakeup_latency);
    add(who, "run delay", observed.run_delay);
  };
  for (size_t i = 0; i < seen.nodes.size(); ++i) {
    add_both(scenario.tree.path(static_cast<NodeId>(i)), seen.nodes[i]);
  }
  for (size_t i = 0; i < seen.workers.size(); ++i) {
    add_both(fmt::format("worker {} in {}", i, scenario.tree.path(scenario.workers[i].node)),
             seen.workers[i]);
  }
  return rows;
}

Json fairness(const Scenario& scenario, const Observation& seen) {
  Json rows = Json::array();
  for (const SiblingFairness& group : sibling_fairness(scenario, seen)) {
    rows.push_back({{"group", scenario.tree.path(group.parent)},
                    {"children", group.shares.size()},
                    {"jain", rounded(group.jain)},
                    {"worst_lag_ms", rounded(group.worst_lag_ns / 1e6)},
                    {"worst", scenario.tree.path(group.worst)}});
  }
  return rows;
}

Json health(const KernelHealth& seen) {
  Json log = Json::array();
  for (const std::string& line : seen.log) {
    if (log.size() == kMaxLogLines) {
      log.push_back(fmt::format("… and {} more lines, in the file", seen.log.size() - kMaxLogLines));
      break;
    }
    log.push_back(line.substr(0, kMaxLogBytes));
  }
  return {{"taint_before", seen.taint_before}, {"taint_after", seen.taint_after}, {"log", std::move(log)}};
}

std::string rate_text(const Rate& rate) { return fmt::format("{} of {} runs", rate.violated, rate.runs); }

Json details(const LoadedFailure& loaded) {
  const Counterexample& example = loaded.example;
  Json out = Json::object();
  if (!loaded.trouble.empty()) out["trouble"] = loaded.trouble;
  if (!example.scenario.tree.nodes.empty()) out["minimal"] = tree(example.scenario, violation_notes(example));
  if (example.original) {
    out["original"] = tree(*example.original, {});
    out["original_rate"] = rate_text(example.original_rate);
    out["placement"] = describe(example.original->strategy);
  }
  out["shrink_runs"] = example.shrink_runs;
  out["minimum_proven"] = example.minimum_proven;
  if (const Finding* finding = main_finding(example)) {
    out["sentence"] = finding->sentence;
    out["node"] = example.scenario.tree.path(finding->node);
  }
  if (example.provenance) {
    out["found_by"] = fmt::format("property {}, seed {}, index {}", example.provenance->property,
                                  example.provenance->seed, example.provenance->index);
  }
  out["machine"] = example.machine;
  if (example.observation) {
    out["environment"] = environment(example.observation->machine);
    out["health"] = health(example.observation->health);
    out["latency"] = latencies(example.scenario, *example.observation);
    out["fairness"] = fairness(example.scenario, *example.observation);
  }
  if (const auto usage = usage_chart(example)) out["chart"] = chart(*usage);
  return out;
}

Json failures(const ReportData& data, const std::string& folder) {
  Json list = Json::array();
  size_t bytes = 0;
  for (const StoredFailure& known : data.failures) {
    const std::string file = file_of(known, folder);
    Json failure{{"id", known.id},
                 {"title", title_of(known.signature, known.fault)},
                 {"flaky", known.flaky},
                 {"first_seen", time_text(known.first_seen)},
                 {"last_seen", time_text(known.last_seen)},
                 {"times", known.times},
                 {"violated", known.violated},
                 {"runs", known.runs},
                 {"kernels", known.kernels},
                 {"file", file},
                 {"command", replay_command(file, known.fault)}};
    if (list.size() < kMaxDetailed && bytes < kMaxDetailBytes) {
      Json more = details(load_failure(known, folder));
      bytes += dumped(more).size();
      if (bytes < kMaxDetailBytes) failure["details"] = std::move(more);
    }
    list.push_back(std::move(failure));
  }
  return list;
}

Json subjects(const ReportData& data) {
  Json list = Json::array();
  for (const ReportedKernel& subject : data.subjects) {
    list.push_back({{"name", name_of(subject)},
                    {"machine", subject.machine},
                    {"release", subject.release},
                    {"mode", subject.mode},
                    {"fault", subject.fault}});
    if (const auto facts = machine_facts_from_json(subject.facts)) {
      list.back()["environment"] = environment(*facts);
    }
  }
  return list;
}

Json counted(const PropertyCount& count) {
  return {{"scenarios", count.scenarios},     {"violated_scenarios", count.violated_scenarios},
          {"errors", count.errors},           {"held", count.held},
          {"violated", count.violated},       {"inconclusive", count.inconclusive},
          {"seconds", rounded(count.seconds)}};
}

Json counts(const ReportData& data) {
  Json list = Json::array();
  for (const PropertyCount& count : data.counts) {
    Json row{{"subject", count.subject}, {"property", count.property}};
    row.update(counted(count));
    list.push_back(std::move(row));
  }
  return list;
}

Json periods(const InvariantRow& row) {
  Json out{{"labels", Json::array()},
           {"at", Json::array()},
           {"scenarios", Json::array()},
           {"median", Json::array()},
           {"worst", Json::array()}};
  for (const Period& period : row.periods) {
    out["labels"].push_back(period.label);
    out["at"].push_back(period.began_at);
    out["scenarios"].push_back(period.margins.scenarios);
    out["median"].push_back(rounded(period.margins.median));
    out["worst"].push_back(rounded(period.margins.worst));
  }
  return out;
}

Json invariants(const ReportData& data) {
  Json list = Json::array();
  for (const InvariantRow& row : data.invariants) {
    if (list.empty() || list.back()["name"] != row.invariant) {
      list.push_back({{"name", row.invariant}, {"rows", Json::array()}});
    }
    Json out{{"subject", row.subject},
             {"held", row.held},
             {"violated", row.violated},
             {"inconclusive", row.inconclusive}};
    if (row.margins) {
      out["margins"] = statistics(row.margins);
      out["latest"] = statistics(row.latest);
      out["earlier"] = statistics(row.earlier);
      out["bins"] = row.bins;
      out["periods"] = periods(row);
    }
    list.back()["rows"].push_back(std::move(out));
  }
  return list;
}

}  // namespace

std::string report_document(const ReportData& data, const std::string& folder) {
  const Json document{{"written", time_text(data.now)},
                      {"folder", folder},
                      {"runs", data.runs},
                      {"by_day", data.by_day},
                      {"bin_width", kBinWidth},
                      {"first_violated_bin", kFirstViolated},
                      {"totals", counted(data.totals())},
                      {"subjects", subjects(data)},
                      {"counts", counts(data)},
                      {"invariants", invariants(data)},
                      {"failures", failures(data, folder)}};
  return dumped(document);
}

}  // namespace treeline

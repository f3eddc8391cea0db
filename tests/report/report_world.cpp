#include "tests/report/report_world.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "model/json.h"
#include "report/report_document.h"
#include "tests/oracle/world.h"

namespace treeline::testing {

ReportWorld::ReportWorld() : results_(open()) {}

ResultsDb ReportWorld::open() {
  Result<ResultsDb> results = ResultsDb::open(folder_.path() + "/results.db", [this] { return now_; });
  EXPECT_TRUE(results) << to_string(results.error());
  // A test's database need not survive a power cut.
  EXPECT_TRUE(results->database().execute("PRAGMA synchronous = OFF"));
  return std::move(*results);
}

void ReportWorld::begin_run(const std::string& machine, int64_t now, const std::string& fault) {
  now_ = now;
  const Result<int64_t> run = results_.begin_run({machine, fake_facts(), 7, fault, 0});
  ASSERT_TRUE(run) << to_string(run.error());
  run_ = *run;
}

void ReportWorld::add(const std::string& property, const Verdict* verdict, const Counterexample* failure,
                      const std::string& file) {
  ScenarioRecord record;
  record.property = property;
  record.index = index_++;
  record.seconds = 0.25;
  record.verdict = verdict;
  record.failure = failure;
  record.file = file;
  const Result<int> added = results_.add_scenario(run_, record);
  ASSERT_TRUE(added) << to_string(added.error());
}

void ReportWorld::add(const std::string& property, Status status, double margin,
                      const std::string& invariant) {
  const Verdict verdict{{{invariant, Controller::Pids, 0, status, 2, 2 * margin, margin, "tasks", "said"}}};
  add(property, &verdict);
}

void ReportWorld::add_many(int count) {
  constexpr const char* kMachines[] = {"Host", "Lab/debian-6.12/v2", "Lab/debian-6.1/v1"};
  constexpr const char* kProperties[] = {"cpu_bandwidth", "memory", "pids", "io", "rules"};
  uint64_t state = 1;
  const auto draw = [&state](uint64_t below) {
    state = state * 6'364'136'223'846'793'005ULL + 1'442'695'040'888'963'407ULL;
    return (state >> 33) % below;
  };
  for (int i = 0; i < count; ++i) {
    if (i % 250 == 0) begin_run(kMachines[i / 250 % 3], kNoon + i / 1'000 * kDay);
    const std::string property = kProperties[draw(5)];
    if (draw(50) == 0) {
      add(property, nullptr);
      continue;
    }
    Verdict verdict;
    for (uint64_t invariant = 0; invariant < 8; ++invariant) {
      const auto status = draw(200) == 0 ? Status::Violated
                          : draw(3) == 0 ? Status::Inconclusive
                                         : Status::Held;
      const double margin = (status == Status::Violated ? 1.001 : 0) + static_cast<double>(draw(1'000)) / 1e3;
      verdict.findings.push_back({fmt::format("{}.invariant_{}", property, invariant), Controller::Cpu, 0,
                                  status, 1, margin, margin, "ms", "said"});
    }
    add(property, &verdict);
  }
}

void ReportWorld::add_failure(const std::string& property, const Counterexample& failure) {
  std::filesystem::create_directories(folder() + "/failures");
  const std::string file = fmt::format("{}/failures/{}.json", folder(), ++failures_);
  std::ofstream(file) << to_json(failure);
  add(property, failure.verdict ? &*failure.verdict : nullptr, &failure, file);
}

ReportData ReportWorld::data() {
  Result<ReportData> data = read_report_data(results_);
  EXPECT_TRUE(data) << to_string(data.error());
  return data.value_or(ReportData{});
}

std::string ReportWorld::document() { return report_document(data(), folder()); }

std::string ReportWorld::ask(const std::string& sql) {
  const auto value = results_.database().value(sql);
  EXPECT_TRUE(value) << to_string(value.error());
  return value ? value->value_or("NULL") : "";
}

Counterexample memory_failure(int readings) {
  using namespace world_test;
  World world;
  world.become_v2();
  const NodeId child = world.add(kRoot, "child");
  world.memory_max(kRoot, 8 * kMiB);
  world.hold(child, 9 * kMiB);
  world.act(Action::Kind::Freeze, child, 30);
  const size_t change = world.act(Action::Kind::SetLimit, kRoot, 50);
  world.scenario.actions[change].knob = Knob::MemoryMax;
  world.scenario.actions[change].value = Amount{16 * kMiB};
  world.run_for_ms(100);
  world.oom_kill(0, 9 * kMiB);
  world.seen.workers[0].ended_ns = 90 * kMs;
  for (NodeObservation& node : world.seen.nodes) node.series.clear();
  for (int i = 0; i < readings; ++i) {
    const int64_t at_ns = (i + 1) * 100 * kMs / (readings + 1);
    for (const NodeId node : {kRoot, child}) {
      Counters counters{{Counter::MemoryCurrent, (node == kRoot ? 10 : 9) * kMiB * (i + 1) / readings}};
      world.seen.nodes[static_cast<size_t>(node)].series.push_back({at_ns, counters, 0});
    }
  }
  world.seen.health = {0, 512, true, {"WARNING: at mm/memcontrol.c:1 <b>"}};
  Counterexample failure;
  failure.scenario = world.scenario;
  failure.original = world.scenario;
  failure.original->tree.nodes.push_back({"as-drawn", kRoot, {{Knob::PidsMax, Amount{3}}}});
  failure.provenance = Provenance{"memory", 1, 4, ""};
  failure.machine = "Lab/debian-6.12/v2";
  failure.signature = Signature{"memory.max", Controller::Memory, "v2"};
  failure.verdict = Verdict{{{"memory.max", Controller::Memory, kRoot, Status::Violated, 8.03125, 10, 1.245,
                              "MiB", "most memory charged to t: 10 MiB where at most 8.03125 is allowed"}}};
  failure.observation = world.seen;
  failure.original_rate = {2, 2};
  failure.rate = {4, 4};
  failure.shrink_runs = 29;
  failure.minimum_proven = true;
  return failure;
}

}  // namespace treeline::testing

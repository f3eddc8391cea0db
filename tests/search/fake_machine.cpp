#include "tests/search/fake_machine.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>

#include "model/json.h"
#include "model/rules.h"

namespace treeline::testing {

MachineFacts fake_facts() {
  MachineFacts facts;
  facts.kernel_release = "6.12.0-fake";
  facts.libcgroup_version = "2.0.2";
  facts.mode = "v1";
  facts.cpus = {0, 1};
  facts.mems = {0};
  facts.memory_bytes = int64_t{4} << 30;
  facts.device = "254:0";
  for (const KnobInfo& info : knob_table()) {
    if (info.v1_files.empty()) continue;
    facts.knobs.insert(info.knob);
    facts.controllers[info.controller] = CgroupVersion::V1;
  }
  facts.controllers[Controller::Cpuacct] = CgroupVersion::V1;
  return facts;
}

Observation quiet_observation(const Scenario& scenario, const MachineFacts& facts) {
  Observation seen;
  seen.machine = facts;
  seen.nodes.resize(scenario.tree.nodes.size());
  seen.workers.resize(scenario.workers.size());
  seen.actions.resize(scenario.actions.size());
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const Limits& limits = scenario.tree[node].limits;
    for (const auto& [knob, value] : limits) {
      const KnobContext context = facts.knob_context(knob_info(knob).controller);
      for (const KnobWrite& write : encode(knob, value, limits, context)) {
        seen.nodes[static_cast<size_t>(node)].readbacks.push_back({knob, write.file, write.expected, 0});
      }
    }
  }
  for (const Probe& probe : scenario.probes) {
    const int answer = expected_errno(scenario.tree, probe.node, probe.knob, probe.value, facts);
    seen.probes.push_back({answer, "same", "same"});
  }
  seen.health.log_readable = true;
  return seen;
}

void warn(Observation& observation) {
  observation.health.taint_after = 512;  // TAINT_WARN
  observation.health.log = {"WARNING: CPU: 0 PID: 1 at kernel/sched/fair.c:1 fake+0x0/0x1"};
}

void garble_readback(Observation& observation) {
  for (NodeObservation& node : observation.nodes) {
    if (!node.readbacks.empty()) node.readbacks.front().read += "1";
  }
}

Result<Observation> FakeMachine::run(const Scenario& scenario) {
  asked_.push_back(scenario);
  return behaviour_(scenario, quiet_observation(scenario, facts_), asked_.size() - 1);
}

std::map<std::string, int> FakeMachine::runs_by_scenario() const {
  std::map<std::string, int> runs;
  for (const Scenario& scenario : asked_) ++runs[to_json(scenario)];
  return runs;
}

FakeMachine::Behaviour healthy() {
  return [](const Scenario&, Observation quiet, uint64_t) { return quiet; };
}

FakeMachine::Behaviour warns_if(Predicate has_defect, double percent, uint64_t seed) {
  return [=, random = std::mt19937_64(seed)](const Scenario& scenario, Observation seen, uint64_t) mutable {
    const double drawn = std::uniform_real_distribution<>(0, 100)(random);
    if (has_defect(scenario) && drawn < percent) warn(seen);
    return seen;
  };
}

bool has_deep_pids_max(const Scenario& scenario) {
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    if (scenario.tree.depth(node) >= 2 && scenario.tree[node].limits.contains(Knob::PidsMax)) return true;
  }
  return false;
}

Size shape_of(const Scenario& scenario) {
  Size size = size_of(scenario);
  size.detail = 0;
  return size;
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "treeline-test-XXXXXX").string();
  path_ = ::mkdtemp(pattern.data()) ? pattern : "";
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code error;
  if (!path_.empty()) std::filesystem::remove_all(path_, error);
  if (error) std::cerr << path_ << ": " << error.message() << '\n';
}

Constraints fake_constraints() { return constraints_for(fake_facts()); }

SearchOptions pids_options(const TemporaryFolder& results) {
  SearchOptions options;
  options.properties = {find_property("pids")};
  options.results_dir = results.path();
  options.only_invariant = "kernel.health";
  // No test depends on how fast the machine is: runs are the only budget.
  options.shrink_time = std::chrono::hours(1);
  options.shrink_runs = 100'000;
  return options;
}

}  // namespace treeline::testing

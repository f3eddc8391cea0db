#include "oracle/knobs.h"

#include <fmt/format.h>

#include <cerrno>

#include "model/rules.h"
#include "model/rules_partition.h"
#include "oracle/finding.h"
#include "oracle/memory_support.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

/// sched_partition_show: "root invalid (Parent is not a partition root)". Reasons are no part of the rules.
bool is_with_reason(const std::string& read, const std::string& expected) {
  return expected.ends_with(" invalid") && read.starts_with(expected + " (") && read.ends_with(')');
}

/// mm/memcontrol-v1.c, mem_cgroup_resize_max: EBUSY if what is used cannot be reclaimed below the new limit.
/// Due only where more than that was in use, by a reading around the write; then the old limit stands.
Finding judge_refused_change(const Scenario& scenario, const Observation& observation, size_t i,
                             const Tree& before, const KnobContext& context) {
  const Action& action = scenario.actions[i];
  const ActionObservation& seen = observation.actions[i];
  const auto old = before[action.node].limits.find(action.knob);
  const KnobValue stands = old == before[action.node].limits.end() ? KnobValue(Amount{}) : old->second;
  const std::string expected =
      expected_text(encode(action.knob, stands, before[action.node].limits, context));
  int64_t used = 0;
  for (const Sample& sample : observation.nodes[static_cast<size_t>(action.node)].series) {
    if (sample.at_ns <= seen.started_ns) used = get(sample.counters, Counter::MemoryCurrent).value_or(0);
    if (sample.at_ns - sample.took_ns < seen.completed_ns) continue;
    used = std::max(used, get(sample.counters, Counter::MemoryCurrent).value_or(0));
    break;
  }
  const auto limit = std::get<Amount>(action.value).value;
  const bool is_due = limit && used > *limit / context.page_size * context.page_size;
  return is_true(
      {"knob.readback", Controller::Memory, action.node, ""}, is_due && seen.read == expected,
      fmt::format("memory.max of {} was not lowered to {} (EBUSY) with {} bytes in use; it reads \"{}\"",
                  scenario.tree.path(action.node), describe(action.knob, action.value), used, seen.read));
}

void judge_changes(const Scenario& scenario, const Observation& observation, std::vector<Finding>& findings) {
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    const ActionObservation& seen = observation.actions[i];
    const bool tried = seen.started_ns != ActionObservation::kNotTried;
    if (action.kind != Action::Kind::SetLimit || !tried) continue;
    const Controller controller = knob_info(action.knob).controller;
    const KnobContext context = observation.machine.knob_context(controller);
    const Tree before = tree_in_force(scenario, observation, i);
    const bool may_be_busy = action.knob == Knob::MemoryMax && context.version == CgroupVersion::V1;
    if (may_be_busy && seen.write_errno == EBUSY) {
      findings.push_back(judge_refused_change(scenario, observation, i, before, context));
      continue;
    }
    const std::string expected =
        expected_text(encode(action.knob, action.value, before[action.node].limits, context));
    findings.push_back(is_true(
        {"knob.readback", controller, action.node, ""}, seen.write_errno == 0 && seen.read == expected,
        fmt::format("{} at {:.1f} ms: {}, read \"{}\", expected \"{}\"", describe(action, scenario.tree),
                    static_cast<double>(seen.started_ns) / 1e6, errno_name(seen.write_errno), seen.read,
                    expected)));
  }
}

/// Nodes that were to be created, and were not.
std::set<NodeId> never_there(const Scenario& scenario, const Observation& observation) {
  return absent_after(scenario, scenario.actions.size(), [&](size_t i) {
    return scenario.actions[i].kind == Action::Kind::Create && was_changed(observation, i);
  });
}

}  // namespace

std::vector<Finding> judge_knob_readback(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  const std::set<NodeId> never_made = never_there(scenario, observation);
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    if (never_made.contains(node)) continue;
    const std::vector<Readback>& seen = observation.nodes[static_cast<size_t>(node)].readbacks;
    const Limits& limits = scenario.tree[node].limits;
    size_t next = 0;
    for (const auto& [knob, value] : limits) {
      const Controller controller = knob_info(knob).controller;
      const KnobContext context = observation.machine.knob_context(controller);
      for (const KnobWrite& write : encode(knob, value, limits, context)) {
        const bool matches = next < seen.size() && seen[next].file == write.file;
        const Readback readback = matches ? seen[next++] : Readback{};
        const bool is_memory = knob == Knob::MemoryMax || knob == Knob::MemorySwapMax;
        const bool refused = is_memory && memory_limit_was_refused(scenario, observation, node);
        const std::string expected = expected_readback(scenario.tree, node, write, observation.machine);
        const bool same = readback.read == expected || is_with_reason(readback.read, expected);
        const bool taken = readback.write_errno == 0 && same;
        const bool holds = matches && (refused ? readback.write_errno != 0 : taken);
        findings.push_back(is_true({"knob.readback", controller, node, ""}, holds,
                                   fmt::format("{} of {}: wrote \"{}\" ({}), read \"{}\", expected \"{}\"",
                                               write.file, scenario.tree.path(node), write.value,
                                               errno_name(readback.write_errno), readback.read, expected)));
      }
    }
  }
  judge_changes(scenario, observation, findings);
  return findings;
}

std::vector<Finding> judge_knob_refusal(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  for (size_t i = 0; i < scenario.probes.size(); ++i) {
    const Probe& probe = scenario.probes[i];
    const ProbeObservation& seen = observation.probes[i];
    const int expected =
        expected_errno(scenario.tree, probe.node, probe.knob, probe.value, observation.machine);
    const bool one_file =
        knob_info(probe.knob).v1_files.size() == 1 ||
        observation.machine.knob_context(knob_info(probe.knob).controller).version == CgroupVersion::V2;
    const bool unchanged = seen.write_errno == 0 || !one_file || seen.read_after == seen.read_before;
    findings.push_back(
        is_true({"knob.refusal", knob_info(probe.knob).controller, probe.node, ""},
                seen.write_errno == expected && unchanged,
                fmt::format("{}={} on {}: {} where {} is due{}", knob_info(probe.knob).name,
                            describe(probe.knob, probe.value), scenario.tree.path(probe.node),
                            errno_name(seen.write_errno), errno_name(expected),
                            unchanged ? ""
                                      : fmt::format("; refused, yet it reads \"{}\" after \"{}\"",
                                                    seen.read_after, seen.read_before))));
  }
  return findings;
}

}  // namespace treeline

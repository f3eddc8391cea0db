#include "oracle/knobs.h"

#include <fmt/format.h>

#include "model/rules.h"
#include "model/rules_partition.h"
#include "oracle/finding.h"
#include "oracle/memory_support.h"

namespace treeline {

namespace {

/// sched_partition_show: "root invalid (Parent is not a partition root)". Reasons are no part of the rules.
bool is_with_reason(const std::string& read, const std::string& expected) {
  return expected.ends_with(" invalid") && read.starts_with(expected + " (") && read.ends_with(')');
}

}  // namespace

std::vector<Finding> judge_knob_readback(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
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

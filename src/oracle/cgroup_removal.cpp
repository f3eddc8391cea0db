#include "oracle/cgroup_removal.h"

#include <fmt/format.h>

#include <algorithm>

#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/memory_support.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

constexpr const char* kName = "cgroup.removal";

/// CPU time by the last reading that ended before an instant, or the first that began after it.
std::optional<int64_t> usage_until(const NodeObservation& node, int64_t at_ns) {
  std::optional<int64_t> usage;
  for (const Sample& sample : node.series) {
    if (sample.at_ns > at_ns) break;
    usage = get(sample.counters, Counter::CpuUsageNs);
  }
  return usage;
}

std::optional<int64_t> usage_from(const NodeObservation& node, int64_t at_ns) {
  for (const Sample& sample : node.series) {
    if (sample.at_ns - sample.took_ns >= at_ns) return get(sample.counters, Counter::CpuUsageNs);
  }
  return std::nullopt;
}

void judge_usage_above(const Scenario& scenario, const Observation& observation, size_t action,
                       std::vector<Finding>& findings) {
  const Tree& tree = scenario.tree;
  const NodeId removed = scenario.actions[action].node;
  const ActionObservation& seen = observation.actions[action];
  const int64_t its =
      usage_until(observation.nodes[static_cast<size_t>(removed)], seen.started_ns).value_or(0);
  const double rounding_ns = usage_rounding_ns(observation);
  for (const NodeId above : tree.lineage(removed)) {
    const NodeObservation& node = observation.nodes[static_cast<size_t>(above)];
    const auto before = usage_until(node, seen.started_ns);
    const auto after = usage_from(node, seen.completed_ns);
    if (above == removed || !before || !after) continue;
    const std::string why = static_cast<double>(its) <= rounding_ns ? "it had used no CPU time" : "";
    findings.push_back(
        at_least({kName, Controller::Cpu, above, "ms"}, static_cast<double>(*after) / 1e6,
                 (static_cast<double>(*before) - rounding_ns) / 1e6,
                 fmt::format("CPU time of {} once {}, with {:.1f} ms, was removed", tree.path(above),
                             tree.path(removed), static_cast<double>(its) / 1e6),
                 why));
  }
}

void judge_dying(const Scenario& scenario, const Observation& observation, NodeId removed,
                 std::vector<Finding>& findings) {
  const NodeId parent = scenario.tree[removed].parent;
  const Counters& drained = observation.nodes[static_cast<size_t>(parent)].drained;
  const auto dying = get(drained, Counter::DyingDescendants);
  if (!dying) return;
  const bool is_charged =
      get(drained, Counter::MemoryCurrent).value_or(0) > baseline_bytes(observation, parent);
  Finding finding = is_true({kName, Controller::Core, parent, ""}, *dying == 0,
                            fmt::format("below {} {} removed groups are left when all is over",
                                        scenario.tree.path(parent), *dying));
  if (*dying > 0 && is_charged) finding.status = Status::Inconclusive;
  findings.push_back(std::move(finding));
}

}  // namespace

std::vector<Finding> judge_cgroup_removal(const Scenario& scenario, const Observation& observation) {
  std::vector<Finding> findings;
  const std::set<NodeId> absent =
      absent_after(scenario, scenario.actions.size(), [&](size_t i) { return was_changed(observation, i); });
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    const ActionObservation& seen = observation.actions[i];
    const bool removes = action.kind == Action::Kind::Remove;
    const bool comes_or_goes = removes || action.kind == Action::Kind::Create;
    if (!comes_or_goes || seen.started_ns == ActionObservation::kNotTried) continue;
    findings.push_back(
        is_true({kName, Controller::Core, action.node, ""}, seen.write_errno == 0,
                fmt::format("{} at {:.1f} ms: {}", describe(action, scenario.tree),
                            static_cast<double>(seen.started_ns) / 1e6, errno_name(seen.write_errno))));
    if (!removes || seen.write_errno != 0) continue;
    judge_usage_above(scenario, observation, i, findings);
    if (!absent.contains(scenario.tree[action.node].parent)) {
      judge_dying(scenario, observation, action.node, findings);
    }
  }
  return findings;
}

}  // namespace treeline

#include "nightly/behaviours.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <vector>

#include "oracle/finding.h"

namespace treeline {

namespace {

/// The limits that bind a node: its own and those above it.
std::set<Knob> knobs_on(const Tree& tree, NodeId node) {
  std::set<Knob> knobs;
  for (const NodeId above : tree.lineage(node)) {
    for (const auto& [knob, value] : tree[above].limits) knobs.insert(knob);
  }
  return knobs;
}

/// All pairs: what breaks takes rarely more than two limits, and all subsets would be new forever.
std::vector<std::string> combinations(const std::set<Knob>& knobs) {
  if (knobs.empty()) return {"unlimited"};
  if (knobs.size() == 1) return {std::string(knob_info(*knobs.begin()).name)};
  std::vector<std::string> pairs;
  for (auto one = knobs.begin(); one != knobs.end(); ++one) {
    for (auto other = std::next(one); other != knobs.end(); ++other) {
      pairs.push_back(fmt::format("{}+{}", knob_info(*one).name, knob_info(*other).name));
    }
  }
  return pairs;
}

/// Those that reach the node: on it or above.
std::string actions_on(const Scenario& scenario, NodeId node) {
  std::set<std::string_view> kinds;
  for (const Action& action : scenario.actions) {
    if (!is_attempt(action) && scenario.tree.is_in_subtree(node, action.node)) {
      kinds.insert(kActionNames[static_cast<size_t>(action.kind)]);
    }
  }
  return kinds.empty() ? "still" : fmt::format("{}", fmt::join(kinds, "+"));
}

std::string outcome_of(const WorkerObservation& worker) {
  std::string text(end_name(worker.end));
  if (worker.first_errno != 0) text += "+" + errno_name(worker.first_errno);
  if (worker.forks_refused > 0) text += "+fork refused";
  return text;
}

}  // namespace

std::string_view margin_bucket(double margin) {
  struct Bucket {
    double from;
    std::string_view name;
  };
  constexpr std::array<Bucket, 6> kBuckets{
      {{1, "1"}, {0.98, "0.98"}, {0.95, "0.95"}, {0.9, "0.9"}, {0.8, "0.8"}, {0.5, "0.5"}}};
  for (const Bucket& bucket : kBuckets) {
    if (margin >= bucket.from) return bucket.name;
  }
  return "0";
}

std::set<std::string> behaviours_of(std::string_view property, const Scenario& scenario, const Trial& trial) {
  std::set<std::string> names;
  const auto add = [&](const auto&... parts) {
    std::string name(property);
    ((name += "/", name += parts), ...);
    names.insert(std::move(name));
  };
  const Observation& seen = trial.observation;
  if (seen.kernel_died()) add("kernel died");
  for (size_t i = 0; i < scenario.workers.size() && i < seen.workers.size(); ++i) {
    const Worker& worker = scenario.workers[i];
    const std::string actions = actions_on(scenario, worker.node);
    for (const std::string& knobs : combinations(knobs_on(scenario.tree, worker.node))) {
      add(knobs, workload_kind(worker.workload), actions, outcome_of(seen.workers[i]));
    }
  }
  for (size_t i = 0; i < scenario.probes.size() && i < seen.probes.size(); ++i) {
    add(knob_info(scenario.probes[i].knob).name, "probe", errno_name(seen.probes[i].write_errno));
  }
  for (size_t i = 0; i < scenario.actions.size() && i < seen.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    if (!is_attempt(action)) continue;
    const std::string_view what = has_setting(action) ? knob_info(action.knob).name : "group";
    add(what, kActionNames[static_cast<size_t>(action.kind)], errno_name(seen.actions[i].write_errno));
  }
  for (const Finding& finding : trial.verdict.findings) {
    if (finding.status == Status::NotApplicable) continue;
    add(finding.invariant, status_name(finding.status));
    if (finding.status == Status::Inconclusive || finding.margin <= 0) continue;
    add(finding.invariant, fmt::format("margin {}", margin_bucket(finding.margin)));
  }
  return names;
}

}  // namespace treeline

#include "compare/figures.h"

#include <algorithm>

#include "oracle/finding.h"

namespace treeline {

namespace {

class Taker {
 public:
  Taker(const Scenario& scenario, const Observation& seen)
      : scenario_(scenario),
        seen_(seen),
        run_ns_(static_cast<double>(std::max<int64_t>(1, seen.final_at_ns - seen.first_attach_ns))) {}

  Figures take(const Verdict& verdict) {
    for (size_t i = 0; i < seen_.nodes.size(); ++i) take_node(static_cast<NodeId>(i), seen_.nodes[i]);
    for (size_t i = 0; i < seen_.workers.size(); ++i) take_worker(i);
    for (size_t i = 0; i < seen_.probes.size(); ++i) take_probe(i);
    for (size_t i = 0; i < seen_.actions.size(); ++i) {
      const ActionObservation& action = seen_.actions[i];
      const bool tried = action.started_ns != ActionObservation::kNotTried;
      put("action", scenario_.actions[i].node, i, tried ? errno_name(action.write_errno) : "not tried");
    }
    take_verdict(verdict);
    return std::move(figures_);
  }

 private:
  void put(std::string name, NodeId node, size_t index, FigureValue value) {
    figures_.insert_or_assign({std::move(name), node, static_cast<int>(index)}, std::move(value));
  }
  void put(std::string name, NodeId node, FigureValue value) {
    figures_.insert_or_assign({std::move(name), node, -1}, std::move(value));
  }
  double share(int64_t ns) const { return static_cast<double>(ns) / run_ns_; }

  void take_node(NodeId id, const NodeObservation& node) {
    for (const auto& [counter, after] : node.after) {
      const CounterInfo& info = counter_info(counter);
      const int64_t value = info.cumulative ? after - get(node.before, counter).value_or(0) : after;
      put(std::string(info.name), id, info.name.ends_with("_ns") ? share(value) : static_cast<double>(value));
    }
    for (const Readback& readback : node.readbacks) {
      put("write " + readback.file, id, errno_name(readback.write_errno));
      put("read " + readback.file, id, readback.read);
    }
    if (node.child_errno != NodeObservation::kNotTried) put("mkdir", id, errno_name(node.child_errno));
  }

  void take_worker(size_t i) {
    const WorkerObservation& worker = seen_.workers[i];
    const NodeId node = scenario_.workers[i].node;
    put("worker end", node, i, std::string(end_name(worker.end)));
    put("worker errno", node, i, errno_name(worker.first_errno));
    put("worker cpu", node, i, share(worker.user_ns + worker.system_ns));
    put("worker forks", node, i, static_cast<double>(worker.forks_ok));
    put("worker forks refused", node, i, static_cast<double>(worker.forks_refused));
    put("worker bytes touched", node, i, static_cast<double>(worker.bytes_touched));
    put("worker bytes moved", node, i, share(worker.bytes_moved) * 1e9);
  }

  void take_probe(size_t i) {
    const ProbeObservation& seen = seen_.probes[i];
    const Probe& probe = scenario_.probes[i];
    const std::string knob(knob_info(probe.knob).name);
    put("probe " + knob, probe.node, i, errno_name(seen.write_errno));
    put("probe read " + knob, probe.node, i, seen.read_after);
  }

  void take_verdict(const Verdict& verdict) {
    std::map<std::pair<std::string, NodeId>, Status> worst;
    for (const Finding& finding : verdict.findings) {
      Status& status = worst[{finding.invariant, finding.node}];
      status = std::max(status, finding.status);
    }
    for (const auto& [key, status] : worst)
      put("verdict " + key.first, key.second, std::string(status_name(status)));
  }

  const Scenario& scenario_;
  const Observation& seen_;
  double run_ns_;
  Figures figures_;
};

}  // namespace

Figures figures_of(const Scenario& scenario, const Observation& seen, const Verdict& verdict) {
  return Taker(scenario, seen).take(verdict);
}

}  // namespace treeline

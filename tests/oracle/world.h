#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/observation.h"
#include "model/units.h"
#include "model/verdict.h"

/// Hand-made runs for the tests of the invariants that are not about CPU time: a scenario, and what a healthy
/// v1 kernel would have shown of it. A test says what each worker did; counters follow from that by summing
/// up the tree, and the test then spoils what it is about.
namespace treeline::world_test {

inline constexpr int64_t kMs = 1'000'000;
inline constexpr int64_t kPage = 4096;

class World {
 public:
  /// One node, "t", on a machine of two CPUs with all v1 controllers, a block device and no swap.
  World();

  /// The same machine with cgroup v2 only.
  void become_v2();
  NodeId add(NodeId parent, std::string name);
  void limit(NodeId node, Knob knob, KnobValue value);
  void memory_max(NodeId node, int64_t bytes) { limit(node, Knob::MemoryMax, Amount{bytes}); }
  void pids_max(NodeId node, int64_t tasks) { limit(node, Knob::PidsMax, Amount{tasks}); }
  /// Index of the new worker, which will have done all that it is told to do.
  size_t work(NodeId node, Workload workload);
  size_t hold(NodeId node, int64_t bytes, MemoryKind kind = MemoryKind::Anonymous);
  /// The action begins at once and completes within 1 ms.
  size_t act(Action::Kind kind, NodeId node, int64_t at_ms);
  void probe(NodeId node, Knob knob, KnobValue value, int answered);

  /// Fills the observation for a window of this length. Call it after all of the above.
  void run_for_ms(int64_t window_ms);

  /// OOM-killed after it touched so much; counted at its node.
  void oom_kill(size_t worker, int64_t touched_bytes);
  /// Forks that the worker got, and was refused.
  void forked(size_t worker, int64_t ok, int64_t refused);
  /// Direct I/O of the worker in its own direction.
  void moved(size_t worker, int64_t blocks, int64_t fastest_op_ns);
  /// Steps that the worker had made when each action was noted, and at the end.
  void progressed(size_t worker, const std::vector<int64_t>& at_actions, int64_t at_end);

  /// Sums the counters up the tree from what the workers did; again after each change of a worker.
  void settle_counters();
  Counters& before(NodeId node) { return of(node).before; }
  Counters& after(NodeId node) { return of(node).after; }
  Counters& drained(NodeId node) { return of(node).drained; }
  /// Takes the counter away everywhere, as on a kernel that does not have it.
  void forget(NodeId node, Counter counter);

  std::vector<Finding> findings(std::string_view invariant) const;
  /// The worst of the invariant's findings, of one node or of all.
  Status status(std::string_view invariant, NodeId node) const;
  Status status(std::string_view invariant) const;
  std::string explain(std::string_view invariant) const;

  Scenario scenario;
  Observation seen;

 private:
  NodeObservation& of(NodeId node) { return seen.nodes[static_cast<size_t>(node)]; }
  void observe_worker(size_t worker, int64_t window_ns);
  void add_worker(NodeId node, size_t worker);
};

}  // namespace treeline::world_test

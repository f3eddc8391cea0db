#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "model/attempts.h"
#include "model/controllers.h"
#include "model/scenario.h"
#include "model/threads.h"

namespace treeline {

namespace {

constexpr int64_t kMaxBytesPerWorker = int64_t{1} << 30;
constexpr int64_t kMaxFileBytes = int64_t{64} << 20;

/// Collects faults; each check names the JSON path that a reader of the file has to look at.
class Validator {
 public:
  explicit Validator(const Scenario& scenario) : scenario_(scenario) {}

  std::vector<Fault> run() && {
    check_tree();
    if (!faults_.empty()) return std::move(faults_);  // everything below indexes the tree
    check_strategy();
    check_workers();
    check_window();
    check_actions();
    check_probes();
    return std::move(faults_);
  }

 private:
  void refuse(std::string path, std::string message) {
    faults_.push_back({std::move(path), std::move(message)});
  }

  void in_range(const std::string& path, int64_t value, int64_t least, int64_t most) {
    if (value < least || value > most) {
      refuse(path, fmt::format("{} is outside {} … {}", value, least, most));
    }
  }

  void check_node_id(const std::string& path, NodeId node) {
    if (node < 0 || node >= scenario_.tree.size()) refuse(path, fmt::format("there is no node {}", node));
  }

  void check_tree() {
    const std::vector<Node>& nodes = scenario_.tree.nodes;
    if (nodes.empty()) return refuse("/tree", "a tree has at least its root");
    if (nodes.size() > kMaxNodes) return refuse("/tree", fmt::format("more than {} nodes", kMaxNodes));
    std::vector<int> depth(nodes.size());
    std::set<std::pair<NodeId, std::string>> names;
    for (size_t i = 0; i < nodes.size(); ++i) {
      const std::string path = fmt::format("/tree/{}", i);
      if (i == 0 ? nodes[i].parent != kNoParent
                 : nodes[i].parent < 0 || nodes[i].parent >= static_cast<NodeId>(i)) {
        return refuse(path + "/parent",
                      i == 0 ? "the first node is the root and has no parent"
                             : "a parent must stand before its child (else there would be a cycle)");
      }
      depth[i] = i == 0 ? 0 : depth[static_cast<size_t>(nodes[i].parent)] + 1;
      if (depth[i] > kMaxDepth) return refuse(path, fmt::format("deeper than {} levels", kMaxDepth));
      if (!is_legal_name(nodes[i].name)) {
        refuse(path + "/name",
               fmt::format("only letters, digits, '_' and '-', 1 to {} of them", kMaxNameLength));
      } else if (!names.emplace(nodes[i].parent, nodes[i].name).second) {
        refuse(path + "/name", "a sibling has the same name");
      }
      check_limits(path, nodes[i].limits);
      if (i > 0 && nodes[i].is_thread_root && scenario_.tree.thread_root_of(nodes[i].parent) != kNoParent) {
        refuse(path + "/thread_root", "a group above is one already");
      }
    }
  }

  void check_limits(const std::string& path, const Limits& limits) {
    for (const auto& [knob, value] : limits) {
      if (const auto why = why_illegal(knob, value)) {
        refuse(fmt::format("{}/limits/{}{}", path, knob_info(knob).name, why->json_path), why->message);
      }
    }
  }

  void check_strategy() {
    in_range("/strategy/percent", scenario_.strategy.percent, 0, 100);
    in_range("/strategy/depth", scenario_.strategy.depth, 0, kMaxDepth);
    if (scenario_.strategy.custom.size() > 64) refuse("/strategy/custom", "longer than 64 characters");
  }

  void check_workers() {
    if (scenario_.workers.size() > kMaxWorkers) {
      refuse("/workers", fmt::format("more than {} workers", kMaxWorkers));
    }
    for (size_t i = 0; i < scenario_.workers.size(); ++i) {
      const std::string path = fmt::format("/workers/{}", i);
      check_node_id(path + "/node", scenario_.workers[i].node);
      std::visit([&](const auto& work) { check(path + "/workload", work); }, scenario_.workers[i].workload);
    }
  }

  void check(const std::string& path, const CpuHog& hog) {
    in_range(path + "/threads", hog.threads, 1, 64);
    in_range(path + "/duty_percent", hog.duty_percent, 1, 100);
    in_range(path + "/cycle_us", hog.cycle_us, 1'000, 1'000'000);
  }
  void check(const std::string& path, const MemoryHog& hog) {
    in_range(path + "/bytes", hog.bytes, 4096, kMaxBytesPerWorker);
    in_range(path + "/chunk_bytes", hog.chunk_bytes, 4096, std::max<int64_t>(hog.bytes, 4096));
  }
  void check(const std::string& path, const IoHog& hog) {
    in_range(path + "/block_bytes", hog.block_bytes, 512, 1 << 20);
    if (hog.block_bytes % 512 != 0) refuse(path + "/block_bytes", "must be a multiple of 512");
    in_range(path + "/file_bytes", hog.file_bytes, std::max<int64_t>(hog.block_bytes, 1), kMaxFileBytes);
  }
  void check(const std::string& path, const ForkStorm& storm) {
    in_range(path + "/forks", storm.forks, 1, 256);
    in_range(path + "/pause_us", storm.pause_us, 0, 1'000'000);
  }
  void check(const std::string& path, const Mixed& mixed) {
    in_range(path + "/duty_percent", mixed.duty_percent, 1, 100);
    in_range(path + "/bytes", mixed.bytes, 4096, kMaxBytesPerWorker);
    in_range(path + "/forks", mixed.forks, 0, 256);
  }
  void check(const std::string& /*path*/, const Idle& /*idle*/) {}

  void check_actions() {
    if (scenario_.actions.size() > kMaxActions) {
      refuse("/actions", fmt::format("more than {} actions", kMaxActions));
    }
    int64_t previous = 0;
    for (size_t i = 0; i < scenario_.actions.size(); ++i) {
      const std::string path = fmt::format("/actions/{}", i);
      const Action& action = scenario_.actions[i];
      check_node_id(path + "/node", action.node);
      in_range(path + "/at_us", action.at_us, previous, std::max(previous, scenario_.window.length_us));
      previous = std::max(previous, action.at_us);
      if (action.kind == Action::Kind::SetLimit) check_change(path, i);
      if (has_worker(action)) check_migration(path, i);
      if (is_attempt(action)) check_attempt(path, i);
      if (moves_a_cpu(action)) check_hotplug(path, i);
      if (switches_a_controller(action)) check_switch(path, i);
      if (!moves_a_cpu(action)) check_presence(path, i);
      check_threaded(path, action);
    }
    if (!scenario_.actions.empty() && scenario_.window.until_settled) {
      refuse("/window/until_settled", "actions need a fixed window");
    }
  }

  void check_change(const std::string& path, size_t i) {
    const Action& action = scenario_.actions[i];
    const auto knobs = changeable_knobs();
    if (std::find(knobs.begin(), knobs.end(), action.knob) == knobs.end()) {
      refuse(path + "/knob", "cannot be changed by an action");
    } else if (const auto why = why_illegal(action.knob, action.value)) {
      refuse(path + "/value" + why->json_path, why->message);
    } else if (lacks(action.node, knob_info(action.knob).controller, i)) {
      refuse(path + "/node", "it does not have the limit's controller by then");
    }
  }

  bool lacks(NodeId node, Controller controller, size_t actions) const {
    return faults_.empty() && lacking_after(scenario_, controller, actions, every_action).contains(node);
  }

  /// What is switched off must be on below the node, and the other way round; the node itself must have it.
  void check_switch(const std::string& path, size_t i) {
    const Action& action = scenario_.actions[i];
    const auto controllers = switchable_controllers();
    const bool goes = action.kind == Action::Kind::DisableController;
    if (!faults_.empty()) return;
    if (std::find(controllers.begin(), controllers.end(), action.controller) == controllers.end()) {
      return refuse(path + "/controller", "cannot be switched by an action");
    }
    if (moves_groups(scenario_)) {
      return refuse(path, "controllers stay where groups come and go");
    }
    const std::vector<NodeId> children = scenario_.tree.children(action.node);
    if (children.empty()) {
      refuse(path + "/node", "it has no children");
    } else if (lacks(action.node, action.controller, i)) {
      refuse(path + "/node", "it does not have the controller itself by then");
    } else if (goes == lacks(children.front(), action.controller, i)) {
      refuse(path + "/node", fmt::format("it is {} there already", goes ? "off" : "on"));
    }
  }

  void check_migration(const std::string& path, size_t i) {
    const Action& action = scenario_.actions[i];
    if (action.worker < 0 || action.worker >= static_cast<int>(scenario_.workers.size())) {
      return refuse(path + "/worker", fmt::format("there is no worker {}", action.worker));
    }
    const bool is_thread = action.kind == Action::Kind::MigrateThread;
    const int threads = threads_of(scenario_.workers[static_cast<size_t>(action.worker)].workload);
    if (is_thread && (action.thread < 1 || action.thread >= threads)) {
      refuse(path + "/thread",
             fmt::format("worker {} has no thread {} beside its first", action.worker, action.thread));
    }
    if (!faults_.empty()) return;  // where the worker is by then depends on all before
    if (is_attempt(action)) return;
    const ThreadId mover{action.worker, is_thread ? action.thread : 0};
    if (place_of(scenario_, mover, i, every_action) == action.node) {
      refuse(path + "/node", fmt::format("{} {} is there already",
                                         is_thread ? "the thread of worker" : "worker", action.worker));
    }
  }

  /// Threads are moved within a tree that stands, and nothing forbidden is tried there: the model of attempts
  /// knows of whole processes. A threaded group takes no cgroup.kill: killing takes whole processes
  /// (kernel/cgroup/cgroup.c, cgroup_kill_write: EOPNOTSUPP).
  void check_threaded(const std::string& path, const Action& action) {
    if (!faults_.empty()) return;
    const bool changes_tree = action.kind == Action::Kind::Create || action.kind == Action::Kind::Remove ||
                              switches_a_controller(action) || is_attempt(action);
    if (changes_tree && (scenario_.tree.has_thread_root() || moves_threads(scenario_))) {
      refuse(path, "groups and controllers stay where threads move, or may, and nothing forbidden is tried");
    }
    const NodeId parent = scenario_.tree[action.node].parent;
    if (action.kind == Action::Kind::Kill && parent != kNoParent &&
        scenario_.tree.thread_root_of(parent) != kNoParent) {
      refuse(path + "/node", "a threaded group takes no cgroup.kill");
    }
  }

  /// Whether it is refused is for the machine's rules to say: model/attempts.h.
  void check_attempt(const std::string& path, size_t i) {
    const Action& action = scenario_.actions[i];
    if (action.kind == Action::Kind::TryLimit) {
      if (action.value.index() != value_index(knob_info(action.knob).type)) {
        refuse(path + "/value", "is of another type than the knob");
      } else if (lacks(action.node, knob_info(action.knob).controller, i)) {
        refuse(path + "/node", "it does not have the limit's controller by then");
      }
    }
    const auto controllers = attempted_controllers();
    const bool is_known =
        std::find(controllers.begin(), controllers.end(), action.controller) != controllers.end();
    if (has_controller(action) && !is_known) refuse(path + "/controller", "cannot be tried by an action");
  }

  /// What is done to a node must find it there, and what creates it must not; each is created once at most.
  void check_presence(const std::string& path, size_t i) {
    const Action& action = scenario_.actions[i];
    if (!moves_groups(scenario_) || !faults_.empty()) return;
    const std::set<NodeId> absent = absent_after(scenario_, i, every_action);
    const bool creates = action.kind == Action::Kind::Create;
    const bool comes_or_goes = creates || action.kind == Action::Kind::Remove;
    if (comes_or_goes && action.node == kRoot)
      return refuse(path + "/node", "the root neither comes nor goes");
    const NodeId must_be_there = creates ? scenario_.tree[action.node].parent : action.node;
    if (absent.contains(must_be_there)) {
      return refuse(path + "/node", fmt::format("node {} is not there by then", must_be_there));
    }
    const auto worker = static_cast<size_t>(action.worker);
    if (has_worker(action) && absent.contains(first_of(worker, i))) {
      return refuse(path + "/worker", fmt::format("worker {} is not there by then", worker));
    }
    if (creates && !absent.contains(action.node)) refuse(path + "/node", "it is there already");
    if (creates && was_there_before(action.node, i)) refuse(path + "/node", "it was there before");
  }

  NodeId first_of(size_t worker, size_t actions) const {
    return place_of(scenario_, {static_cast<int>(worker), 0}, actions, every_action);
  }

  /// The node was created, or removed, by an action before the i-th.
  bool was_there_before(NodeId node, size_t i) const {
    const auto end = scenario_.actions.begin() + static_cast<std::ptrdiff_t>(i);
    return std::any_of(scenario_.actions.begin(), end, [&](const Action& earlier) {
      const bool comes_or_goes = earlier.kind == Action::Kind::Create || earlier.kind == Action::Kind::Remove;
      return comes_or_goes && earlier.node == node;
    });
  }

  void check_hotplug(const std::string& path, size_t i) {
    const Action& action = scenario_.actions[i];
    const std::set<int> offline = offline_after(scenario_, i, every_action);
    const bool goes = action.kind == Action::Kind::CpuOffline;
    if (goes == offline.contains(action.cpu)) {
      refuse(path + "/cpu", fmt::format("CPU {} is {} already", action.cpu, goes ? "offline" : "online"));
    }
  }

  void check_probes() {
    if (scenario_.probes.size() > 256) refuse("/probes", "more than 256 probes");
    for (size_t i = 0; i < scenario_.probes.size(); ++i) {
      const Probe& probe = scenario_.probes[i];
      check_node_id(fmt::format("/probes/{}/node", i), probe.node);
      if (probe.value.index() != value_index(knob_info(probe.knob).type)) {
        refuse(fmt::format("/probes/{}/value", i), "is of another type than the knob");
      }
    }
  }

  void check_window() {
    const Window& window = scenario_.window;
    in_range("/window/length_us", window.length_us, 1'000, kMaxWindowUs);
    in_range("/window/sample_every_us", window.sample_every_us, 1'000, kMaxWindowUs);
    if (window.until_settled) {
      for (size_t i = 0; i < scenario_.workers.size(); ++i) {
        if (!settles(scenario_.workers[i].workload)) {
          refuse("/window/until_settled", fmt::format("worker {} never settles", i));
          break;
        }
      }
    }
    in_range("/requirements/cpus", scenario_.requirements.cpus, 1, 8192);
    in_range("/requirements/memory_bytes", scenario_.requirements.memory_bytes, 0, int64_t{1} << 42);
  }

  const Scenario& scenario_;
  std::vector<Fault> faults_;
};

}  // namespace

std::vector<Fault> validate(const Scenario& scenario) { return Validator(scenario).run(); }

}  // namespace treeline

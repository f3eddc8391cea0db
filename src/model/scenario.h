#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/error.h"
#include "model/tree.h"
#include "model/workload.h"

namespace treeline {

/// Version of the JSON schema of scenario, observation and counterexample files.
inline constexpr int kSchemaVersion = 1;

/// Where workloads were put. Recorded for the reader; the workers say what really runs where.
struct Strategy {
  enum class Kind : uint8_t { LeavesOnly, AllNodes, Random, Depth, Custom };
  Kind kind = Kind::LeavesOnly;
  int percent = 0;     ///< Random: the chance of each node.
  int depth = 0;       ///< Depth: the one depth.
  std::string custom;  ///< Custom: name of the predicate.
  bool operator==(const Strategy&) const = default;
};
std::string describe(const Strategy& strategy);

/// One thread of a worker; thread 0 is the process's first, its leader.
struct ThreadId {
  int worker = 0;
  int thread = 0;
  bool operator==(const ThreadId&) const = default;
};

/// One process (with its threads and children) in one node.
struct Worker {
  NodeId node = kRoot;
  Workload workload;
  /// In a view by threads (model/threads.h), and nowhere else: the thread that this one stands for.
  std::optional<ThreadId> stands_for = {};
  bool operator==(const Worker&) const = default;
};

/// Something that happens `at_us` after the common start.
struct Action {
  enum class Kind : uint8_t {
    Freeze,
    Thaw,
    Kill,  ///< cgroup.kill (v2)
    SetLimit,
    Migrate,  ///< A worker's process, with all its threads, goes to `node`; its children stay.
    CpuOffline,
    CpuOnline,
    Create,  ///< The subtree of `node`, which was not there until then, is made, and its workers start.
    Remove,  ///< All that is in the subtree of `node` is killed, and its groups are removed.
    DisableController,  ///< All groups below `node` lose `controller` (v2: cgroup.subtree_control).
    EnableController,   ///< They get it back, with the limits of a new group: none.
    // Attempts: one system call that the rules forbid at that instant (model/attempts.h).
    TryLimit,          ///< A write of `value`, legal or not, to `knob`.
    TryMigrate,        ///< v2: the worker's process goes into `node` itself, never into its leaf proxy.
    TryRemove,         ///< rmdir of `node`.
    TryCreate,         ///< v2: mkdir of one more group below `node`.
    TryControllerOff,  ///< v2: `controller` is taken from the children of `node` alone.
    TryControllerOn,   ///< v2: It is given to them.
    MigrateThread,     ///< One thread of a worker, a CPU hog, goes to `node`; the leader and the others stay.
  };
  int64_t at_us = 0;
  Kind kind = Kind::Freeze;
  NodeId node = kRoot;
  /// SetLimit: one of changeable_knobs() gets a value; "max" clears it. TryLimit: any knob.
  Knob knob = Knob::CpuMax;
  KnobValue value = Amount{};
  /// Migrate, MigrateThread, TryMigrate: index of the worker. The first two find it, or the thread, somewhere
  /// else.
  int worker = 0;
  /// MigrateThread: which of the worker's threads, in the order in which it creates them, from 1 on.
  int thread = 0;
  /// CpuOffline, CpuOnline: which. It is online, or offline, by then.
  int cpu = 0;
  /// DisableController, EnableController and attempts at either: which, see model/controllers.h.
  Controller controller = Controller::Cpu;
  bool operator==(const Action&) const = default;
};

/// By Action::Kind; also in JSON.
inline constexpr std::array<std::string_view, 18> kActionNames{
    "freeze",      "thaw",       "kill",       "set_limit",          "migrate",           "cpu_offline",
    "cpu_online",  "create",     "remove",     "controller_off",     "controller_on",     "try_limit",
    "try_migrate", "try_remove", "try_create", "try_controller_off", "try_controller_on", "migrate_thread"};

/// Knobs that a SetLimit may change: those whose invariants are judged piecewise (oracle/segments.h).
std::span<const Knob> changeable_knobs();
/// Whose files the action writes; nullopt: it concerns every hierarchy.
std::optional<Controller> controller_of(const Action& action);
/// It changes that knob.
bool is_change_of(const Action& action, Knob knob);
/// A CPU goes or comes; the action has no node.
bool moves_a_cpu(const Action& action);
/// A worker, or one thread of it, goes to the action's node.
bool moves_a_worker(const Action& action);
/// A controller goes or comes below the action's node.
bool switches_a_controller(const Action& action);
/// It must be refused, and changes nothing (model/attempts.h).
bool is_attempt(const Action& action);
/// The action has a knob and a value, a worker, a controller.
bool has_setting(const Action& action);
bool has_worker(const Action& action);
bool has_controller(const Action& action);
/// "freeze t/a", "set_limit t/a cpu.max=10/100 ms", "migrate worker 0 to t/a", "cpu_offline 1",
/// "controller_off t/a cpu", "try_remove t/a", "migrate thread 1 of worker 0 to t/a"
std::string describe(const Action& action, const Tree& tree);

/// One write that is tried after the tree stands and before any worker starts, to see whether the kernel
/// takes it. What it must answer is the oracle's business (oracle/rules.h). The executor writes the old value
/// back.
struct Probe {
  NodeId node = kRoot;
  Knob knob = Knob::CpuMax;
  KnobValue value;
  bool operator==(const Probe&) const = default;
};

/// How long to measure. With `until_settled` the run ends as soon as every worker that settles has settled
/// (and no other kind is there); `length_us` is then only the deadline.
struct Window {
  int64_t length_us = 200'000;
  bool until_settled = false;
  int64_t sample_every_us = 10'000;
  bool operator==(const Window&) const = default;
};

inline constexpr int kMaxWorkers = 256;
inline constexpr int kMaxActions = 64;
inline constexpr int64_t kMaxWindowUs = 60'000'000;

/// What a machine must offer to run the scenario.
struct Requirements {
  int cpus = 1;
  int64_t memory_bytes = 64 << 20;  ///< Free memory that the workers may take together.
  bool block_device = false;
  bool operator==(const Requirements&) const = default;
};

/// A test case: a value that says all that is run and nothing of how it came out.
struct Scenario {
  Tree tree;
  Strategy strategy;
  std::vector<Worker> workers;
  std::vector<Action> actions;
  std::vector<Probe> probes;
  Window window;
  Requirements requirements;
  bool operator==(const Scenario&) const = default;
};

/// Structural faults (indices, names, order, ranges) with their JSON path; empty if the scenario is valid.
/// Everything that the executor and the oracle take for granted is checked here.
struct Fault {
  std::string json_path;
  std::string message;
};
std::vector<Fault> validate(const Scenario& scenario);

/// The scenario as it stands when its first `actions` actions are over, without actions: limits that were set
/// and workers that were moved by those that `taken` says were done. A node that is not there by then has no
/// limits, and its workers are idle; one that has lost a controller has lost its limits for good. Threads
/// that have left their process are not told apart: see model/threads.h.
/// For these and their like: that all actions were taken.
inline bool every_action(size_t /*action*/) { return true; }

Scenario scenario_after(const Scenario& scenario, size_t actions, const std::function<bool(size_t)>& taken);
/// CPUs that are offline by then.
std::set<int> offline_after(const Scenario& scenario, size_t actions,
                            const std::function<bool(size_t)>& taken);
/// Nodes that are not there by then: they, or one above, are yet to be created, or were removed.
std::set<NodeId> absent_after(const Scenario& scenario, size_t actions,
                              const std::function<bool(size_t)>& taken);
/// Nodes that are not there when the run begins.
std::set<NodeId> absent_at_first(const Scenario& scenario);
/// Some group comes or goes while work runs.
bool moves_groups(const Scenario& scenario);
/// Some limit of the knob is to be changed: what judges a whole run by the limits that it began with has
/// nothing to say then.
bool changes(const Scenario& scenario, Knob knob);
/// Some worker is to go from one node to another.
bool migrates(const Scenario& scenario);
/// Some CPU goes offline, or some cpuset changes, while work runs.
bool moves_cpus(const Scenario& scenario);

/// What draw() says below the tree: actions, probes and the window, one line each.
std::string describe_timeline(const Scenario& scenario);

/// The tree drawn with box characters, one line a node: limits, workers, and actions below it.
/// `notes[i]`, if given, is appended to node i's line (the violating node's bound and observed value).
std::string draw(const Scenario& scenario, const std::vector<std::string>& notes = {});

/// The measure by which shrinking makes progress, compared lexicographically: nodes, actions + probes,
/// workers, limits, then the digits needed to write all numbers down. Strictly smaller at every shrink step.
struct Size {
  int nodes = 0;
  int actions = 0;
  int workers = 0;
  int limits = 0;
  int64_t detail = 0;
  auto operator<=>(const Size&) const = default;  // NOLINT(modernize-use-nullptr): a clang-tidy 14 misreading
};
Size size_of(const Scenario& scenario);

}  // namespace treeline

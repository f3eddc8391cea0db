#include "oracle/memory_protection.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "model/rules.h"
#include "oracle/demand.h"
#include "oracle/finding.h"
#include "oracle/memory_protection_model.h"
#include "oracle/memory_support.h"
#include "oracle/segments.h"

namespace treeline {

namespace {

constexpr int64_t kLruBatchPages = 64;
constexpr int kFirstPriority = 12;
constexpr int kJudgedLevels = 2;

Subject subject_of(NodeId node, const char* unit) {
  return {"memory.protection", Controller::Memory, node, unit};
}

/// One run's facts, asked for by several laws.
class Protection {
 public:
  /// `writers`: who reclaims besides the tasks below, by writing a memory.max.
  Protection(const Scenario& scenario, const Observation& observation, int64_t writers)
      : scenario_(scenario),
        observation_(observation),
        page_(observation.machine.page_size),
        writers_(writers) {}

  std::vector<Finding> judge(bool with_kills) const;
  /// Some limit may make somebody reclaim.
  bool is_pressed() const;

 private:
  const Tree& tree() const { return scenario_.tree; }
  const NodeObservation& seen(NodeId node) const { return observation_.nodes[static_cast<size_t>(node)]; }

  int64_t setting(NodeId node, Knob knob) const { return amount(tree()[node].limits, knob).value_or(0); }
  int64_t strongest(NodeId node) const {
    return std::max(setting(node, Knob::MemoryLow), setting(node, Knob::MemoryMin));
  }
  /// The most that the group was ever charged; where the kernel does not say, as much as one likes.
  int64_t peak(NodeId node) const { return get(seen(node).after, Counter::MemoryPeak).value_or(INT64_MAX); }
  bool holds_pages(size_t worker) const;
  int64_t held_bytes(NodeId top) const;
  int64_t file_bytes(NodeId top) const;
  /// Slots of xarray nodes and buffer heads of the subtree's files, as in overhead_bytes.
  int64_t file_objects_bytes(NodeId top) const { return file_bytes(top) / 32; }
  int64_t stocks_bytes(NodeId top) const {
    return groups_in(scenario_, top, observation_.machine, Controller::Memory) * stock_bytes(observation_);
  }
  int64_t most_bytes(NodeId top) const {
    return most_demand_bytes(scenario_, observation_, top) + file_objects_bytes(top) + stocks_bytes(top);
  }

  int64_t reclaimers(NodeId target) const { return tasks_wanted_in(scenario_, target) + writers_; }
  bool may_reclaim(NodeId node) const;
  std::vector<NodeId> reclaimers_above(NodeId node) const;
  int64_t guaranteed_bytes(NodeId target, NodeId node, Knob knob) const;
  bool is_exhausted(NodeId target, const std::function<int64_t(NodeId)>& protection) const;
  double reclaimed_bytes(NodeId target) const;

  struct Shelter {
    bool is_whole = true;  ///< Sheltered at every target.
    bool is_hard = true;   ///< And by memory.min.
    int64_t least_min = INT64_MAX;
    int64_t early_looks_bytes = 0;
    int64_t batches_bytes = 0;
  };
  Shelter shelter_of(NodeId node, const std::vector<NodeId>& targets) const;
  /// What the group would have been charged with in the end if nothing was protected, at most.
  double unprotected_bytes(NodeId node, const std::vector<NodeId>& targets) const;
  bool is_judgeable(NodeId node, const std::vector<NodeId>& targets) const;
  bool gives_nothing_back(NodeId node) const;
  std::string why_unknown(NodeId node, const std::vector<NodeId>& targets) const;

  void judge_group(NodeId node, std::vector<Finding>& findings) const;
  void judge_kept(NodeId node, int64_t bound, const std::string& law, bool was_breached,
                  const std::vector<NodeId>& targets, std::vector<Finding>& findings) const;
  void judge_breaches(NodeId node, const std::vector<NodeId>& targets, int64_t breaches,
                      std::vector<Finding>& findings) const;
  void judge_kills(NodeId target, std::vector<Finding>& findings) const;
  bool may_kill(NodeId node) const;

  const Scenario& scenario_;
  const Observation& observation_;
  int64_t page_;
  int64_t writers_;
};

/// Alive, and keeps what it touched.
bool Protection::holds_pages(size_t worker) const {
  const WorkerEnd end = observation_.workers[worker].end;
  const Workload& workload = scenario_.workers[worker].workload;
  return (end == WorkerEnd::Finished || end == WorkerEnd::Stopped) && holds_memory(workload) &&
         touched_bytes(workload) > 0;
}

int64_t Protection::held_bytes(NodeId top) const {
  int64_t sum = 0;
  for (const size_t i : workers_in(scenario_, top)) {
    if (!holds_pages(i)) continue;
    sum += std::min(observation_.workers[i].bytes_touched, touched_bytes(scenario_.workers[i].workload));
  }
  return sum / page_ * page_;
}

int64_t Protection::file_bytes(NodeId top) const {
  int64_t sum = 0;
  for (const size_t i : workers_in(scenario_, top)) {
    const Workload& workload = scenario_.workers[i].workload;
    sum += touched_bytes(workload) - unreclaimable_bytes(workload);
  }
  return sum;
}

/// By the kernel's own count, or because it should have.
bool Protection::may_reclaim(NodeId node) const {
  const auto has_reached = [&](std::optional<int64_t> limit, Counter events) {
    return limit &&
           (grown(seen(node).before, seen(node).after, events).value_or(0) > 0 || most_bytes(node) > *limit);
  };
  return has_reached(memory_limit_bytes(scenario_, observation_, node), Counter::MemoryMaxEvents) ||
         has_reached(amount(tree()[node].limits, Knob::MemoryHigh), Counter::MemoryHighEvents);
}

std::vector<NodeId> Protection::reclaimers_above(NodeId node) const {
  std::vector<NodeId> targets = tree().lineage(node);
  std::erase_if(targets, [&](NodeId above) { return above == node || !may_reclaim(above); });
  return targets;
}

int64_t Protection::guaranteed_bytes(NodeId target, NodeId node, Knob knob) const {
  std::vector<ProtectedGroup> groups;
  groups.reserve(tree().nodes.size());
  for (NodeId id = 0; id < tree().size(); ++id) {
    groups.push_back({tree()[id].parent, peak(id) / page_, setting(id, knob) / page_});
  }
  return guaranteed_protection(groups, static_cast<size_t>(target))[static_cast<size_t>(node)] * page_;
}

/// It may be that reclaim for the target finds nothing but what `protection` of its children protects.
bool Protection::is_exhausted(NodeId target, const std::function<int64_t(NodeId)>& protection) const {
  constexpr int64_t kFolioBatchPages = int64_t{6} * 31;
  const auto limit = memory_limit_bytes(scenario_, observation_, target);
  if (!limit) return true;
  const std::vector<NodeId> children = tree().children(target);
  // Before 6.2 the target's own min counts, as it was last worked out (fixed by adb8213014b2).
  int64_t is_kept = children.empty() ? std::min(file_bytes(target), protection(target)) : 0;
  for (const NodeId child : children) is_kept += std::min(file_bytes(child), protection(child));
  const auto cpus = static_cast<int64_t>(observation_.machine.cpus.size());
  const int64_t out_of_reach = (cpus * kFolioBatchPages + reclaimers(target) * kLruBatchPages) * page_;
  return most_bytes(target) - file_bytes(target) + is_kept + out_of_reach > *limit;
}

/// What had to be reclaimed for the target's memory.max.
double Protection::reclaimed_bytes(NodeId target) const {
  const auto limit = memory_limit_bytes(scenario_, observation_, target);
  if (!limit) return 0;
  const double wanted = potential(
      scenario_, target,
      [&](size_t i) {
        return holds_pages(i) ? static_cast<double>(observation_.workers[i].bytes_touched) : 0.0;
      },
      [&](NodeId id) -> std::optional<double> {
        const auto most = memory_limit_bytes(scenario_, observation_, id);
        return most ? std::optional<double>(static_cast<double>(*most)) : std::nullopt;
      });
  return std::max(0.0, wanted - static_cast<double>(*limit));
}

Protection::Shelter Protection::shelter_of(NodeId node, const std::vector<NodeId>& targets) const {
  Shelter shelter;
  const int64_t most = peak(node);
  for (const NodeId target : targets) {
    const int64_t min = guaranteed_bytes(target, node, Knob::MemoryMin);
    const int64_t low = guaranteed_bytes(target, node, Knob::MemoryLow);
    shelter.is_hard = shelter.is_hard && most <= min;
    shelter.is_whole = shelter.is_whole && most <= std::max(min, low);
    shelter.least_min = std::min(shelter.least_min, min);
    const int64_t batches = reclaimers(target) * kLruBatchPages * page_;
    shelter.batches_bytes = std::max(shelter.batches_bytes, batches);
    const int64_t first_look = (most >> kFirstPriority) / page_ * page_;
    if (tree()[node].parent == target || first_look == 0) continue;
    shelter.early_looks_bytes =
        std::max(shelter.early_looks_bytes, batches + reclaimers(target) * first_look);
  }
  return shelter;
}

double Protection::unprotected_bytes(NodeId node, const std::vector<NodeId>& targets) const {
  const auto touched = static_cast<double>(held_bytes(node));
  double loss = 0;
  for (const NodeId target : targets) {
    const auto all = static_cast<double>(held_bytes(target));
    if (all > 0) loss = std::max(loss, reclaimed_bytes(target) * touched / all);
  }
  int64_t besides = baseline_bytes(observation_, node) + file_objects_bytes(node) + stocks_bytes(node);
  for (const size_t i : workers_in(scenario_, node)) {
    besides += overhead_bytes(scenario_.workers[i].workload, page_);
  }
  return touched - std::min(loss, touched) + static_cast<double>(besides);
}

bool Protection::is_judgeable(NodeId node, const std::vector<NodeId>& targets) const {
  if (!tree().is_leaf(node) || targets.empty() || held_bytes(node) == 0 || may_reclaim(node)) return false;
  const std::vector<NodeId> lineage = tree().lineage(node);
  const bool is_protected =
      std::any_of(lineage.begin(), lineage.end(), [&](NodeId id) { return strongest(id) > 0; });
  return is_protected && get(seen(node).after, Counter::MemoryPeak) &&
         get(seen(node).after, Counter::MemoryCurrent);
}

/// No worker of the group freed memory by itself, in the place of which others' would have been taken before.
bool Protection::gives_nothing_back(NodeId node) const {
  const std::vector<size_t> workers = workers_at(scenario_, node);
  return std::all_of(workers.begin(), workers.end(), [&](size_t i) {
    const Workload& workload = scenario_.workers[i].workload;
    return holds_pages(i) || (touched_bytes(workload) == 0 && !std::holds_alternative<IoHog>(workload));
  });
}

/// Why what the group lost says nothing.
std::string Protection::why_unknown(NodeId node, const std::vector<NodeId>& targets) const {
  if (!all_still(scenario_, observation_, node)) return "its workers were not still when it was read";
  const auto scans = grown(seen(kRoot).before, seen(kRoot).after, Counter::MemoryKswapdScans);
  if (scans.value_or(0) > 0 || machine_was_out_of_memory(observation_))
    return "the machine was short of memory";
  const bool is_deep = std::any_of(targets.begin(), targets.end(), [&](NodeId target) {
    return tree().depth(node) - tree().depth(target) > kJudgedLevels;
  });
  return is_deep ? "its parent's share may be of an earlier walk" : "";
}

void Protection::judge_kept(NodeId node, int64_t bound, const std::string& law, bool was_breached,
                            const std::vector<NodeId>& targets, std::vector<Finding>& findings) const {
  const int64_t current = *get(seen(node).after, Counter::MemoryCurrent);
  std::string why;
  if (unprotected_bytes(node, targets) >= static_cast<double>(bound)) {
    why = "a group without protection would not surely have lost more";
  }
  const std::string what =
      fmt::format("memory of {}, {}, when memory ran short above it", tree().path(node), law);
  if (was_breached) {
    // What it lost was counted; had it not been, that would have shown.
    findings.push_back(is_true(subject_of(node, "MiB"), true, what + ": taken, and counted as \"low\"",
                               current >= bound ? "it lost too little to tell" : ""));
    return;
  }
  findings.push_back(at_least(subject_of(node, "MiB"), mib(current), mib(bound), what, why));
}

void Protection::judge_breaches(NodeId node, const std::vector<NodeId>& targets, int64_t breaches,
                                std::vector<Finding>& findings) const {
  const bool may_breach = std::any_of(targets.begin(), targets.end(), [&](NodeId target) {
    return is_exhausted(target, [&](NodeId id) { return strongest(id); });
  });
  if (may_breach) return;
  const bool was_pressed =
      std::any_of(targets.begin(), targets.end(), [&](NodeId target) { return reclaimed_bytes(target) > 0; });
  Finding finding = is_true(subject_of(node, "breaches"), breaches == 0,
                            fmt::format("memory.low of {} was breached {} times while there was unprotected "
                                        "memory to reclaim",
                                        tree().path(node), breaches),
                            was_pressed ? "" : "memory did not run short");
  finding.observed = static_cast<double>(breaches);
  findings.push_back(std::move(finding));
}

void Protection::judge_group(NodeId node, std::vector<Finding>& findings) const {
  const std::vector<NodeId> targets = reclaimers_above(node);
  if (!is_judgeable(node, targets)) return;
  const std::string why = why_unknown(node, targets);
  if (!why.empty()) {
    findings.push_back(is_true(subject_of(node, "MiB"), true, "memory of " + tree().path(node), why));
    return;
  }
  const Shelter shelter = shelter_of(node, targets);
  const int64_t breaches = grown(seen(node).before, seen(node).after, Counter::MemoryLowEvents).value_or(0);
  if (shelter.is_whole) {
    const int64_t held = held_bytes(node);
    judge_kept(node, held - shelter.early_looks_bytes,
               fmt::format("whose workers hold {:.3f} MiB, all of it protected", mib(held)),
               !shelter.is_hard && breaches > 0, targets, findings);
    if (!shelter.is_hard) judge_breaches(node, targets, breaches, findings);
    return;
  }
  const int64_t bound =
      shelter.least_min - shelter.batches_bytes - file_objects_bytes(node) - stocks_bytes(node);
  if (bound > 0 && observation_.machine.swap_bytes == 0 && gives_nothing_back(node)) {
    judge_kept(node, std::min(bound, held_bytes(node)),
               fmt::format("of which {:.3f} MiB are protected by memory.min", mib(shelter.least_min)), false,
               targets, findings);
  }
}

/// memory.max of the node may leave no other way than to kill.
bool Protection::may_kill(NodeId node) const {
  return memory_limit_bytes(scenario_, observation_, node) &&
         is_exhausted(node, [&](NodeId id) { return setting(id, Knob::MemoryMin); });
}

void Protection::judge_kills(NodeId target, std::vector<Finding>& findings) const {
  const auto is_protected = [&](NodeId id) { return id != target && strongest(id) > 0; };
  const std::vector<NodeId> below = tree().subtree(target);
  if (!memory_limit_bytes(scenario_, observation_, target) || may_kill(target)) return;
  if (std::none_of(below.begin(), below.end(), is_protected)) return;
  int undue = 0;
  for (const size_t i : workers_in(scenario_, target)) {
    const std::vector<NodeId> lineage = tree().lineage(scenario_.workers[i].node);
    const bool is_due = std::any_of(lineage.begin(), lineage.end(), [&](NodeId id) { return may_kill(id); });
    if (observation_.workers[i].end == WorkerEnd::OomKilled && !is_due) ++undue;
  }
  // A kill says by itself that memory ran short.
  if (undue == 0 && reclaimed_bytes(target) <= 0) return;
  Finding finding = is_true(subject_of(target, "kills"), undue == 0,
                            fmt::format("{} workers of {} were OOM-killed while there was memory to reclaim "
                                        "that no memory.min protects",
                                        undue, tree().path(target)));
  finding.observed = undue;
  if (machine_was_out_of_memory(observation_)) finding.status = Status::Inconclusive;
  findings.push_back(std::move(finding));
}

std::vector<Finding> Protection::judge(bool with_kills) const {
  std::vector<Finding> findings;
  for (NodeId node = 0; node < tree().size(); ++node) judge_group(node, findings);
  for (NodeId node = 0; with_kills && node < tree().size(); ++node) judge_kills(node, findings);
  return findings;
}

bool Protection::is_pressed() const {
  for (NodeId node = 0; node < tree().size(); ++node) {
    for (const Knob knob : {Knob::MemoryMax, Knob::MemoryHigh}) {
      const auto limit = amount(tree()[node].limits, knob);
      if (limit && most_bytes(node) > *limit / page_ * page_) return true;
    }
  }
  return false;
}

/// As it stands in the end, if it may be judged as if it had stood so from the start; see the header.
std::optional<Scenario> as_if_from_the_start(const Scenario& scenario, const Observation& observation) {
  bool was_lowered = false;
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    if (!was_changed(observation, i)) continue;
    const Scenario before = scenario_in_force(scenario, observation, i);
    if (is_change_of(action, Knob::MemoryLow) || is_change_of(action, Knob::MemoryMin)) {
      if (was_lowered || Protection(before, observation, 0).is_pressed()) return std::nullopt;
    }
    if (!is_change_of(action, Knob::MemoryMax)) continue;
    const auto old = amount(before.tree[action.node].limits, Knob::MemoryMax);
    const auto limit = std::get<Amount>(action.value).value;
    if (!limit || (old && *old < *limit)) return std::nullopt;
    was_lowered = true;
  }
  return scenario_at_end(scenario, observation);
}

}  // namespace

std::vector<Finding> judge_memory_protection(const Scenario& scenario, const Observation& observation) {
  const MachineFacts& machine = observation.machine;
  const bool is_v2 = machine.knob_context(Controller::Memory).version == CgroupVersion::V2;
  // A memory.high that comes or goes reclaims by itself: nothing is said of it here.
  if (!is_v2 || changes(scenario, Knob::MemoryHigh)) return {};
  const bool moves = changes(scenario, Knob::MemoryMax) || changes(scenario, Knob::MemoryLow) ||
                     changes(scenario, Knob::MemoryMin);
  if (!moves) return Protection(scenario, observation, 0).judge(true);
  const std::optional<Scenario> stands = as_if_from_the_start(scenario, observation);
  return stands ? Protection(*stands, observation, 1).judge(false) : std::vector<Finding>();
}

}  // namespace treeline

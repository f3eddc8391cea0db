#include "executor/fault_player.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "model/rules_partition.h"

namespace treeline {

namespace {

constexpr int64_t kStayingBytes = 4 << 20;
constexpr int64_t kSmallPidsMax = 8;
constexpr size_t kLongName = 16;
constexpr int64_t kTaintWarn = 1 << 9;  // include/linux/panic.h: TAINT_WARN

constexpr int64_t kLeastQuotaUs = 1'000;  // kernel/sched/core.c: min_cfs_quota_period

void scale_quota(Limits& limits, int64_t tenths) {
  const auto found = limits.find(Knob::CpuMax);
  if (found == limits.end()) return;
  auto& bandwidth = std::get<CpuBandwidth>(found->second);
  if (bandwidth.quota_us) bandwidth.quota_us = std::max(*bandwidth.quota_us * tenths / 10, kLeastQuotaUs);
}

void scale_amount(Limits& limits, Knob knob, int64_t numerator, int64_t denominator, int64_t plus) {
  const auto found = limits.find(knob);
  if (found == limits.end()) return;
  auto& number = std::get<Amount>(found->second);
  if (number.value) number.value = std::max<int64_t>(*number.value * numerator / denominator + plus, 0);
}

bool is_protected(const Limits& limits) {
  return limits.contains(Knob::MemoryLow) || limits.contains(Knob::MemoryMin);
}

bool has_protection(const Tree& tree) {
  return std::any_of(tree.nodes.begin(), tree.nodes.end(),
                     [](const Node& node) { return is_protected(node.limits); });
}

void unprotect(Limits& limits) {
  limits.erase(Knob::MemoryLow);
  limits.erase(Knob::MemoryMin);
}

/// The first two siblings that both carry a weight trade theirs.
void swap_weights(Tree& tree) {
  for (NodeId parent = 0; parent < tree.size(); ++parent) {
    std::vector<NodeId> weighted;
    for (const NodeId child : tree.children(parent)) {
      if (tree[child].limits.contains(Knob::CpuWeight)) weighted.push_back(child);
    }
    if (weighted.size() < 2) continue;
    std::swap(tree[weighted[0]].limits[Knob::CpuWeight], tree[weighted[1]].limits[Knob::CpuWeight]);
    return;
  }
}

}  // namespace

Tree FaultPlayer::enforced_tree() const {
  Tree tree = scenario_.tree;
  if (!fault_) return tree;
  if (is(PlantedFault::CpuWeightsSwapped)) swap_weights(tree);
  if (is(PlantedFault::CpuIdles) && !has_quota(tree, kRoot)) {
    tree[kRoot].limits[Knob::CpuMax] = CpuBandwidth{5'000, 10'000};
  }
  for (NodeId id = 0; id < tree.size(); ++id) {
    Limits& limits = tree[id].limits;
    switch (*fault_) {
      case PlantedFault::CpuMaxDeepUnset:
        if (tree.depth(id) >= 2) limits.erase(Knob::CpuMax);
        break;
      case PlantedFault::CpuQuotaHigh:
        scale_quota(limits, 13);
        break;
      case PlantedFault::CpuQuotaLow:
        scale_quota(limits, 5);
        break;
      case PlantedFault::CpuThrottledEarly:
        scale_quota(limits, 0);
        break;
      case PlantedFault::CpuUsageUnderReported:
        limits.erase(Knob::CpuMax);
        break;
      case PlantedFault::CpusetGrandchildUnset:
        if (tree.depth(id) >= 2) limits.erase(Knob::CpusetCpus);
        break;
      case PlantedFault::MemoryAncestorUnset:
        if (!tree.is_leaf(id)) limits.erase(Knob::MemoryMax);
        break;
      case PlantedFault::MemoryOomSpurious:
        scale_amount(limits, Knob::MemoryMax, 1, 2, 0);
        break;
      case PlantedFault::PidsOffByOne:
        scale_amount(limits, Knob::PidsMax, 1, 1, 1);
        break;
      case PlantedFault::PidsRefusedEarly:
        scale_amount(limits, Knob::PidsMax, 1, 1, -1);
        break;
      case PlantedFault::PidsMaxSmallUnset:
        if (const auto most = amount(limits, Knob::PidsMax); most && *most < kSmallPidsMax) {
          limits.erase(Knob::PidsMax);
        }
        break;
      case PlantedFault::PidsMaxLongNameUnset:
        if (tree[id].name.size() > kLongName) limits.erase(Knob::PidsMax);
        break;
      case PlantedFault::MemoryHighKills:
        if (limits.contains(Knob::MemoryHigh)) limits[Knob::MemoryMax] = limits[Knob::MemoryHigh];
        limits.erase(Knob::MemoryHigh);
        break;
      case PlantedFault::MemoryHighUnset:
        limits.erase(Knob::MemoryHigh);
        break;
      case PlantedFault::MemoryProtectionUnset:
        unprotect(limits);
        break;
      case PlantedFault::MemoryProtectionDeepUnset:
        if (tree.depth(id) >= 2 && is_protected(scenario_.tree[tree[id].parent].limits)) unprotect(limits);
        break;
      case PlantedFault::MemoryProtectionHalved:
        scale_amount(limits, Knob::MemoryLow, 1, 2, 0);
        scale_amount(limits, Knob::MemoryMin, 1, 2, 0);
        break;
      case PlantedFault::MemoryUnprotectedSpared:
        if (has_protection(scenario_.tree) && !is_protected(limits)) limits[Knob::MemoryMin] = Amount{};
        break;
      case PlantedFault::OomGroupUnset:
        limits.erase(Knob::MemoryOomGroup);
        break;
      case PlantedFault::SwapMaxUnset:
        limits.erase(Knob::MemorySwapMax);
        break;
      case PlantedFault::SwapMaxZero:
        if (limits.contains(Knob::MemorySwapMax)) limits[Knob::MemorySwapMax] = Amount{0};
        break;
      case PlantedFault::HierarchyUnlimited:
        limits.erase(Knob::CgroupMaxDepth);
        limits.erase(Knob::CgroupMaxDescendants);
        break;
      case PlantedFault::PartitionShared:
        if (tree.depth(id) > 0 && is_valid_partition(scenario_.tree, id, machine_)) {
          limits.erase(Knob::CpusetPartition);
        }
        break;
      case PlantedFault::IoLimitUnset:
        limits.erase(Knob::IoMax);
        break;
      default:
        break;
    }
    // What depends on a limit that is not enforced goes with it.
    const auto is_lost = [&](Knob knob) {
      return scenario_.tree[id].limits.contains(knob) && !limits.contains(knob);
    };
    if (is_lost(Knob::CpuMax)) limits.erase(Knob::CpuMaxBurst);
    if (is_lost(Knob::MemoryMax)) limits.erase(Knob::MemorySwapMax);
  }
  return tree;
}

NodeId FaultPlayer::node_of(const Worker& worker) const {
  const Tree& tree = scenario_.tree;
  const int deepest = tree.max_depth();
  const bool moved = is(PlantedFault::AttachedToParent) && deepest > 0 && tree.depth(worker.node) == deepest;
  return moved ? tree[worker.node].parent : worker.node;
}

bool FaultPlayer::escapes_freezer(const Worker& worker) const {
  if (!is(PlantedFault::FreezerGrandchildMissed)) return false;
  const Tree& tree = scenario_.tree;
  return std::any_of(scenario_.actions.begin(), scenario_.actions.end(), [&](const Action& action) {
    return action.kind == Action::Kind::Freeze && tree.is_in_subtree(worker.node, action.node) &&
           tree.depth(worker.node) >= tree.depth(action.node) + 2;
  });
}

std::optional<size_t> FaultPlayer::stranded_worker() const {
  if (!is(PlantedFault::CpuHogStranded)) return std::nullopt;
  for (size_t i = 0; i < scenario_.workers.size(); ++i) {
    const auto* hog = std::get_if<CpuHog>(&scenario_.workers[i].workload);
    if (hog && hog->duty_percent == 100) return i;
  }
  return std::nullopt;
}

bool FaultPlayer::ignores(const Action& action) const {
  return (is(PlantedFault::MigrationMissed) && action.kind == Action::Kind::Migrate) ||
         (is(PlantedFault::ThreadMoveMissed) && action.kind == Action::Kind::MigrateThread) ||
         (is(PlantedFault::FreezerThawMissed) && action.kind == Action::Kind::Thaw) ||
         (is(PlantedFault::KillMissed) && action.kind == Action::Kind::Kill) ||
         (is(PlantedFault::ControllerOffMissed) && action.kind == Action::Kind::DisableController) ||
         (action.kind == Action::Kind::SetLimit &&
          (ignores_change(action.knob) || ignores_clear(action) || ignores_raise(action)));
}

int FaultPlayer::migration_errno() const { return is(PlantedFault::MigrationRefused) ? EBUSY : 0; }

int FaultPlayer::attempt_errno(const Action& attempt, int answered) const {
  using Kind = Action::Kind;
  const bool is_taken = (is(PlantedFault::AttemptTaken) && attempt.kind == Kind::TryLimit) ||
                        (is(PlantedFault::InternalProcessLetIn) && attempt.kind == Kind::TryMigrate) ||
                        (is(PlantedFault::ControllerPulledAway) && attempt.kind == Kind::TryControllerOff);
  if (is_taken) return 0;
  return is(PlantedFault::RefusalErrnoWrong) && attempt.kind == Kind::TryRemove ? ENOTEMPTY : answered;
}

std::string FaultPlayer::state_after(const Action& attempt, const std::string& after) const {
  const bool shows = is(PlantedFault::RefusedLimitShows) && attempt.kind == Action::Kind::TryLimit;
  return shows ? describe(attempt.knob, attempt.value) : after;
}

int FaultPlayer::removal_errno() const { return is(PlantedFault::RemovalRefused) ? EBUSY : 0; }

void FaultPlayer::note_removal(NodeId node, const std::vector<Counters>& nodes) {
  removals_.push_back({node, get(nodes[static_cast<size_t>(node)], Counter::CpuUsageNs).value_or(0)});
}

/// What of removed groups is told of those above.
void FaultPlayer::account_for_removals(std::vector<Counters>& nodes) const {
  for (const Removal& removal : removals_) {
    for (const NodeId above : scenario_.tree.lineage(removal.node)) {
      auto& own = nodes[static_cast<size_t>(above)];
      if (above == removal.node) continue;
      if (is(PlantedFault::CpuUsageLostOnRemoval) && own.contains(Counter::CpuUsageNs)) {
        own[Counter::CpuUsageNs] -= removal.usage_ns;
      }
      if (is(PlantedFault::RemovedGroupsStay) && own.contains(Counter::DyingDescendants)) {
        ++own[Counter::DyingDescendants];
      }
    }
  }
}

void FaultPlayer::note_migration(const Action& action, NodeId from, int64_t bytes) {
  migrations_.push_back({from, action.node, bytes, action.kind == Action::Kind::MigrateThread});
}

std::optional<Knob> FaultPlayer::lost_on_switch(const Action& action) const {
  if (action.kind != Action::Kind::DisableController) return std::nullopt;
  if (is(PlantedFault::CpuMaxLostOnControllerOff)) return Knob::CpuMax;
  if (is(PlantedFault::MemoryMaxLostOnControllerOff)) return Knob::MemoryMax;
  return is(PlantedFault::IoMaxLostOnControllerOff) ? std::optional(Knob::IoMax) : std::nullopt;
}

void FaultPlayer::note_controller_off(const Action& action, const std::vector<Counters>& nodes) {
  if (!is(PlantedFault::PidsChargeLostOnControllerOff) || action.controller != Controller::Pids) return;
  int64_t tasks = 0;
  for (const NodeId child : scenario_.tree.children(action.node)) {
    tasks += get(nodes[static_cast<size_t>(child)], Counter::PidsCurrent).value_or(0);
  }
  lost_tasks_.push_back({action.node, tasks});
}

void FaultPlayer::lose_tasks(std::vector<Counters>& nodes) const {
  for (const LostTasks& lost : lost_tasks_) {
    for (const NodeId above : scenario_.tree.lineage(lost.node)) {
      auto& own = nodes[static_cast<size_t>(above)];
      if (own.contains(Counter::PidsCurrent)) own[Counter::PidsCurrent] -= lost.tasks;
    }
  }
}

void FaultPlayer::shift_charges(std::vector<Counters>& nodes) const {
  const Tree& tree = scenario_.tree;
  for (const Migration& migration : migrations_) {
    for (NodeId id = 0; id < tree.size(); ++id) {
      const bool left = tree.is_in_subtree(migration.from, id) && !tree.is_in_subtree(migration.to, id);
      const bool joined = tree.is_in_subtree(migration.to, id) && !tree.is_in_subtree(migration.from, id);
      auto& own = nodes[static_cast<size_t>(id)];
      const bool stays = is(PlantedFault::PidsChargeStaysOnMigration) ||
                         (is(PlantedFault::PidsChargeStaysOnThreadMove) && migration.is_of_thread);
      if (stays && left) ++own[Counter::PidsCurrent];
      if (!is(PlantedFault::MemoryChargeMoves)) continue;
      if (left)
        own[Counter::MemoryCurrent] = std::max<int64_t>(own[Counter::MemoryCurrent] - migration.bytes, 0);
      if (joined) own[Counter::MemoryCurrent] += migration.bytes;
    }
  }
}

bool FaultPlayer::ignores_clear(const Action& action) const {
  const auto* bandwidth = std::get_if<CpuBandwidth>(&action.value);
  return is(PlantedFault::CpuMaxClearMissed) && bandwidth && !bandwidth->quota_us;
}

bool FaultPlayer::ignores_raise(const Action& action) const {
  if (!is(PlantedFault::CpuMaxRaiseMissed) || action.knob != Knob::CpuMax) return false;
  const auto& actions = scenario_.actions;
  const auto first = std::find_if(actions.begin(), actions.end(), [&](const Action& other) {
    return other.kind == Action::Kind::SetLimit && other.knob == Knob::CpuMax && other.node == action.node;
  });
  if (&*first != &action) return false;
  const auto& value = std::get<CpuBandwidth>(action.value);
  const auto begun = get<CpuBandwidth>(scenario_.tree[action.node].limits, Knob::CpuMax);
  return value.quota_us && begun && begun->quota_us &&
         *value.quota_us * begun->period_us > *begun->quota_us * value.period_us;
}

bool FaultPlayer::ignores_change(Knob knob) const {
  switch (knob) {
    case Knob::CpuMax:
      return is(PlantedFault::CpuMaxChangeMissed);
    case Knob::CpuWeight:
      return is(PlantedFault::CpuWeightChangeMissed);
    case Knob::CpusetCpus:
      return is(PlantedFault::CpusetChangeMissed);
    case Knob::MemoryMax:
      return is(PlantedFault::MemoryMaxChangeMissed);
    case Knob::MemoryHigh:
      return is(PlantedFault::MemoryHighChangeMissed);
    case Knob::IoMax:
      return is(PlantedFault::IoMaxChangeMissed);
    case Knob::MemorySwapMax:
      return is(PlantedFault::SwapMaxChangeMissed);
    case Knob::MemoryLow:
    case Knob::MemoryMin:
      return is(PlantedFault::ProtectionChangeMissed);
    case Knob::MemoryOomGroup:
      return is(PlantedFault::OomGroupChangeMissed);
    case Knob::CgroupMaxDepth:
    case Knob::CgroupMaxDescendants:
      return is(PlantedFault::HierarchyChangeMissed);
    case Knob::CpuIdle:
      return is(PlantedFault::CpuIdleChangeMissed);
    case Knob::PidsMax:
      return is(PlantedFault::PidsMaxChangeMissed);
    default:
      return false;
  }
}

void FaultPlayer::leak(std::vector<Counters>& nodes, Counter counter) const {
  const std::vector<Counters> honest = nodes;
  for (NodeId id = 0; id < scenario_.tree.size(); ++id) {
    const std::vector<NodeId> children = scenario_.tree.children(id);
    if (children.empty()) continue;
    const auto lost = get(honest[static_cast<size_t>(children.back())], counter);
    auto& own = nodes[static_cast<size_t>(id)];
    if (lost && own.contains(counter)) own[counter] = std::max<int64_t>(own[counter] - *lost, 0);
  }
}

void FaultPlayer::cap_usage(std::vector<Counters>& nodes, int64_t elapsed_ns) const {
  for (NodeId id = 0; id < scenario_.tree.size(); ++id) {
    auto& counters = nodes[static_cast<size_t>(id)];
    for (const NodeId above : scenario_.tree.lineage(id)) {
      const auto limit = get<CpuBandwidth>(scenario_.tree[above].limits, Knob::CpuMax);
      if (!limit || !limit->quota_us || !counters.contains(Counter::CpuUsageNs)) continue;
      const auto most =
          static_cast<int64_t>(static_cast<double>(elapsed_ns) * static_cast<double>(*limit->quota_us) /
                               static_cast<double>(limit->period_us));
      counters[Counter::CpuUsageNs] = std::min(counters[Counter::CpuUsageNs], most);
    }
  }
}

void FaultPlayer::spoil_pressure(std::vector<Counters>& nodes) const {
  using F = PlantedFault;
  const struct {
    F missing, of_parent;
    std::vector<Counter> counters;
  } kinds[] = {
      {F::CpuPressureMissing, F::CpuPressureOfParent, {Counter::CpuSomePressureNs}},
      {F::MemoryPressureMissing,
       F::MemoryPressureOfParent,
       {Counter::MemorySomePressureNs, Counter::MemoryFullPressureNs}},
      {F::IoPressureMissing, F::IoPressureOfParent, {Counter::IoSomePressureNs, Counter::IoFullPressureNs}}};
  for (const auto& kind : kinds) {
    if (!is(kind.missing) && !is(kind.of_parent)) continue;
    for (NodeId id = 0; id < scenario_.tree.size(); ++id) {
      const NodeId parent = scenario_.tree[id].parent;
      for (const Counter counter : kind.counters) {
        Counters& own = nodes[static_cast<size_t>(id)];
        if (!own.contains(counter)) continue;
        if (is(kind.missing)) own[counter] = 0;
        if (is(kind.of_parent) && parent != kNoParent) {
          own[counter] = get(nodes[static_cast<size_t>(parent)], counter).value_or(own[counter]);
        }
      }
    }
  }
}

void FaultPlayer::report(std::vector<Counters>& nodes, Moment moment, int64_t elapsed_ns) const {
  if (!fault_ || moment == Moment::Before) return;
  if (is(PlantedFault::CpuUsageUnderReported)) cap_usage(nodes, elapsed_ns);
  if (moment != Moment::Drained) shift_charges(nodes);
  if (moment != Moment::Drained) lose_tasks(nodes);
  account_for_removals(nodes);
  if (is(PlantedFault::CpuUsageLeaks)) leak(nodes, Counter::CpuUsageNs);
  if (is(PlantedFault::MemoryUsageLeaks)) leak(nodes, Counter::MemoryCurrent);
  if (is(PlantedFault::PidsUsageLeaks)) leak(nodes, Counter::PidsCurrent);
  spoil_pressure(nodes);
  for (NodeId id = 0; id < scenario_.tree.size(); ++id) {
    auto& own = nodes[static_cast<size_t>(id)];
    if (is(PlantedFault::CpuUsageHalved) && own.contains(Counter::CpuUsageNs)) own[Counter::CpuUsageNs] /= 2;
    if (is(PlantedFault::MemoryLowUncounted)) own[Counter::MemoryLowEvents] = 0;
    if (is(PlantedFault::MemoryLowOvercounted) && scenario_.tree[id].limits.contains(Knob::MemoryLow)) {
      ++own[Counter::MemoryLowEvents];
    }
    if (is(PlantedFault::MemoryUnderReported)) {
      for (const Counter counter : {Counter::MemoryCurrent, Counter::MemoryPeak, Counter::MemoryAnon,
                                    Counter::MemoryFile, Counter::MemoryShmem}) {
        if (own.contains(counter)) own[counter] /= 2;
      }
    }
    if (is(PlantedFault::MemoryChargeStays) && moment == Moment::Drained) {
      own[Counter::MemoryCurrent] =
          std::max(own[Counter::MemoryCurrent], std::min(own[Counter::MemoryPeak], kStayingBytes));
    }
    const NodeId parent = scenario_.tree[id].parent;
    if (is(PlantedFault::MemoryOomMisattributed) && parent != kNoParent) {
      // Parents come first, so that a kill moves up by one level only.
      nodes[static_cast<size_t>(parent)][Counter::MemoryOomKills] += own[Counter::MemoryOomKills];
      own[Counter::MemoryOomKills] = 0;
    }
  }
}

void FaultPlayer::report(NodeObservation& node, NodeId id) const {
  if (!fault_) return;
  const Limits& limits = scenario_.tree[id].limits;
  node.readbacks.clear();
  for (const auto& [knob, value] : limits) {
    const KnobContext context = machine_.knob_context(knob_info(knob).controller);
    for (const KnobWrite& write : encode(knob, value, limits, context)) {
      const bool lies = is(PlantedFault::PartitionNeverInvalid);
      Readback readback{knob, write.file,
                        lies ? write.expected : expected_readback(scenario_.tree, id, write, machine_), 0};
      if (is(PlantedFault::ReadbackWrong) && knob == Knob::CpuWeight) {
        readback.read = std::to_string(std::strtoll(write.expected.c_str(), nullptr, 10) + 1);
      }
      node.readbacks.push_back(std::move(readback));
    }
  }
}

void FaultPlayer::report(std::vector<ProbeObservation>& probes) const {
  if (!is(PlantedFault::RefusalMissing)) return;
  for (size_t i = 0; i < probes.size(); ++i) {
    if (probes[i].write_errno == 0) continue;
    probes[i].write_errno = 0;
    probes[i].read_after = describe(scenario_.probes[i].knob, scenario_.probes[i].value);
  }
}

void FaultPlayer::report(ActionObservation& action, const Action& of,
                         const std::vector<KnobWrite>& writes) const {
  if (of.kind == Action::Kind::MigrateThread) return report_listing(action, of);
  if (moves_a_worker(of)) return;
  if (ignores(of)) action.read = expected_text(writes);
  if (is(PlantedFault::ChangeReadbackWrong)) action.read += '0';
}

/// The defects that are not in the listing do not show there.
void FaultPlayer::report_listing(ActionObservation& action, const Action& of) const {
  if (!fault_) return;
  const Tree& tree = scenario_.tree;
  if (is(PlantedFault::ThreadMoveMissed)) action.read = tree.path(of.node);
  if (!is(PlantedFault::ThreadListedTwice) || migrations_.empty()) return;
  action.read = fmt::format("{} {}", tree.path(migrations_.back().from), tree.path(of.node));
}

void FaultPlayer::report(KernelHealth& health) const {
  if (!is(PlantedFault::KernelWarns)) return;
  if (!has_quota(scenario_.tree, kRoot)) return;
  health.log.emplace_back("WARNING: CPU: 0 PID: 1 at kernel/sched/fair.c:1 planted_fault+0x1/0x2");
  health.log_readable = true;
  health.taint_after |= kTaintWarn;
}

}  // namespace treeline

#include "model/scenario.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/controllers.h"

namespace treeline {

std::string describe(const Strategy& strategy) {
  switch (strategy.kind) {
    case Strategy::Kind::LeavesOnly:
      return "leaves only";
    case Strategy::Kind::AllNodes:
      return "all nodes";
    case Strategy::Kind::Random:
      return fmt::format("random, {}% of nodes", strategy.percent);
    case Strategy::Kind::Depth:
      return fmt::format("depth {}", strategy.depth);
    case Strategy::Kind::Custom:
      break;
  }
  return fmt::format("custom: {}", strategy.custom);
}

std::span<const Knob> changeable_knobs() {
  static constexpr std::array kKnobs{Knob::CpuMax,        Knob::CpuMaxBurst,    Knob::CpuWeight,
                                     Knob::CpuIdle,       Knob::CpusetCpus,     Knob::MemoryMax,
                                     Knob::MemorySwapMax, Knob::MemoryHigh,     Knob::MemoryLow,
                                     Knob::MemoryMin,     Knob::MemoryOomGroup, Knob::PidsMax,
                                     Knob::IoMax,         Knob::CgroupMaxDepth, Knob::CgroupMaxDescendants};
  return kKnobs;
}

std::optional<Controller> controller_of(const Action& action) {
  if (has_setting(action)) return knob_info(action.knob).controller;
  if (has_controller(action)) return action.controller;
  switch (action.kind) {
    case Action::Kind::Kill:
    case Action::Kind::TryCreate:
      return Controller::Core;
    case Action::Kind::Freeze:
    case Action::Kind::Thaw:
      return Controller::Freezer;
    default:
      return std::nullopt;
  }
}

bool is_change_of(const Action& action, Knob knob) {
  return action.kind == Action::Kind::SetLimit && action.knob == knob;
}

bool moves_a_cpu(const Action& action) {
  return action.kind == Action::Kind::CpuOffline || action.kind == Action::Kind::CpuOnline;
}

bool moves_a_worker(const Action& action) {
  return action.kind == Action::Kind::Migrate || action.kind == Action::Kind::MigrateThread;
}

bool switches_a_controller(const Action& action) {
  return action.kind == Action::Kind::DisableController || action.kind == Action::Kind::EnableController;
}

bool is_attempt(const Action& action) {
  return action.kind >= Action::Kind::TryLimit && action.kind <= Action::Kind::TryControllerOn;
}

bool has_setting(const Action& action) {
  return action.kind == Action::Kind::SetLimit || action.kind == Action::Kind::TryLimit;
}

bool has_worker(const Action& action) {
  return moves_a_worker(action) || action.kind == Action::Kind::TryMigrate;
}

bool has_controller(const Action& action) {
  return switches_a_controller(action) || action.kind == Action::Kind::TryControllerOff ||
         action.kind == Action::Kind::TryControllerOn;
}

std::string describe(const Action& action, const Tree& tree) {
  if (action.kind == Action::Kind::MigrateThread) {
    return fmt::format("migrate thread {} of worker {} to {}", action.thread, action.worker,
                       tree.path(action.node));
  }
  const std::string_view name = kActionNames[static_cast<size_t>(action.kind)];
  if (has_worker(action)) {
    return fmt::format("{} worker {} to {}", name, action.worker, tree.path(action.node));
  }
  if (moves_a_cpu(action)) return fmt::format("{} {}", name, action.cpu);
  std::string text = fmt::format("{} {}", name, tree.path(action.node));
  if (has_setting(action)) {
    text += fmt::format(" {}={}", knob_info(action.knob).name, describe(action.knob, action.value));
  }
  if (has_controller(action)) text += fmt::format(" {}", controller_name(action.controller));
  return text;
}

namespace {

/// kernel/sched/core.c, sched_group_set_idle: who becomes idle loses its weight, and who is no longer has the
/// default one.
void set_limit(Limits& limits, Knob knob, const KnobValue& value) {
  if (knob == Knob::CpuIdle && amount(limits, knob).value_or(0) != std::get<Amount>(value).value) {
    limits.erase(Knob::CpuWeight);
    limits.erase(Knob::CpuWeightNice);
  }
  limits[knob] = value;
}

}  // namespace

Scenario scenario_after(const Scenario& scenario, size_t actions, const std::function<bool(size_t)>& taken) {
  Scenario after = scenario;
  after.actions.clear();
  for (size_t i = 0; i < actions; ++i) {
    const Action& action = scenario.actions[i];
    if (!taken(i)) continue;
    if (action.kind == Action::Kind::SetLimit)
      set_limit(after.tree[action.node].limits, action.knob, action.value);
    if (action.kind == Action::Kind::Migrate) {
      after.workers[static_cast<size_t>(action.worker)].node = action.node;
    }
    if (action.kind == Action::Kind::DisableController) drop_limits_below(after.tree, action);
  }
  const std::set<NodeId> absent = absent_after(scenario, actions, taken);
  for (const NodeId node : absent) after.tree[node].limits.clear();
  for (Worker& worker : after.workers) {
    if (absent.contains(worker.node)) worker.workload = Idle{};
  }
  return after;
}

std::set<NodeId> absent_after(const Scenario& scenario, size_t actions,
                              const std::function<bool(size_t)>& taken) {
  std::set<NodeId> absent;
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    const bool is_done = i < actions && taken(i);
    const bool is_absent =
        (action.kind == Action::Kind::Create && !is_done) || (action.kind == Action::Kind::Remove && is_done);
    if (!is_absent) continue;
    const std::vector<NodeId> below = scenario.tree.subtree(action.node);
    absent.insert(below.begin(), below.end());
  }
  return absent;
}

std::set<NodeId> absent_at_first(const Scenario& scenario) {
  return absent_after(scenario, 0, [](size_t) { return false; });
}

bool moves_groups(const Scenario& scenario) {
  return std::any_of(scenario.actions.begin(), scenario.actions.end(), [](const Action& action) {
    return action.kind == Action::Kind::Create || action.kind == Action::Kind::Remove;
  });
}

std::set<int> offline_after(const Scenario& scenario, size_t actions,
                            const std::function<bool(size_t)>& taken) {
  std::set<int> offline;
  for (size_t i = 0; i < actions; ++i) {
    const Action& action = scenario.actions[i];
    if (!moves_a_cpu(action) || !taken(i)) continue;
    if (action.kind == Action::Kind::CpuOffline) {
      offline.insert(action.cpu);
    } else {
      offline.erase(action.cpu);
    }
  }
  return offline;
}

bool moves_cpus(const Scenario& scenario) {
  return std::any_of(scenario.actions.begin(), scenario.actions.end(), [](const Action& action) {
    return moves_a_cpu(action) || is_change_of(action, Knob::CpusetCpus) ||
           (switches_a_controller(action) && action.controller == Controller::Cpuset);
  });
}

bool changes(const Scenario& scenario, Knob knob) {
  return std::any_of(scenario.actions.begin(), scenario.actions.end(),
                     [knob](const Action& action) { return is_change_of(action, knob); });
}

bool migrates(const Scenario& scenario) {
  return std::any_of(scenario.actions.begin(), scenario.actions.end(),
                     [](const Action& action) { return action.kind == Action::Kind::Migrate; });
}

namespace {

/// How much writing a number takes beyond one plain digit: 20 costs less than 17, 4 MiB less than 4194303.
int64_t digits(int64_t number) {
  if (number < 0) number = -(number + 1);
  int binary = 0;
  while (number != 0 && number % 1024 == 0) {
    number /= 1024;
    ++binary;
  }
  int64_t significant = 0;
  int64_t trailing = 0;
  bool seen = false;
  for (; number != 0; number /= 10) {
    if (number % 10 != 0) seen = true;
    (seen ? significant : trailing) += 1;
  }
  // The leading digit counts too, so that 1 is plainer than 9 of the same length only by magnitude.
  return 4 * significant + trailing + binary;
}

int64_t digits(const std::optional<int64_t>& number) { return number ? digits(*number) : 0; }

int64_t detail_of(const KnobValue& value) {
  if (const auto* bandwidth = std::get_if<CpuBandwidth>(&value)) {
    return digits(bandwidth->quota_us) + digits(bandwidth->period_us);
  }
  if (const auto* set = std::get_if<IdSet>(&value)) {
    int64_t sum = 0;
    for (const int id : set->ids) sum += 4 + digits(id);
    return sum;
  }
  if (const auto* rates = std::get_if<IoRates>(&value)) {
    int64_t sum = 0;
    for (const auto& rate : {rates->read_bytes, rates->write_bytes, rates->read_ops, rates->write_ops}) {
      if (rate) sum += 8 + digits(*rate);
    }
    return sum;
  }
  return digits(std::get<Amount>(value).value);
}

int64_t detail_of(const CpuHog& hog) {
  const int64_t duty = hog.duty_percent == 100 ? 0 : 8 + digits(hog.duty_percent) + digits(hog.cycle_us);
  return 4 + 8 * (hog.threads - 1) + duty;
}
int64_t detail_of(const MemoryHog& hog) {
  return 6 + digits(hog.bytes) + digits(hog.chunk_bytes) + 4 * static_cast<int64_t>(hog.kind) +
         2 * static_cast<int64_t>(hog.order) + (hog.hold ? 0 : 2);
}
int64_t detail_of(const IoHog& hog) {
  return 6 + digits(hog.block_bytes) + digits(hog.file_bytes) + (hog.direct ? 0 : 4) +
         2 * static_cast<int64_t>(hog.direction);
}
int64_t detail_of(const ForkStorm& storm) {
  return 6 + 2 * storm.forks + (storm.pause_us == 0 ? 0 : 4 + digits(storm.pause_us));
}
int64_t detail_of(const Mixed& mixed) {
  return 40 + digits(mixed.duty_percent) + digits(mixed.bytes) + int64_t{2} * mixed.forks;
}
int64_t detail_of(const Idle&) { return 1; }

int64_t detail_of(const Strategy& strategy) {
  // The placement is resolved; the name of what made it is only worth something to the reader.
  return strategy == Strategy{} ? 0 : 1;
}

/// The shortest name of the node with this index: "a", "b", … "z", "a1".
bool is_plain_name(const std::string& name, size_t index) {
  constexpr size_t kLetters = 26;
  std::string plain(1, static_cast<char>('a' + index % kLetters));
  if (index >= kLetters) plain += std::to_string(index / kLetters);
  return name == plain;
}

}  // namespace

Size size_of(const Scenario& scenario) {
  Size size;
  size.nodes = scenario.tree.size();
  size.actions = static_cast<int>(scenario.actions.size() + scenario.probes.size());
  size.workers = static_cast<int>(scenario.workers.size());
  size.detail = detail_of(scenario.strategy) + digits(scenario.window.length_us) +
                scenario.window.length_us / 1'000 + digits(scenario.window.sample_every_us);
  for (size_t i = 0; i < scenario.tree.nodes.size(); ++i) {
    const Node& node = scenario.tree.nodes[i];
    size.limits += static_cast<int>(node.limits.size());
    size.detail += static_cast<int64_t>(node.name.size()) + (is_plain_name(node.name, i) ? 0 : 1);
    for (const auto& [knob, value] : node.limits) size.detail += detail_of(value);
    if (node.is_thread_root) size.detail += 2;
  }
  for (const Worker& worker : scenario.workers) {
    size.detail += std::visit([](const auto& work) { return detail_of(work); }, worker.workload);
  }
  // What happens at one instant is simpler than what happens at two.
  int64_t last_us = -1;
  for (const Action& action : scenario.actions) {
    if (action.at_us != last_us) size.detail += digits(action.at_us);
    if (has_setting(action)) size.detail += detail_of(action.value);
    if (has_worker(action)) size.detail += digits(action.worker);
    // A process that moves is simpler than a part of it that does.
    if (action.kind == Action::Kind::MigrateThread) size.detail += 2 + action.thread;
    if (moves_a_cpu(action)) size.detail += digits(action.cpu);
    last_us = action.at_us;
  }
  for (const Probe& probe : scenario.probes) size.detail += detail_of(probe.value);
  return size;
}

}  // namespace treeline

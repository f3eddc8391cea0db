#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <set>

#include "generators/cpu_windows.h"
#include "generators/property.h"
#include "model/rules.h"
#include "tests/generators/fake_machine.h"
#include "tests/generators/reach.h"

/// Real kernel bugs that a cgroup tree could show, by the commit that mended each: that the generators draw
/// its shape (tree, limits, work, action) within a stated number of draws of one property, on each of five
/// seeds. That the search would have found it is not claimed here: see tests/mutants.
namespace treeline {
namespace {

struct Bug {
  int number;
  const char* fix;
  const char* property;
  int draws;
  Constraints machine;
  Predicate has_shape;
};

Constraints v1(int cpus) { return FakeMachine().cpus(cpus).constraints(); }
Constraints v2(int cpus) { return FakeMachine().v2().cpus(cpus).swap(1 << 30).constraints(); }

bool is_duty_hog(const Workload& workload) {
  const auto* hog = std::get_if<CpuHog>(&workload);
  return hog && hog->duty_percent < 100;
}

bool holds_some_memory(const Workload& workload) { return std::holds_alternative<MemoryHog>(workload); }

std::optional<CpuBandwidth> quota_of(const Tree& tree, NodeId node) {
  const auto limit = get<CpuBandwidth>(tree[node].limits, Knob::CpuMax);
  return limit && limit->quota_us ? limit : std::nullopt;
}

int threads_below(const Scenario& scenario, NodeId top) {
  int threads = 0;
  for (const Worker& worker : scenario.workers) {
    const auto* hog = std::get_if<CpuHog>(&worker.workload);
    if (hog && scenario.tree.is_in_subtree(worker.node, top)) threads += hog->threads;
  }
  return threads;
}

int64_t bytes_below(const Scenario& scenario, NodeId top, MemoryKind kind) {
  return memory_below(scenario, top, [kind](const MemoryHog& hog) { return hog.kind == kind; });
}

/// Some change of cpu.max to a quota, with what stands before it, fits.
bool any_quota_change(const Scenario& scenario,
                      const std::function<bool(const Scenario& before, const Action&)>& fits) {
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    if (action.kind != Action::Kind::SetLimit || action.knob != Knob::CpuMax) continue;
    if (!std::get<CpuBandwidth>(action.value).quota_us) continue;
    if (fits(scenario_after(scenario, i, every_action), action)) return true;
  }
  return false;
}

bool has_small_quota_over_many_threads(const Scenario& scenario) {
  return any_node(scenario, [&](NodeId node) {
    const auto quota = quota_of(scenario.tree, node);
    return quota && quota->period_us >= 20'000 && cpus_of(*quota) < 4 && threads_below(scenario, node) >= 4;
  });
}

bool has_a_hog_and_sleepers_below_a_quota(const Scenario& scenario) {
  return any_node(scenario, [&](NodeId node) {
    return quota_of(scenario.tree, node) && has_worker_below(scenario, node, is_endless) &&
           has_worker_below(scenario, node, is_duty_hog);
  });
}

bool migrates_into_a_throttled_group(const Scenario& scenario) {
  return any_migration(scenario, [](const Scenario& before, const Action& action) {
    const auto lineage = before.tree.lineage(action.node);
    return is_endless(before.workers[static_cast<size_t>(action.worker)].workload) &&
           std::any_of(lineage.begin(), lineage.end(), [&](NodeId above) {
             return quota_of(before.tree, above) && has_worker_below(before, above, is_endless);
           });
  });
}

bool has_a_short_period_over_many_groups(const Scenario& scenario) {
  return any_node(scenario, [&](NodeId node) {
    const auto quota = quota_of(scenario.tree, node);
    return quota && quota->period_us <= 5'000 && scenario.tree.subtree(node).size() >= 4 &&
           has_worker_below(scenario, node, is_endless);
  });
}

bool rewrites_the_quota_beside_a_burst(const Scenario& scenario) {
  return std::any_of(scenario.probes.begin(), scenario.probes.end(), [&](const Probe& probe) {
    const auto burst = amount(scenario.tree[probe.node].limits, Knob::CpuMaxBurst);
    return probe.knob == Knob::CpuMax && burst && *burst > 0;
  });
}

bool sets_a_quota_late_over_several_groups(const Scenario& scenario) {
  return any_quota_change(scenario, [](const Scenario& before, const Action& action) {
    std::set<NodeId> places;
    for (const Worker& worker : before.workers) {
      if (before.tree.is_in_subtree(worker.node, action.node)) places.insert(worker.node);
    }
    return !quota_of(before.tree, action.node) && places.size() >= 2;
  });
}

bool cuts_a_quota_below_another(const Scenario& scenario) {
  return any_quota_change(scenario, [](const Scenario& before, const Action& action) {
    const auto lineage = before.tree.lineage(action.node);
    return has_worker_below(before, action.node, is_endless) &&
           std::any_of(lineage.begin() + 1, lineage.end(),
                       [&](NodeId above) { return quota_of(before.tree, above).has_value(); });
  });
}

/// A node of great weight whose only way down has a small one, against a sibling with a hog.
bool has_a_light_child_of_a_heavy_group(const Scenario& scenario) {
  const Tree& tree = scenario.tree;
  return any_node(scenario, [&](NodeId node) {
    const NodeId parent = tree[node].parent;
    if (parent == kNoParent || tree[parent].parent == kNoParent) return false;
    const auto siblings = tree.children(tree[parent].parent);
    return shares_of(tree[parent].limits) >= 4 * shares_of(tree[node].limits) &&
           has_worker_below(scenario, node, is_endless) &&
           std::any_of(siblings.begin(), siblings.end(), [&](NodeId sibling) {
             return sibling != parent && has_worker_below(scenario, sibling, is_endless);
           });
  });
}

bool empties_a_group_among_competitors(const Scenario& scenario) {
  return any_migration(scenario, [](const Scenario& before, const Action& action) {
    const NodeId from = before.workers[static_cast<size_t>(action.worker)].node;
    const auto there = std::count_if(before.workers.begin(), before.workers.end(),
                                     [&](const Worker& worker) { return worker.node == from; });
    return there == 1 && before.tree[from].parent != kNoParent && before.workers.size() >= 2;
  });
}

bool has_a_lower_rate_above_than_below(const Scenario& scenario) {
  const Tree& tree = scenario.tree;
  return any_node(scenario, [&](NodeId node) {
    const auto own = get<IoRates>(tree[node].limits, Knob::IoMax);
    const auto lineage = tree.lineage(node);
    return own && own->read_bytes && std::any_of(lineage.begin() + 1, lineage.end(), [&](NodeId above) {
             const auto rates = get<IoRates>(tree[above].limits, Knob::IoMax);
             return rates && rates->read_bytes && *rates->read_bytes < *own->read_bytes;
           });
  });
}

bool has_memory_high_above_a_hog(const Scenario& scenario) {
  return any_node(scenario, [&](NodeId node) {
    const auto high = amount(scenario.tree[node].limits, Knob::MemoryHigh);
    return high && std::any_of(scenario.workers.begin(), scenario.workers.end(), [&](const Worker& worker) {
             const auto* hog = std::get_if<MemoryHog>(&worker.workload);
             return hog && hog->bytes > *high && worker.node != node &&
                    scenario.tree.is_in_subtree(worker.node, node);
           });
  });
}

/// More is protected below than above it, by siblings that hold something each. memory.min goes by the same
/// distribution (effective_protection).
bool overcommits(const Scenario& scenario, Knob knob) {
  return any_node(scenario, [&](NodeId node) {
    const auto own = amount(scenario.tree[node].limits, knob);
    int64_t below = 0;
    int holders = 0;
    for (const NodeId child : scenario.tree.children(node)) {
      const auto low = amount(scenario.tree[child].limits, knob);
      if (!low || !has_worker_below(scenario, child, holds_some_memory)) continue;
      below += *low;
      ++holders;
    }
    return own && holders >= 2 && below > *own;
  });
}

bool overcommits_protection(const Scenario& scenario) {
  return overcommits(scenario, Knob::MemoryLow) || overcommits(scenario, Knob::MemoryMin);
}

/// Siblings hold more than their memory.low, and together more than a memory.max above them.
bool presses_siblings_above_memory_low(const Scenario& scenario) {
  return any_node(scenario, [&](NodeId node) {
    const auto limit = amount(scenario.tree[node].limits, Knob::MemoryMax);
    int above_low = 0;
    for (const NodeId child : scenario.tree.children(node)) {
      const auto low = amount(scenario.tree[child].limits, Knob::MemoryLow);
      above_low += low && bytes_below(scenario, child, MemoryKind::File) > *low ? 1 : 0;
    }
    return limit && above_low >= 1 && bytes_below(scenario, node, MemoryKind::File) > *limit;
  });
}

bool goes_far_beyond_memory_max(const Scenario& scenario) {
  return any_node(scenario, [&](NodeId node) {
    const auto limit = amount(scenario.tree[node].limits, Knob::MemoryMax);
    return limit && bytes_below(scenario, node, MemoryKind::Anonymous) > 2 * *limit;
  });
}

bool moves_a_storm(const Scenario& scenario) {
  return any_migration(scenario, [](const Scenario& before, const Action& action) {
    return std::holds_alternative<ForkStorm>(before.workers[static_cast<size_t>(action.worker)].workload);
  });
}

/// At least two hogs of a group with a quota, below what they want, and a CPU that goes.
bool loses_a_cpu_below_a_quota(const Scenario& scenario) {
  const bool loses_a_cpu =
      std::any_of(scenario.actions.begin(), scenario.actions.end(),
                  [](const Action& action) { return action.kind == Action::Kind::CpuOffline; });
  return loses_a_cpu && any_node(scenario, [&](NodeId node) {
           return quota_of(scenario.tree, node) && threads_below(scenario, node) >= 2;
         });
}

std::vector<Bug> bugs() {
  return {
      {1, "26a8b12747c9", "cpu_bandwidth", 300, v1(8), has_small_quota_over_many_threads},
      {2, "de53fd7aedb1", "cpu_entitlement", 300, v1(8), has_a_hog_and_sleepers_below_a_quota},
      {3, "2a4b03ffc69f", "cpu_migration", 100, v2(2), migrates_into_a_throttled_group},
      {4, "af98d8a36a96", "cpu_hotplug", 20, v2(8), loses_a_cpu_below_a_quota},
      {5, "5a6d6a6ccb5f", "cpu_bandwidth", 100, v1(2), has_a_short_period_over_many_groups},
      {6, "49217ea147df", "rules", 300, v2(2), rewrites_the_quota_beside_a_burst},
      {8, "fe61468b, b34cb07d, 39f23ce0, fdaba61e", "cpu_bandwidth_change", 100, v2(2),
       sets_a_quota_late_over_several_groups},
      {9, "956dfda6a708", "cpu_bandwidth_change", 300, v2(2), cuts_a_quota_below_another},
      {11, "26cf52229efc", "cpu_fairness", 300, v1(2), has_a_light_child_of_a_heavy_group},
      {12, "ca125231dd29", "cpu_fairness_change", 100, v2(2), empties_a_group_among_competitors},
      {15, "84aca0a7e039", "io", 300, v1(2), has_a_lower_rate_above_than_below},
      {17, "e26733e0d0ec", "memory_high", 100, v2(2), has_memory_high_above_a_hog},
      {18, "memory.low distribution (2020)", "memory_protection", 300, v2(2), overcommits_protection},
      {19, "f56ce412a59d", "memory_protection", 100, v2(2), presses_siblings_above_memory_low},
      {20, "a4ebf1b6ca1e", "memory", 300, v2(2), goes_far_beyond_memory_max},
      {22, "pids free/release (5.1)", "pids_migration", 20, v1(2), moves_a_storm},
  };
}

/// Rows of ../shared/kernel-bugs.md that no scenario can express yet, and why.
const std::map<int, const char*>& inexpressible() {
  static const std::map<int, const char*> kReasons{
      {7, "only other kernel code sees a child's hierarchical_quota; no file shows it"},
      {10, "fairness is judged among tasks that never sleep"},
      {13, "fairness is judged among tasks that never sleep"},
      {14, "workers have no scheduling class but SCHED_OTHER"},
      {16, "blocks are kept below what the rate gives in one throttle slice, where the bound is tight"},
      {21, "memory.zswap.writeback is no knob of the model"},
  };
  return kReasons;
}

constexpr int kRows = 22;

class KernelBug : public ::testing::TestWithParam<Bug> {};

TEST_P(KernelBug, IsWithinReach) {
  const Bug& bug = GetParam();
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const int draws = draws_until(bug.property, bug.machine, seed, bug.draws, bug.has_shape);
    EXPECT_GT(draws, 0) << bug.fix << " is not drawn by " << bug.property << " within " << bug.draws
                        << ", seed " << seed;
    std::cout << fmt::format("{} ({}): draw {} of {}, seed {}\n", bug.number, bug.fix, draws, bug.property,
                             seed);
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, KernelBug, ::testing::ValuesIn(bugs()),
                         [](const auto& row) { return fmt::format("row_{}", row.param.number); });

TEST(KernelBugs, EachRowIsDrawnOrSaidToBeInexpressible) {
  std::set<int> rows;
  for (const Bug& bug : bugs()) EXPECT_TRUE(rows.insert(bug.number).second) << bug.number;
  for (const auto& [number, reason] : inexpressible()) {
    EXPECT_TRUE(rows.insert(number).second) << number;
    std::cout << number << ": " << reason << '\n';
  }
  for (int number = 1; number <= kRows; ++number) EXPECT_TRUE(rows.contains(number)) << number;
}

}  // namespace
}  // namespace treeline

#include "generators/shrink.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <iostream>

#include "generators/property.h"
#include "model/rules.h"
#include "tests/generators/fake_machine.h"
#include "tests/generators/reach.h"
#include "tests/sanitized.h"

namespace treeline {
namespace {

using Predicate = std::function<bool(const Scenario&)>;

constexpr int kStarts = times(200);

struct Shrunk {
  Scenario scenario;
  int evaluations = 0;
};

/// Takes the first smaller scenario for which the predicate still holds, until there is none.
Shrunk shrink_greedily(Scenario scenario, const MachineFacts& machine, const Predicate& holds) {
  Shrunk result{std::move(scenario), 0};
  for (bool progress = true; progress;) {
    progress = false;
    auto candidates = shrinks(result.scenario, machine);
    while (auto candidate = candidates.next()) {
      ++result.evaluations;
      if (!holds(*candidate)) continue;
      result.scenario = std::move(*candidate);
      progress = true;
      break;
    }
  }
  return result;
}

/// From 200 draws of the property for which the predicate holds: each must reach `minimum` (detail aside),
/// within `most_evaluations`.
void expect_minimum(const char* property, const Predicate& holds, const Size& minimum, int most_evaluations,
                    const Constraints& constraints = FakeMachine().constraints()) {
  std::vector<int> evaluations;
  constexpr uint64_t kMostDraws = 20'000;
  for (uint64_t index = 0; index < kMostDraws && static_cast<int>(evaluations.size()) < kStarts; ++index) {
    const Scenario start = draw_scenario(*find_property(property), constraints, 1, index);
    if (!holds(start)) continue;
    const Shrunk shrunk = shrink_greedily(start, constraints.machine, holds);
    Size size = size_of(shrunk.scenario);
    size.detail = 0;
    evaluations.push_back(shrunk.evaluations);
    ASSERT_EQ(size, minimum) << "index " << index << " ended at\n"
                             << draw(shrunk.scenario) << "from\n"
                             << draw(start);
  }
  ASSERT_EQ(static_cast<int>(evaluations.size()), kStarts) << "too few draws fit the predicate";
  std::sort(evaluations.begin(), evaluations.end());
  std::cout << property << ": " << evaluations[kStarts / 2] << " evaluations in the median, at most "
            << evaluations.back() << "\n";
  EXPECT_LE(evaluations.back(), most_evaluations);
}

TEST(Shrink, EveryStepIsValidRunnableAndStrictlySmaller) {
  for (const auto& [name, machine] : fake_machines()) {
    const Constraints constraints = machine.constraints();
    for (const Property& property : properties()) {
      if (why_untestable(property, machine.facts())) continue;
      for (uint64_t index = 0; index < (kIsSanitized ? 1 : 8); ++index) {
        const Scenario scenario = draw_scenario(property, constraints, 9, index * 5);
        auto candidates = shrinks(scenario, machine.facts());
        while (const auto candidate = candidates.next()) {
          ASSERT_LT(size_of(*candidate), size_of(scenario)) << name << property.name << "\n"
                                                            << draw(*candidate);
          ASSERT_TRUE(validate(*candidate).empty()) << name << property.name << "\n" << draw(*candidate);
          ASSERT_TRUE(unmet(*candidate, machine.facts()).empty()) << name << property.name << "\n"
                                                                  << draw(*candidate);
        }
      }
    }
  }
}

TEST(Shrink, AlwaysEndsAtOneBareNode) {
  expect_minimum(
      "mixed", [](const Scenario&) { return true; }, {1, 0, 0, 0, 0}, 100);
}

TEST(Shrink, DeepLimitKeepsThreeNodesAndOneLimit) {
  const auto deep_limit = [](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId id) {
      return scenario.tree.depth(id) >= 2 && scenario.tree[id].limits.contains(Knob::CpuMax);
    });
  };
  expect_minimum("cpu_bandwidth", deep_limit, {3, 0, 0, 1, 0}, 300);
}

TEST(Shrink, LimitWithAWorkerBelowItEndsInOneNode) {
  const auto limited_worker = [](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId id) {
      return scenario.tree[id].limits.contains(Knob::MemoryMax) && has_worker_below(scenario, id);
    });
  };
  expect_minimum("memory", limited_worker, {1, 0, 1, 1, 0}, 300);
}

TEST(Shrink, TwoWeightedSiblingsKeepThreeNodesAndTwoLimits) {
  const auto weighted_siblings = [](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId parent) {
      const std::vector<NodeId> children = scenario.tree.children(parent);
      return std::count_if(children.begin(), children.end(), [&](NodeId child) {
               return scenario.tree[child].limits.contains(Knob::CpuWeight);
             }) >= 2;
    });
  };
  expect_minimum("cpu_fairness", weighted_siblings, {3, 0, 0, 2, 0}, 300);
}

TEST(Shrink, SiblingsThatCompeteForOneCpuKeepTwoHogsAndThreeLimits) {
  const MachineFacts machine = FakeMachine().facts();
  const auto competing = [machine](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId parent) {
      if (effective_cpus(scenario.tree, parent, machine).ids.size() != 1) return false;
      const std::vector<NodeId> children = scenario.tree.children(parent);
      return std::count_if(children.begin(), children.end(), [&](NodeId child) {
               return scenario.tree[child].limits.contains(Knob::CpuWeight) &&
                      has_worker_below(scenario, child);
             }) >= 2;
    });
  };
  expect_minimum("cpu_fairness", competing, {3, 0, 2, 3, 0}, 300);
}

TEST(Shrink, MemoryOverAnAncestorsLimitKeepsTwoNodesAndOneHog) {
  const auto over_ancestor = [](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId id) {
      const auto limit = amount(scenario.tree[id].limits, Knob::MemoryMax);
      int64_t demand = 0;
      for (const Worker& worker : scenario.workers) {
        const auto* hog = std::get_if<MemoryHog>(&worker.workload);
        if (hog && hog->kind == MemoryKind::Anonymous && scenario.tree.is_in_subtree(worker.node, id)) {
          demand += hog->bytes;
        }
      }
      return limit && !scenario.tree.is_leaf(id) && demand > *limit;
    });
  };
  // Several hogs may be needed to exceed the limit, where dropping one would leave too little: then as many
  // stay.
  const Constraints constraints = FakeMachine().constraints();
  int reached = 0;
  int starts = 0;
  for (uint64_t index = 0; starts < kStarts; ++index) {
    const Scenario start = draw_scenario(*find_property("memory"), constraints, 4, index);
    if (!over_ancestor(start)) continue;
    ++starts;
    Size size = size_of(shrink_greedily(start, constraints.machine, over_ancestor).scenario);
    size.detail = 0;
    reached += size == Size{2, 0, 1, 1, 0};
    EXPECT_EQ(size.nodes, 2);
    EXPECT_EQ(size.limits, 1);
  }
  std::cout << "one hog left in " << reached << " of " << starts << "\n";
  EXPECT_EQ(reached, starts);
}

TEST(Shrink, NumbersEndPlain) {
  const auto limited_hog = [](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId id) {
      const auto bandwidth = get<CpuBandwidth>(scenario.tree[id].limits, Knob::CpuMax);
      const bool is_half_or_less = bandwidth && *bandwidth->quota_us * 2 <= bandwidth->period_us;
      return is_half_or_less && has_worker_below(scenario, id);
    });
  };
  const Constraints constraints = FakeMachine().constraints();
  int starts = 0;
  for (uint64_t index = 0; starts < kStarts; ++index) {
    const Scenario start = draw_scenario(*find_property("cpu_bandwidth"), constraints, 1, index);
    if (!limited_hog(start)) continue;
    ++starts;
    const Scenario end = shrink_greedily(start, constraints.machine, limited_hog).scenario;
    const auto bandwidth = *get<CpuBandwidth>(end.tree[kRoot].limits, Knob::CpuMax);
    for (int64_t number : {*bandwidth.quota_us, bandwidth.period_us}) {
      while (number % 10 == 0) number /= 10;
      EXPECT_LT(number, 10) << draw(end);
    }
    EXPECT_EQ(end.tree[kRoot].name, "a");
    EXPECT_EQ(end.strategy, Strategy{});
  }
}

TEST(Shrink, FreezeTwoLevelsAboveAWorkerKeepsThreeNodesAndOneAction) {
  const auto deep_freeze = [](const Scenario& scenario) {
    return std::any_of(scenario.actions.begin(), scenario.actions.end(), [&](const Action& action) {
      return action.kind == Action::Kind::Freeze &&
             std::any_of(scenario.workers.begin(), scenario.workers.end(), [&](const Worker& worker) {
               return scenario.tree.is_in_subtree(worker.node, action.node) &&
                      scenario.tree.depth(worker.node) >= scenario.tree.depth(action.node) + 2;
             });
    });
  };
  expect_minimum("freezer", deep_freeze, {3, 1, 1, 0, 0}, 300);
}

TEST(Shrink, ALimitThatIsSetAboveAWorkerKeepsOneNodeAndOneAction) {
  const auto limits_a_worker = [](const Scenario& scenario) {
    return std::any_of(scenario.actions.begin(), scenario.actions.end(), [&](const Action& action) {
      const auto* bandwidth = std::get_if<CpuBandwidth>(&action.value);
      return action.kind == Action::Kind::SetLimit && bandwidth && bandwidth->quota_us &&
             has_worker_below(scenario, action.node);
    });
  };
  expect_minimum("cpu_bandwidth_change", limits_a_worker, {1, 1, 1, 0, 0}, 300);
}

TEST(Shrink, ACpusetThatIsSetKeepsOneNodeAndItsSmallestSet) {
  const auto confines_a_worker = [](const Scenario& scenario) {
    return std::any_of(scenario.actions.begin(), scenario.actions.end(), [&](const Action& action) {
      return action.kind == Action::Kind::SetLimit && has_worker_below(scenario, action.node);
    });
  };
  expect_minimum("cpuset_change", confines_a_worker, {1, 1, 1, 0, 0}, 300);
}

TEST(Shrink, ACpuThatGoesKeepsOneNodeAndOneAction) {
  const auto loses_a_cpu = [](const Scenario& scenario) {
    return std::any_of(scenario.actions.begin(), scenario.actions.end(),
                       [](const Action& action) { return action.kind == Action::Kind::CpuOffline; });
  };
  expect_minimum("cpu_hotplug", loses_a_cpu, {1, 1, 0, 0, 0}, 300);
}

TEST(Shrink, AGroupThatComesAndGoesKeepsItsParentAndBothActions) {
  const auto comes_and_goes = [](const Scenario& scenario) {
    return std::any_of(scenario.actions.begin(), scenario.actions.end(), [&](const Action& goes) {
      return goes.kind == Action::Kind::Remove && absent_at_first(scenario).contains(goes.node);
    });
  };
  expect_minimum("groups", comes_and_goes, {2, 2, 0, 0, 0}, 300);
}

TEST(Shrink, AControllerThatGoesAndComesBackKeepsTwoNodesAndBothActions) {
  const auto comes_back = [](const Scenario& scenario) {
    return std::any_of(scenario.actions.begin(), scenario.actions.end(),
                       [](const Action& action) { return action.kind == Action::Kind::EnableController; });
  };
  expect_minimum("controllers", comes_back, {2, 2, 0, 0, 0}, 300, FakeMachine().v2().constraints());
}

TEST(Shrink, AControllerThatComesBackGoesWithItsGoing) {
  const auto sets_a_limit = [](const Scenario& scenario) {
    return std::any_of(scenario.actions.begin(), scenario.actions.end(),
                       [](const Action& action) { return action.kind == Action::Kind::SetLimit; });
  };
  expect_minimum("controllers", sets_a_limit, {1, 1, 0, 0, 0}, 300, FakeMachine().v2().constraints());
}

TEST(Shrink, TwoChangesThatAreNeededEndAtOneInstant) {
  const Constraints constraints = FakeMachine().constraints();
  const auto two = [](const Scenario& scenario) { return scenario.actions.size() >= 2; };
  int starts = 0;
  for (uint64_t index = 0; starts < kStarts; ++index) {
    const Scenario start = draw_scenario(*find_property("pids_change"), constraints, 1, index);
    if (!two(start)) continue;
    ++starts;
    const Scenario end = shrink_greedily(start, constraints.machine, two).scenario;
    ASSERT_EQ(end.actions.size(), 2u);
    EXPECT_EQ(end.actions[0].at_us, end.actions[1].at_us) << draw(end);
  }
}

TEST(Shrink, AMigrationToAGroupWithALimitKeepsTwoNodesAndItsWorker) {
  const auto comes_under_a_limit = [](const Scenario& scenario) {
    for (size_t i = 0; i < scenario.actions.size(); ++i) {
      const Action& action = scenario.actions[i];
      if (action.kind != Action::Kind::Migrate) continue;
      const Scenario before = scenario_after(scenario, i, every_action);
      const Worker& worker = before.workers[static_cast<size_t>(action.worker)];
      const auto* hog = std::get_if<CpuHog>(&worker.workload);
      const bool is_limited = scenario.tree[action.node].limits.contains(Knob::CpuMax);
      if (hog && is_limited && !scenario.tree.is_in_subtree(worker.node, action.node)) return true;
    }
    return false;
  };
  expect_minimum("cpu_migration", comes_under_a_limit, {2, 1, 1, 1, 0}, 300);
}

TEST(Shrink, AWorkerThatGoesTakesItsMigrationsAlong) {
  const MachineFacts machine = FakeMachine().facts();
  Scenario scenario;
  scenario.tree.nodes = {{"a", kNoParent, {}}, {"b", kRoot, {}}};
  scenario.workers = {{kRoot, Idle{}}, {kRoot, ForkStorm{3}}, {1, Idle{}}};
  for (const int worker : {0, 1}) {
    scenario.actions.push_back({20'000, Action::Kind::Migrate, 1});
    scenario.actions.back().worker = worker;
  }
  scenario.window.length_us = 60'000;
  const auto storm_moves = [](const Scenario& candidate) {
    return std::any_of(candidate.actions.begin(), candidate.actions.end(), [&](const Action& action) {
      return std::holds_alternative<ForkStorm>(
          candidate.workers[static_cast<size_t>(action.worker)].workload);
    });
  };
  ASSERT_TRUE(validate(scenario).empty());
  const Scenario end = shrink_greedily(scenario, machine, storm_moves).scenario;
  ASSERT_EQ(end.workers.size(), 1u) << draw(end);
  ASSERT_EQ(end.actions.size(), 1u) << draw(end);
  EXPECT_EQ(end.actions[0].worker, 0);
}

TEST(Shrink, MigrationsStayWithTheirWorkersInEveryCandidate) {
  const MachineFacts machine = FakeMachine().facts();
  Scenario scenario;
  scenario.tree.nodes = {{"a", kNoParent, {{Knob::MemoryMax, Amount{64 << 20}}}}, {"b", kRoot, {}}};
  for (const int64_t mib : {1, 2, 4}) {
    scenario.workers.push_back({kRoot, MemoryHog{MemoryKind::Anonymous, mib << 20}});
  }
  scenario.actions = {{20'000, Action::Kind::Migrate, 1}};
  scenario.actions[0].worker = 1;
  scenario.window.length_us = 60'000;
  for (rc::Seq<Scenario> all = shrinks(scenario, machine); auto candidate = all.next();) {
    if (candidate->workers.size() != 2 || candidate->actions.empty()) continue;
    const auto moving = static_cast<size_t>(candidate->actions[0].worker);
    const auto* hog = std::get_if<MemoryHog>(&candidate->workers[moving].workload);
    // The 2 MiB of the second, or with them what another one's were.
    EXPECT_TRUE(hog && (hog->bytes >> 20 & 2) != 0) << draw(*candidate);
  }
}

TEST(Shrink, RefusedProbeKeepsOneNodeAndOneProbe) {
  const MachineFacts machine = FakeMachine().facts();
  const auto refused = [machine](const Scenario& scenario) {
    return std::any_of(scenario.probes.begin(), scenario.probes.end(), [&](const Probe& probe) {
      return probe.knob == Knob::PidsMax &&
             expected_errno(scenario.tree, probe.node, probe.knob, probe.value, machine) != 0;
    });
  };
  expect_minimum("rules", refused, {1, 1, 0, 0, 0}, 300);
}

}  // namespace
}  // namespace treeline

#include "tests/generators/reach.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <set>

#include "generators/property.h"
#include "model/attempts.h"
#include "model/controllers.h"
#include "model/freezing.h"
#include "model/rules.h"
#include "tests/generators/fake_machine.h"

namespace treeline {
namespace {

TEST(Reach, DeepCpuMaxWithAHogAndNoOtherLimitOnItsLineageWithin50Draws) {
  expect_reach("cpu_bandwidth", 50, [](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId id) {
      const auto lineage = scenario.tree.lineage(id);
      const auto limits = std::count_if(lineage.begin(), lineage.end(), [&](NodeId above) {
        return scenario.tree[above].limits.contains(Knob::CpuMax);
      });
      return scenario.tree.depth(id) >= 2 && limits == 1 && scenario.tree[id].limits.contains(Knob::CpuMax) &&
             has_worker_below(scenario, id, is_endless);
    });
  });
}

TEST(Reach, WindowsInWhichA30PercentExcessMustShowWithin50Draws) {
  // usage of 1.3 quotas > quota·(T/period + 1) + burst + nCPU·(slice + tick): see oracle's cpu.bandwidth.
  const MachineFacts machine = FakeMachine().facts();
  expect_reach("cpu_bandwidth", 50, [machine](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId id) {
      const Limits& limits = scenario.tree[id].limits;
      const auto bandwidth = get<CpuBandwidth>(limits, Knob::CpuMax);
      if (!bandwidth || !bandwidth->quota_us || !has_worker_below(scenario, id, is_endless)) return false;
      const double quota = static_cast<double>(*bandwidth->quota_us);
      const double cpus = quota / static_cast<double>(bandwidth->period_us);
      const double late_tick_us = 20'000;
      const double additive = quota + static_cast<double>(amount(limits, Knob::CpuMaxBurst).value_or(0)) +
                              static_cast<double>(machine.cpus.size()) *
                                  (static_cast<double>(machine.cfs_slice_us) + late_tick_us);
      return 0.3 * cpus * static_cast<double>(scenario.window.length_us) > additive;
    });
  });
}

TEST(Reach, WeightedSiblingsWithHogsOnOneCpuWithin20Draws) {
  const MachineFacts machine = FakeMachine().facts();
  expect_reach("cpu_fairness", 20, [machine](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId parent) {
      if (effective_cpus(scenario.tree, parent, machine).ids.size() != 1) return false;
      const auto children = scenario.tree.children(parent);
      return std::count_if(children.begin(), children.end(), [&](NodeId child) {
               return scenario.tree[child].limits.contains(Knob::CpuWeight) &&
                      has_worker_below(scenario, child, is_endless);
             }) >= 2;
    });
  });
}

TEST(Reach, AHogAndASleeperBesideAChildWithAHogOnOneCpuWithin100Draws) {
  // What the kernels between 6.13 and 6.18.44 starve: mainline 101f3498b4bd.
  const MachineFacts machine = FakeMachine().facts();
  expect_reach("cpu_contention", 100, [machine](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId parent) {
      if (effective_cpus(scenario.tree, parent, machine).ids.size() != 1) return false;
      const auto has_own = [&](bool endless) {
        return std::any_of(scenario.workers.begin(), scenario.workers.end(), [&](const Worker& worker) {
          return worker.node == parent && std::holds_alternative<CpuHog>(worker.workload) &&
                 is_endless(worker.workload) == endless;
        });
      };
      const auto children = scenario.tree.children(parent);
      return has_own(true) && has_own(false) &&
             std::any_of(children.begin(), children.end(),
                         [&](NodeId child) { return has_worker_below(scenario, child, is_endless); });
    });
  });
}

TEST(Reach, DeepCpusetThatItsParentDoesNotHaveWithin50Draws) {
  const MachineFacts machine = FakeMachine().facts();
  expect_reach("cpuset", 50, [machine](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId id) {
      return scenario.tree.depth(id) >= 2 && has_worker_below(scenario, id, is_endless) &&
             effective_cpus(scenario.tree, id, machine) !=
                 effective_cpus(scenario.tree, scenario.tree[id].parent, machine);
    });
  });
}

int64_t demand_below(const Scenario& scenario, NodeId top) {
  return memory_below(scenario, top,
                      [](const MemoryHog& hog) { return hog.hold && hog.kind != MemoryKind::File; });
}

TEST(Reach, MemoryOverAnAncestorsLimitWithin50Draws) {
  expect_reach("memory", 50, [](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId id) {
      const auto limit = amount(scenario.tree[id].limits, Knob::MemoryMax);
      return limit && !scenario.tree.is_leaf(id) && demand_below(scenario, id) > *limit;
    });
  });
}

TEST(Reach, MemoryBetweenHalfAndAllOfALimitWithin50Draws) {
  expect_reach("memory", 50, [](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId id) {
      const auto limit = amount(scenario.tree[id].limits, Knob::MemoryMax);
      const int64_t demand = demand_below(scenario, id);
      return limit && demand > *limit / 2 && demand < *limit;
    });
  });
}

TEST(Reach, MoreForksThanALimitLetsInAndExactlyAsManyWithin50Draws) {
  const auto with_excess = [](auto fits) {
    return [fits](const Scenario& scenario) {
      return any_node(scenario, [&](NodeId id) {
        const auto limit = amount(scenario.tree[id].limits, Knob::PidsMax);
        int64_t tasks = 0;
        for (const Worker& worker : scenario.workers) {
          if (!scenario.tree.is_in_subtree(worker.node, id)) continue;
          const auto* storm = std::get_if<ForkStorm>(&worker.workload);
          tasks += 1 + (storm ? storm->forks : 0);
        }
        return limit && fits(tasks - *limit);
      });
    };
  };
  expect_reach("pids", 50, with_excess([](int64_t excess) { return excess > 0; }));
  expect_reach("pids", 50, with_excess([](int64_t excess) { return excess == 0; }));
}

TEST(Reach, DirectIoBelowALimitOfAnAncestorWithin50Draws) {
  expect_reach("io", 50, [](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId id) {
      return scenario.tree[id].limits.contains(Knob::IoMax) && !scenario.tree.is_leaf(id) &&
             has_worker_below(scenario, id, [](const Workload& workload) {
               const auto* hog = std::get_if<IoHog>(&workload);
               return hog && hog->direct;
             });
    });
  });
}

TEST(Reach, FreezeTwoLevelsAboveAHogWithin50Draws) {
  expect_reach("freezer", 50, [](const Scenario& scenario) {
    return std::any_of(scenario.actions.begin(), scenario.actions.end(), [&](const Action& action) {
      return action.kind == Action::Kind::Freeze &&
             std::any_of(scenario.workers.begin(), scenario.workers.end(), [&](const Worker& worker) {
               return scenario.tree.is_in_subtree(worker.node, action.node) &&
                      scenario.tree.depth(worker.node) >= scenario.tree.depth(action.node) + 2;
             });
    });
  });
}

/// A hog that goes into what is frozen, and out of it.
TEST(Reach, MovesAcrossTheEdgeOfWhatIsFrozenWithin60Draws) {
  for (const auto& [from_frozen, to_frozen] : {std::pair{false, true}, std::pair{true, false}}) {
    expect_reach("freezer", 60, [from = from_frozen, to = to_frozen](const Scenario& scenario) {
      for (size_t i = 0; i < scenario.actions.size(); ++i) {
        const Action& action = scenario.actions[i];
        if (action.kind != Action::Kind::Migrate) continue;
        const Scenario before = scenario_after(scenario, i, every_action);
        const Worker& worker = before.workers[static_cast<size_t>(action.worker)];
        const std::set<NodeId> frozen = frozen_after(scenario, i, every_action);
        if (is_endless(worker.workload) && is_frozen(scenario.tree, frozen, worker.node) == from &&
            is_frozen(scenario.tree, frozen, action.node) == to) {
          return true;
        }
      }
      return false;
    });
  }
}

TEST(Reach, ProbesOfBothKindsOfAllV1KnobsWithin400Draws) {
  const Constraints constraints = FakeMachine().constraints();
  std::set<Knob> taken;
  std::set<Knob> refused;
  for (uint64_t index = 0; index < 400; ++index) {
    const Scenario scenario = draw_scenario(*find_property("rules"), constraints, 1, index);
    for (const Probe& probe : scenario.probes) {
      const int error =
          expected_errno(scenario.tree, probe.node, probe.knob, probe.value, constraints.machine);
      (error == 0 ? taken : refused).insert(probe.knob);
    }
  }
  EXPECT_EQ(taken, constraints.machine.knobs);
  for (const Knob knob : {Knob::CpuMax, Knob::CpuMaxBurst, Knob::CpuIdle, Knob::MemoryMax, Knob::PidsMax,
                          Knob::CpusetCpus, Knob::IoWeight}) {
    EXPECT_TRUE(refused.contains(knob)) << knob_info(knob).name;
  }
}

void expect_every_corner(const Constraints& constraints, std::set<Knob> never, size_t action_kinds) {
  int depth = 0, width = 0, nodes = 0;
  std::set<Knob> knobs;
  std::set<Strategy::Kind> strategies;
  std::set<std::string_view> workloads;
  std::set<Action::Kind> actions;
  for (const Property& property : properties()) {
    if (why_untestable(property, constraints.machine)) continue;
    for (uint64_t index = 0; index < 150; ++index) {
      const Scenario scenario = draw_scenario(property, constraints, 1, index);
      depth = std::max(depth, scenario.tree.max_depth());
      nodes = std::max(nodes, scenario.tree.size());
      strategies.insert(scenario.strategy.kind);
      for (NodeId id = 0; id < scenario.tree.size(); ++id) {
        width = std::max(width, static_cast<int>(scenario.tree.children(id).size()));
        for (const auto& [knob, value] : scenario.tree[id].limits) knobs.insert(knob);
      }
      for (const Worker& worker : scenario.workers) workloads.insert(workload_kind(worker.workload));
      for (const Action& action : scenario.actions) actions.insert(action.kind);
    }
  }
  EXPECT_EQ(depth, constraints.max_depth);
  EXPECT_EQ(width, constraints.max_children);
  EXPECT_EQ(nodes, constraints.max_nodes);
  std::set<Knob> limits = constraints.machine.knobs;
  for (const Knob knob : never) limits.erase(knob);
  EXPECT_EQ(knobs, limits);
  EXPECT_EQ(strategies.size(), 5u);
  EXPECT_EQ(workloads.size(), 6u);
  EXPECT_EQ(actions.size(), action_kinds);
}

// Freezing is an action: a worker of a frozen node would never start.
TEST(Reach, EveryCornerWithin3300Draws) {
  expect_every_corner(FakeMachine().constraints(), {Knob::Freeze}, 11);
}

TEST(Reach, EveryCornerOfV2Within4500Draws) {
  const FakeMachine machine = FakeMachine().v2().cpus(4).swap(1 << 30);
  expect_every_corner(machine.constraints(), {Knob::Freeze}, 18);
}

/// A change of the knob above a worker, for which `fits` holds of the limit before and after.
template <typename Fits>
void expect_change(const char* property, Knob knob, int most, Fits fits,
                   const Constraints& constraints = FakeMachine().constraints()) {
  const auto has_change = [&](const Scenario& scenario) {
    for (size_t i = 0; i < scenario.actions.size(); ++i) {
      const Action& action = scenario.actions[i];
      const Tree before = scenario_after(scenario, i, every_action).tree;
      if (action.kind == Action::Kind::SetLimit && action.knob == knob &&
          has_worker_below(scenario, action.node) && fits(scenario, before[action.node].limits, action)) {
        return true;
      }
    }
    return false;
  };
  expect_reach(property, most, has_change, constraints);
}

TEST(Reach, LimitsThatAreSetLoweredRaisedAndClearedWithin40Draws) {
  struct Case {
    const char* property;
    Knob knob;
  };
  for (const Case& each : {Case{"memory_change", Knob::MemoryMax}, Case{"pids_change", Knob::PidsMax}}) {
    const auto next = [](const Action& action) { return std::get<Amount>(action.value).value; };
    const Knob knob = each.knob;
    expect_change(each.property, knob, 40, [=](const Scenario&, const Limits& old, const Action& action) {
      return !amount(old, knob) && next(action);
    });
    expect_change(each.property, knob, 40, [=](const Scenario&, const Limits& old, const Action& action) {
      return amount(old, knob) && next(action) && *next(action) < *amount(old, knob);
    });
    expect_change(each.property, knob, 40, [=](const Scenario&, const Limits& old, const Action& action) {
      return amount(old, knob) && next(action) && *next(action) > *amount(old, knob);
    });
    expect_change(each.property, knob, 40, [=](const Scenario&, const Limits& old, const Action& action) {
      return amount(old, knob) && !next(action);
    });
  }
}

TEST(Reach, MemoryLoweredBelowWhatIsHeldWithin10Draws) {
  expect_change("memory_change", Knob::MemoryMax, 10,
                [](const Scenario& scenario, const Limits&, const Action& action) {
                  const auto next = std::get<Amount>(action.value).value;
                  return next && demand_below(scenario, action.node) > *next;
                });
}

TEST(Reach, RatesSetLoweredRaisedAndLiftedWhileBlocksMoveWithin40Draws) {
  const auto bytes = [](const IoRates& rates) {
    return rates.read_bytes ? rates.read_bytes : rates.write_bytes;
  };
  const auto expect_rates =
      [&](const std::function<bool(std::optional<int64_t>, std::optional<int64_t>)>& fits) {
        expect_change("io_change", Knob::IoMax, 40,
                      [&](const Scenario& scenario, const Limits& old, const Action& action) {
                        const IoRates was = get<IoRates>(old, Knob::IoMax).value_or(IoRates{});
                        return has_worker_below(scenario, action.node,
                                                [](const Workload& workload) {
                                                  return std::holds_alternative<IoHog>(workload);
                                                }) &&
                               fits(bytes(was), bytes(std::get<IoRates>(action.value)));
                      });
      };
  expect_rates([](auto was, auto next) { return !was && next; });
  expect_rates([](auto was, auto next) { return was && next && *next < *was; });
  expect_rates([](auto was, auto next) { return was && next && *next > *was; });
  expect_rates([](auto was, auto next) { return was && !next; });
}

TEST(Reach, HighSetAndLoweredBelowWhatIsWantedWithin20Draws) {
  for (const bool is_set : {false, true}) {
    expect_change(
        "memory_high_change", Knob::MemoryHigh, 20,
        [=](const Scenario& scenario, const Limits& old, const Action& action) {
          const auto was = amount(old, Knob::MemoryHigh);
          const auto next = std::get<Amount>(action.value).value;
          return was.has_value() == is_set && next && *next < was.value_or(INT64_MAX) &&
                 demand_below(scenario, action.node) > 2 * *next;
        },
        FakeMachine().v2().constraints());
  }
}

int64_t held_below(const Scenario& scenario, NodeId top) {
  int64_t sum = 0;
  for (const Worker& worker : scenario.workers) {
    const auto* hog = std::get_if<MemoryHog>(&worker.workload);
    if (hog && hog->hold && scenario.tree.is_in_subtree(worker.node, top)) sum += hog->bytes;
  }
  return sum;
}

/// A change of the knob, and then memory.max above it, lowered to less than is held there.
void expect_change_before_pressure(const char* property, Knob knob, int most,
                                   const Constraints& constraints) {
  const auto is_pressed = [=](const Scenario& scenario) {
    const auto& actions = scenario.actions;
    const auto changed = std::find_if(actions.begin(), actions.end(), [&](const Action& action) {
      return action.kind == Action::Kind::SetLimit && action.knob == knob;
    });
    return changed != actions.end() && std::any_of(changed, actions.end(), [&](const Action& action) {
             return action.kind == Action::Kind::SetLimit && action.knob == Knob::MemoryMax &&
                    scenario.tree.is_in_subtree(changed->node, action.node) &&
                    held_below(scenario, action.node) >
                        std::get<Amount>(action.value).value.value_or(INT64_MAX);
           });
  };
  expect_reach(property, most, is_pressed, constraints);
}

TEST(Reach, ProtectionSwapLimitsAndOomGroupsThatChangeBeforeMemoryRunsShortWithin20Draws) {
  const Constraints v2 = FakeMachine().v2().constraints();
  expect_change_before_pressure("memory_protection_change", Knob::MemoryLow, 20, v2);
  expect_change_before_pressure("memory_protection_change", Knob::MemoryMin, 20, v2);
  expect_change_before_pressure("oom_group_change", Knob::MemoryOomGroup, 20, v2);
  expect_change_before_pressure("swap_change", Knob::MemorySwapMax, 20,
                                FakeMachine().v2().swap(1 << 30).constraints());
}

TEST(Reach, IdleGroupsThatComeAndGoAndBurstsWithin80Draws) {
  const Constraints v2 = FakeMachine().v2().constraints();
  for (const int64_t next : {0, 1}) {
    expect_change(
        "cpu_fairness_change", Knob::CpuIdle, 80,
        [=](const Scenario&, const Limits&, const Action& action) {
          return std::get<Amount>(action.value).value == next;
        },
        v2);
  }
  expect_change(
      "cpu_bandwidth_change", Knob::CpuMaxBurst, 80,
      [](const Scenario&, const Limits& old, const Action& action) {
        return *std::get<Amount>(action.value).value > amount(old, Knob::CpuMaxBurst).value_or(0);
      },
      v2);
}

TEST(Reach, AHierarchyThatIsFullOnlyOnceItsLimitIsSetWithin40Draws) {
  for (const Knob knob : {Knob::CgroupMaxDepth, Knob::CgroupMaxDescendants}) {
    const auto is_filled = [=](const Scenario& scenario) {
      const auto& actions = scenario.actions;
      const auto set = std::find_if(actions.begin(), actions.end(), [&](const Action& action) {
        return action.kind == Action::Kind::SetLimit && action.knob == knob;
      });
      return std::any_of(set, actions.end(),
                         [](const Action& action) { return action.kind == Action::Kind::TryCreate; });
    };
    expect_reach("refusals", 40, is_filled, FakeMachine().v2().constraints());
  }
}

TEST(Reach, AQuotaThatIsLongerThanATurnAndStaysWithin60Draws) {
  expect_reach("cpu_contention", 60, [](const Scenario& scenario) {
    return scenario.actions.empty() && any_node(scenario, [&](NodeId id) {
             const auto limit = get<CpuBandwidth>(scenario.tree[id].limits, Knob::CpuMax);
             return limit && limit->period_us >= 100'000 && *limit->quota_us >= 20'000;
           });
  });
}

TEST(Reach, ChildrenThatClaimWhatTheirParentLacksBesideASiblingOfItWithin60Draws) {
  const auto low = [](const Tree& tree, NodeId node) {
    return std::max(amount(tree[node].limits, Knob::MemoryLow).value_or(0),
                    amount(tree[node].limits, Knob::MemoryMin).value_or(0));
  };
  const auto usurps = [&](const Scenario& scenario) {
    const Tree& tree = scenario.tree;
    return any_node(scenario, [&](NodeId id) {
      const NodeId parent = tree[id].parent;
      if (parent == kNoParent || tree[parent].parent == kNoParent) return false;
      const std::vector<NodeId> uncles = tree.children(tree[parent].parent);
      return low(tree, id) > 4 * low(tree, parent) && has_worker_below(scenario, id) &&
             std::any_of(uncles.begin(), uncles.end(), [&](NodeId uncle) {
               return uncle != parent && low(tree, uncle) > 0 && has_worker_below(scenario, uncle);
             });
    });
  };
  expect_reach("memory_protection", 60, usurps, FakeMachine().v2().constraints());
}

/// From a group without cpu.max above it into one with, as in 2a4b03ffc69f, and back.
TEST(Reach, HogsThatComeUnderAQuotaAndThatEscapeOneWithin20Draws) {
  for (const bool is_entering : {true, false}) {
    expect_reach("cpu_migration", 20, [=](const Scenario& scenario) {
      return any_migration(scenario, [=](const Scenario& before, const Action& action) {
        const Worker& worker = before.workers[static_cast<size_t>(action.worker)];
        const auto is_limited = [&](NodeId node) {
          const auto lineage = before.tree.lineage(node);
          return std::any_of(lineage.begin(), lineage.end(),
                             [&](NodeId above) { return before.tree[above].limits.contains(Knob::CpuMax); });
        };
        return is_endless(worker.workload) && is_limited(action.node) == is_entering &&
               is_limited(worker.node) != is_entering;
      });
    });
  }
}

TEST(Reach, MemoryHogsThatMoveAcrossAndUpAndDownWithin30Draws) {
  enum class Way : uint8_t { Up, Down, Across };
  for (const Way way : {Way::Up, Way::Down, Way::Across}) {
    expect_reach("memory_migration", 30, [=](const Scenario& scenario) {
      return any_migration(scenario, [=](const Scenario& before, const Action& action) {
        const Worker& worker = before.workers[static_cast<size_t>(action.worker)];
        const bool up = before.tree.is_in_subtree(worker.node, action.node);
        const bool down = before.tree.is_in_subtree(action.node, worker.node);
        return std::holds_alternative<MemoryHog>(worker.workload) && (way == Way::Up) == up &&
               (way == Way::Down) == down;
      });
    });
  }
}

TEST(Reach, StormsThatMoveIntoAFullGroupWithin30Draws) {
  expect_reach("pids_migration", 30, [](const Scenario& scenario) {
    return any_migration(scenario, [](const Scenario& before, const Action& action) {
      const Worker& worker = before.workers[static_cast<size_t>(action.worker)];
      const auto limit = amount(before.tree[action.node].limits, Knob::PidsMax);
      return std::holds_alternative<ForkStorm>(worker.workload) && limit && *limit <= 1;
    });
  });
}

TEST(Reach, QuotasThatAreSetLoweredRaisedAndClearedWithin40Draws) {
  const auto share = [](const treeline::CpuBandwidth& bandwidth) {
    return static_cast<double>(*bandwidth.quota_us) / static_cast<double>(bandwidth.period_us);
  };
  for (const int way : {-1, 1}) {
    expect_change("cpu_bandwidth_change", Knob::CpuMax, 40,
                  [&](const Scenario&, const Limits& old, const Action& action) {
                    const auto before = get<CpuBandwidth>(old, Knob::CpuMax);
                    const auto after = std::get<CpuBandwidth>(action.value);
                    return before && before->quota_us && after.quota_us &&
                           way * (share(after) - share(*before)) > 0;
                  });
  }
  expect_change("cpu_bandwidth_change", Knob::CpuMax, 40,
                [](const Scenario&, const Limits& old, const Action& action) {
                  return old.contains(Knob::CpuMax) && !std::get<CpuBandwidth>(action.value).quota_us;
                });
  expect_change(
      "cpu_bandwidth_change", Knob::CpuMax, 40,
      [](const Scenario&, const Limits& old, const Action&) { return !old.contains(Knob::CpuMax); });
}

/// Of v2, a change that leaves the group none of its own CPUs; of both, one that takes a CPU away.
TEST(Reach, CpusetsThatLoseACpuAndThatFallBackWithin40Draws) {
  const auto loses_a_cpu = [](const IdSet& before, const IdSet& after) {
    return !std::includes(after.ids.begin(), after.ids.end(), before.ids.begin(), before.ids.end());
  };
  expect_change("cpuset_change", Knob::CpusetCpus, 40,
                [&](const Scenario&, const Limits& old, const Action& action) {
                  const auto before = get<IdSet>(old, Knob::CpusetCpus);
                  return before && loses_a_cpu(*before, std::get<IdSet>(action.value));
                });
  const Constraints v2 = FakeMachine().v2().cpus(4).constraints();
  const int draws = draws_until("cpuset_change", v2, 1, 40, [&](const Scenario& scenario) {
    const Scenario end = scenario_after(scenario, scenario.actions.size(), every_action);
    return any_node(end, [&](NodeId node) {
      const auto own = get<IdSet>(end.tree[node].limits, Knob::CpusetCpus);
      return own && loses_a_cpu(effective_cpus(end.tree, node, v2.machine), *own);
    });
  });
  EXPECT_GT(draws, 0);
}

TEST(Reach, BusyGroupsThatComeAndThatGoWithin20Draws) {
  for (const Action::Kind kind : {Action::Kind::Create, Action::Kind::Remove}) {
    expect_reach("groups", 20, [&](const Scenario& scenario) {
      return std::any_of(scenario.actions.begin(), scenario.actions.end(), [&](const Action& action) {
        return action.kind == kind && has_worker_below(scenario, action.node, [](const Workload& workload) {
                 return !std::holds_alternative<Idle>(workload);
               });
      });
    });
  }
}

/// Within 20 draws a controller goes below a group with a limit, while work goes on below and has one, too.
TEST(Reach, ControllersThatGoFromBusyGroupsWithLimitsWithin80Draws) {
  const Constraints constraints = FakeMachine().v2().constraints();
  for (const Knob knob : {Knob::CpuMax, Knob::PidsMax, Knob::MemoryMax, Knob::IoMax, Knob::CpusetCpus}) {
    const auto goes = [&](const Scenario& scenario, const Action& action) {
      const std::vector<NodeId> below = groups_below(scenario.tree, action);
      const bool binds = scenario.tree[action.node].limits.contains(knob);
      return action.kind == Action::Kind::DisableController && binds &&
             action.controller == knob_info(knob).controller &&
             std::any_of(below.begin(), below.end(), [&](NodeId node) {
               const bool is_busy = has_worker_below(scenario, node, [](const Workload& workload) {
                 return !std::holds_alternative<Idle>(workload);
               });
               return is_busy && scenario.tree[node].limits.contains(knob);
             });
    };
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      const int draws = draws_until("controllers", constraints, seed, 80, [&](const Scenario& scenario) {
        return std::any_of(scenario.actions.begin(), scenario.actions.end(),
                           [&](const Action& action) { return goes(scenario, action); });
      });
      EXPECT_GT(draws, 0) << knob_info(knob).name << ", seed " << seed;
    }
  }
}

TEST(Reach, ControllersThatComeBackAndLimitsThatAreSetAfterwardsWithin20Draws) {
  const Constraints constraints = FakeMachine().v2().constraints();
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const int draws = draws_until("controllers", constraints, seed, 20, [&](const Scenario& scenario) {
      const auto& actions = scenario.actions;
      const auto comes = std::find_if(actions.begin(), actions.end(), [](const Action& action) {
        return action.kind == Action::Kind::EnableController;
      });
      return std::any_of(comes, actions.end(), [&](const Action& action) {
        return action.kind == Action::Kind::SetLimit && action.node != comes->node &&
               scenario.tree.is_in_subtree(action.node, comes->node);
      });
    });
    EXPECT_GT(draws, 0) << "seed " << seed;
  }
}

/// Of each kind, and of limits every errno that the rules know there.
TEST(Reach, AttemptsOfEveryKindWithin60Draws) {
  using Kind = Action::Kind;
  const auto reaches = [](const FakeMachine& machine, Kind kind, int error) {
    const Constraints constraints = machine.constraints();
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      const int draws = draws_until("refusals", constraints, seed, 60, [&](const Scenario& scenario) {
        for (size_t i = 0; i < scenario.actions.size(); ++i) {
          const bool fits = scenario.actions[i].kind == kind &&
                            due_errno(scenario, i, constraints.machine, every_action) == error;
          if (fits) return true;
        }
        return false;
      });
      EXPECT_GT(draws, 0) << static_cast<int>(kind) << ", errno " << error << ", seed " << seed;
    }
  };
  for (const int error : {EINVAL, EBUSY, ENOSPC}) reaches(FakeMachine(), Kind::TryLimit, error);
  reaches(FakeMachine(), Kind::TryRemove, EBUSY);
  for (const int error : {EINVAL, ERANGE}) reaches(FakeMachine().v2(), Kind::TryLimit, error);
  for (const Kind kind : {Kind::TryMigrate, Kind::TryRemove, Kind::TryControllerOff, Kind::TryControllerOn}) {
    reaches(FakeMachine().v2(), kind, EBUSY);
  }
  reaches(FakeMachine().v2(), Kind::TryControllerOn, ENOENT);
  reaches(FakeMachine().v2(), Kind::TryCreate, EAGAIN);
}

TEST(Reach, AttemptsBesideOtherActionsWithin40Draws) {
  for (const char* property : {"freezer", "kill", "groups", "pids_migration", "memory_change", "mixed"}) {
    const Constraints constraints = FakeMachine().v2().constraints();
    const int draws = draws_until(property, constraints, 1, 40, [](const Scenario& scenario) {
      return std::any_of(scenario.actions.begin(), scenario.actions.end(), is_attempt);
    });
    EXPECT_GT(draws, 0) << property;
  }
}

TEST(Reach, WorkersInInteriorNodesOnV2Within20Draws) {
  const Constraints constraints = FakeMachine().v2().constraints();
  for (const char* property : {"cpu_bandwidth", "memory", "pids", "kill", "hierarchy"}) {
    const int draws = draws_until(property, constraints, 1, 20, [&](const Scenario& scenario) {
      return any_node(scenario, [&](NodeId id) {
        return has_leaf_proxy(scenario, id, constraints.machine, Controller::Cpu);
      });
    });
    EXPECT_GT(draws, 0) << property;
  }
}

TEST(Reach, MoreThanMemoryHighWithin20Draws) {
  const Constraints constraints = FakeMachine().v2().constraints();
  const int draws = draws_until("memory_high", constraints, 1, 20, [](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId id) {
      const auto high = amount(scenario.tree[id].limits, Knob::MemoryHigh);
      return high && demand_below(scenario, id) > 2 * *high;
    });
  });
  EXPECT_GT(draws, 0);
}

int64_t touched_below(const Scenario& scenario, NodeId top) {
  return memory_below(scenario, top, [](const MemoryHog&) { return true; });
}

/// Some childless node carries `knob`, and a memory.max `levels` above it is exceeded by what is touched
/// below; `fits` then compares its protection with what its workers touch.
template <typename Fits>
int draws_until_protected(Knob knob, int levels, Fits fits) {
  const Constraints constraints = FakeMachine().v2().constraints();
  return draws_until("memory_protection", constraints, 1, 40, [&](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId id) {
      const Tree& tree = scenario.tree;
      const auto protection = amount(tree[id].limits, knob);
      NodeId above = id;
      for (int i = 0; i < levels && above != kNoParent; ++i) above = tree[above].parent;
      if (!protection || above == kNoParent || !tree.is_leaf(id)) return false;
      const auto limit = amount(tree[above].limits, Knob::MemoryMax);
      const int64_t held = touched_below(scenario, id);
      return limit && held > 0 && touched_below(scenario, above) > *limit && fits(*protection - held);
    });
  });
}

TEST(Reach, CacheThatIsProtectedWhollyOrPartlyOneAndTwoLevelsBelowALimitWithin40Draws) {
  for (const int levels : {1, 2}) {
    for (const Knob knob : {Knob::MemoryMin, Knob::MemoryLow}) {
      EXPECT_GT(draws_until_protected(knob, levels, [](int64_t spare) { return spare >= 0; }), 0)
          << knob_info(knob).name << ", " << levels;
    }
  }
  EXPECT_GT(draws_until_protected(Knob::MemoryMin, 1, [](int64_t spare) { return spare < 0; }), 0);
}

TEST(Reach, ProtectionThatChildrenOvercommitWithin40Draws) {
  const Constraints constraints = FakeMachine().v2().constraints();
  for (const Knob knob : {Knob::MemoryMin, Knob::MemoryLow}) {
    const int draws = draws_until("memory_protection", constraints, 1, 40, [knob](const Scenario& scenario) {
      return any_node(scenario, [&](NodeId id) {
        const auto own = amount(scenario.tree[id].limits, knob);
        int64_t claimed = 0;
        for (const NodeId child : scenario.tree.children(id)) {
          claimed += amount(scenario.tree[child].limits, knob).value_or(0);
        }
        return own && claimed > *own;
      });
    });
    EXPECT_GT(draws, 0) << knob_info(knob).name;
  }
}

TEST(Reach, MoreThatIsProtectedThanALimitLetsInWithin40Draws) {
  const Constraints constraints = FakeMachine().v2().constraints();
  const int draws = draws_until("memory_protection", constraints, 1, 40, [](const Scenario& scenario) {
    return any_node(scenario, [&](NodeId id) {
      const NodeId parent = scenario.tree[id].parent;
      if (parent == kNoParent || !scenario.tree.is_leaf(id)) return false;
      const auto limit = amount(scenario.tree[parent].limits, Knob::MemoryMax);
      const auto low = amount(scenario.tree[id].limits, Knob::MemoryLow);
      return limit && low && *low > *limit && touched_below(scenario, id) > 0;
    });
  });
  EXPECT_GT(draws, 0);
}

TEST(Reach, HierarchyLimitsThatAreReachedAndThatAreNotWithin20Draws) {
  const Constraints constraints = FakeMachine().v2().constraints();
  for (const int error : {0, EAGAIN}) {
    const int draws = draws_until("hierarchy", constraints, 1, 20, [&](const Scenario& scenario) {
      return any_node(scenario, [&](NodeId id) {
        return expected_child_errno(scenario, id, constraints.machine) == error;
      });
    });
    EXPECT_GT(draws, 0) << error;
  }
}

TEST(Reach, ProbesOfBothKindsOfAllV2KnobsWithin600Draws) {
  const Constraints constraints = FakeMachine().v2().constraints();
  std::set<Knob> taken;
  std::set<Knob> refused;
  for (uint64_t index = 0; index < 600; ++index) {
    const Scenario scenario = draw_scenario(*find_property("rules"), constraints, 1, index);
    for (const Probe& probe : scenario.probes) {
      const int error =
          expected_errno(scenario.tree, probe.node, probe.knob, probe.value, constraints.machine);
      (error == 0 ? taken : refused).insert(probe.knob);
    }
  }
  EXPECT_EQ(taken, constraints.machine.knobs);
  std::set<Knob> refusable = constraints.machine.knobs;
  for (const Knob knob : {Knob::CpusetCpus, Knob::CpusetMems, Knob::CpusetPartition}) refusable.erase(knob);
  EXPECT_EQ(refused, refusable);
}

TEST(WhyUntestable, NamesWhatIsMissing) {
  const auto why = [](const char* property, const FakeMachine& machine) {
    return why_untestable(*find_property(property), machine.facts());
  };
  EXPECT_EQ(why("memory", FakeMachine()), std::nullopt);
  ASSERT_TRUE(why("memory", FakeMachine().without(Controller::Memory)));
  EXPECT_NE(why("memory", FakeMachine().without(Controller::Memory))->find("memory"), std::string::npos);
  EXPECT_TRUE(why("cpuset", FakeMachine().cpus(1)));
  EXPECT_TRUE(why("io", FakeMachine().without_device()));
  EXPECT_TRUE(why("cpu_fairness", FakeMachine().without(Controller::Cpuset)));
  EXPECT_EQ(why("cpu_fairness", FakeMachine().cpus(1).without(Controller::Cpuset)), std::nullopt);
}

}  // namespace
}  // namespace treeline

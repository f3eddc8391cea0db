#include "generators/scenario_gen.h"

#include <algorithm>

#include "generators/gens.h"
#include "generators/limits_gen.h"
#include "generators/workload_gen.h"
#include "model/rules.h"

namespace treeline {

rc::Gen<Ground> ground_gen(const Constraints& constraints, int max_workers, int min_depth) {
  return rc::gen::withSize([=](int size) {
    return rc::gen::exec([=] {
             Ground ground;
             const bool is_deep = *chance(55);
             const int depth = std::max(min_depth, is_deep ? *uniform(2, 3) : 0);
             ground.tree = *tree_gen(shape_for(constraints, size, depth));
             const int most = std::min(max_workers, constraints.max_workers);
             ground.placement = *placement_gen(ground.tree, constraints, most);
             const auto by_depth = [&](NodeId a, NodeId b) {
               return ground.tree.depth(a) < ground.tree.depth(b);
             };
             const std::vector<NodeId>& places = ground.placement.nodes;
             const NodeId place =
                 is_deep ? *std::max_element(places.begin(), places.end(), by_depth) : *one_of(places);
             std::vector<NodeId> lineage = ground.tree.lineage(place);
             if (is_deep && *chance(70)) {
               std::erase_if(lineage, [&](NodeId id) { return id != place && ground.tree.depth(id) < 2; });
             }
             ground.target = *one_of(lineage);
             for (const NodeId node : places) {
               if (ground.tree.is_in_subtree(node, ground.target)) ground.below.push_back(node);
             }
             return ground;
           })
        .as("ground");
  });
}

rc::Gen<Tree> with_company(const Tree& tree, const std::set<Knob>& menu, const Constraints& constraints) {
  return rc::gen::exec([=] {
    const Swarm swarm = *swarm_gen(constraints, menu, {WorkloadKind::Idle});
    if (*chance(60)) return tree;
    return *with_limits(tree, swarm.knobs, std::min(swarm.limit_percent, 40), Pressure::Roomy, constraints);
  });
}

Scenario begun_on(const Ground& ground) {
  Scenario scenario;
  scenario.tree = ground.tree;
  scenario.strategy = ground.placement.strategy;
  return scenario;
}

void share_memory(Scenario& scenario, const Ground& ground, int64_t demand,
                  const std::function<Workload(int64_t)>& hog, const std::function<Workload()>& other,
                  int64_t least_bytes) {
  const int sharers = static_cast<int>(ground.below.size());
  std::vector<int64_t> parts = *parts_of(std::max(demand, least_bytes * sharers), sharers, least_bytes);
  for (const NodeId node : ground.placement.nodes) {
    if (!scenario.tree.is_in_subtree(node, ground.target)) {
      scenario.workers.push_back({node, other()});
      continue;
    }
    scenario.workers.push_back({node, hog(parts.back())});
    parts.pop_back();
  }
}

void add_io_workers(Scenario& scenario, const Ground& ground, const IoRates& rates) {
  const int sharers = static_cast<int>(ground.below.size());
  for (const NodeId node : ground.placement.nodes) {
    if (!scenario.tree.is_in_subtree(node, ground.target) && *chance(60)) {
      scenario.workers.push_back({node, Idle{}});
      continue;
    }
    IoHog hog = *io_hog_gen(rates, sharers);
    hog.direct = *chance(90);
    scenario.workers.push_back({node, hog});
  }
}

Scenario finished_memory(Scenario scenario, const Constraints& constraints) {
  scenario.window = settled_window(constraints);
  const std::set<Knob> menu = all_knobs_but(
      constraints, {Knob::MemoryMax, Knob::MemorySwapMax, Knob::MemoryHigh, Knob::MemoryOomGroup,
                    Knob::CpuMax, Knob::CpuIdle, Knob::Freeze, Knob::IoMax});
  scenario.tree = *with_company(scenario.tree, menu, constraints);
  return finished(std::move(scenario), constraints);
}

std::set<Knob> all_knobs_but(const Constraints& constraints, const std::set<Knob>& without) {
  std::set<Knob> knobs;
  std::set_difference(constraints.machine.knobs.begin(), constraints.machine.knobs.end(), without.begin(),
                      without.end(), std::inserter(knobs, knobs.end()));
  return knobs;
}

std::set<Knob> knobs_beside_contention(const Constraints& constraints) {
  return all_knobs_but(constraints, {Knob::CpuMax, Knob::CpuMaxBurst, Knob::CpuWeight, Knob::CpuWeightNice,
                                     Knob::CpuIdle, Knob::CpusetCpus, Knob::MemoryHigh, Knob::Freeze});
}

std::set<Knob> knobs_beside_io(const Constraints& constraints) {
  return all_knobs_but(constraints, {Knob::IoMax, Knob::CpuMax, Knob::CpuIdle, Knob::MemoryHigh, Knob::Freeze,
                                     Knob::IoWeight});
}

Window fixed_window(double length_us, const Constraints& constraints, int64_t early_us) {
  const auto whole_ms = static_cast<int64_t>(length_us) / 1'000 * 1'000;
  Window window;
  window.length_us = std::clamp<int64_t>(whole_ms, 1'000, early_us + constraints.max_window_us);
  window.sample_every_us = std::clamp<int64_t>(window.length_us / 20'000 * 1'000, 1'000, 10'000);
  return window;
}

int64_t warm_up_ms(const MachineFacts& machine) {
  constexpr int64_t kMostMs = 50'000;  // a window has 60 s at most
  return std::min(256 + 100 * int64_t{machine.kernel_cpus()}, kMostMs);
}

Window settled_window(const Constraints& constraints) {
  return {std::max<int64_t>(1'000, constraints.max_window_us), true, 2'000};
}

int parallelism(const Scenario& scenario, NodeId node, const MachineFacts& machine) {
  int threads = 0;
  for (const Worker& worker : scenario.workers) {
    if (!scenario.tree.is_in_subtree(worker.node, node)) continue;
    if (const auto* hog = std::get_if<CpuHog>(&worker.workload)) threads += hog->threads;
    if (std::holds_alternative<Mixed>(worker.workload)) ++threads;
  }
  return std::min(threads, static_cast<int>(effective_cpus(scenario.tree, node, machine).ids.size()));
}

Scenario finished(Scenario scenario, const Constraints& constraints) {
  scenario.requirements = requirements_of(scenario, constraints.machine);
  return scenario;
}

}  // namespace treeline

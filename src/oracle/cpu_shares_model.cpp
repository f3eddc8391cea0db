#include "oracle/cpu_shares_model.h"

#include <algorithm>
#include <numeric>

namespace treeline {

namespace {

/// Children of each entity, in order.
std::vector<std::vector<size_t>> children_of(std::span<const CpuEntity> entities) {
  std::vector<std::vector<size_t>> children(entities.size());
  for (size_t i = 1; i < entities.size(); ++i) {
    children[static_cast<size_t>(entities[i].parent)].push_back(i);
  }
  return children;
}

/// What each would use of an endless CPU.
std::vector<double> wants_of(std::span<const CpuEntity> entities) {
  std::vector<double> wants(entities.size());
  for (size_t i = entities.size(); i-- > 0;) {
    wants[i] = std::min(wants[i] + entities[i].demand, entities[i].cap);
    if (i > 0) wants[static_cast<size_t>(entities[i].parent)] += wants[i];
  }
  return wants;
}

bool is_below(std::span<const CpuEntity> entities, size_t entity, size_t top) {
  int at = static_cast<int>(entity);
  while (at > static_cast<int>(top)) at = entities[static_cast<size_t>(at)].parent;
  return at == static_cast<int>(top);
}

/// No leaf outside the subtree of `top` may use its CPUs, and no cap above it takes them away.
bool is_alone(std::span<const CpuEntity> entities, size_t top) {
  for (size_t i = 0; i < entities.size(); ++i) {
    if (is_below(entities, i, top)) continue;
    const bool is_above = is_below(entities, top, i);
    if (is_above && entities[i].cap != CpuEntity::kNone) return false;
    if (!is_above && entities[i].demand > 0 && overlap(entities[i].cpus, entities[top].cpus)) return false;
  }
  return true;
}

}  // namespace

std::vector<double> weighted_max_min(double capacity, std::span<const double> weights,
                                     std::span<const double> wants) {
  std::vector<size_t> order(weights.size());
  std::iota(order.begin(), order.end(), size_t{0});
  // Who wants least for its weight is served first: once one gets less than it wants, so do all behind it.
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return wants[a] * weights[b] < wants[b] * weights[a]; });
  double weight = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<double> rates(weights.size());
  for (const size_t i : order) {
    rates[i] = std::min(wants[i], std::max(capacity, 0.0) * weights[i] / weight);
    capacity -= rates[i];
    weight -= weights[i];
  }
  return rates;
}

std::vector<double> cpu_rates(std::span<const CpuEntity> entities, double capacity) {
  const std::vector<double> wants = wants_of(entities);
  const std::vector<std::vector<size_t>> children = children_of(entities);
  std::vector<double> rates(entities.size());
  if (rates.empty()) return rates;
  rates[0] = std::min(wants[0], capacity);
  for (size_t parent = 0; parent < entities.size(); ++parent) {
    std::vector<double> child_weights;
    std::vector<double> child_wants;
    for (const size_t child : children[parent]) {
      child_weights.push_back(entities[child].weight);
      child_wants.push_back(wants[child]);
    }
    const std::vector<double> parts = weighted_max_min(rates[parent], child_weights, child_wants);
    for (size_t i = 0; i < parts.size(); ++i) rates[children[parent][i]] = parts[i];
  }
  return rates;
}

std::vector<CpuRange> cpu_rate_ranges(std::span<const CpuEntity> entities) {
  std::vector<CpuRange> ranges(entities.size());
  for (size_t i = entities.size(); i-- > 0;) {
    const auto cpus = static_cast<double>(entities[i].cpus.ids.size());
    ranges[i].most = std::min({ranges[i].most + entities[i].demand, entities[i].cap, cpus});
    if (i > 0) ranges[static_cast<size_t>(entities[i].parent)].most += ranges[i].most;
  }
  for (size_t i = 0; i < entities.size(); ++i) {
    if (i > 0) {
      ranges[i].most = std::min(ranges[i].most, ranges[static_cast<size_t>(entities[i].parent)].most);
    }
    if (is_alone(entities, i)) ranges[i].least = std::min(ranges[i].most, 1.0);
  }
  return ranges;
}

}  // namespace treeline

#include <algorithm>
#include <array>
#include <map>

#include "generators/shrink_steps.h"
#include "generators/workload_gen.h"

namespace treeline {

namespace {

/// Calls without(first, count) for all, for each half, each quarter … each single one of `size` elements.
template <typename Without>
Candidates without_chunks(size_t size, Without without) {
  Candidates candidates;
  for (size_t chunk = size; chunk > 0; chunk = chunk == 1 ? 0 : (chunk + 1) / 2) {
    for (size_t first = 0; first < size; first += chunk) {
      candidates.push_back(without(first, std::min(chunk, size - first)));
    }
  }
  return candidates;
}

template <typename Member>
Candidates drop_from(const Scenario& scenario, Member list) {
  return without_chunks((scenario.*list).size(), [&](size_t first, size_t count) {
    Scenario candidate = scenario;
    const auto begin = (candidate.*list).begin() + static_cast<std::ptrdiff_t>(first);
    (candidate.*list).erase(begin, begin + static_cast<std::ptrdiff_t>(count));
    return candidate;
  });
}

/// Without the workers from `first` on, and what is done to them; later ones have lower indices then.
Scenario without_workers(const Scenario& scenario, size_t first, size_t count) {
  Scenario candidate = scenario;
  const auto begin = candidate.workers.begin() + static_cast<std::ptrdiff_t>(first);
  candidate.workers.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
  std::erase_if(candidate.actions, [&](Action& action) {
    const auto worker = static_cast<size_t>(action.worker);
    if (!has_worker(action) || worker < first) return false;
    action.worker -= static_cast<int>(count);
    return worker < first + count;
  });
  return candidate;
}

/// One workload that wants as much as two of the same kind.
std::optional<Workload> together(const Workload& one, const Workload& other) {
  const auto* memory = std::get_if<MemoryHog>(&one);
  const auto* more_memory = std::get_if<MemoryHog>(&other);
  if (memory && more_memory && memory->kind == more_memory->kind && memory->hold == more_memory->hold) {
    MemoryHog both = *memory;
    both.bytes += more_memory->bytes;
    return both;
  }
  const auto* storm = std::get_if<ForkStorm>(&one);
  const auto* more_forks = std::get_if<ForkStorm>(&other);
  if (storm && more_forks) {
    return ForkStorm{storm->forks + more_forks->forks + 1, storm->pause_us};  // and the other itself
  }
  return std::nullopt;
}

int64_t memory_wanted_below(const Scenario& scenario, NodeId top) {
  int64_t bytes = 0;
  for (const Worker& worker : scenario.workers) {
    if (scenario.tree.is_in_subtree(worker.node, top)) bytes += bytes_of(worker.workload);
  }
  return bytes;
}

/// Each memory.max that the workers below no longer reach comes down to three quarters of what they want: it
/// presses them, and half of what they want still fits.
void press_again(Scenario& scenario) {
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    Limits& limits = scenario.tree[node].limits;
    const auto limit = amount(limits, Knob::MemoryMax);
    const int64_t wanted = memory_wanted_below(scenario, node);
    if (limit && wanted > 0 && *limit >= wanted) limits[Knob::MemoryMax] = Amount{wanted / 4 * 3};
  }
}

/// What means nothing, or is refused, without the limit that it adds to.
void drop_dependents(Limits& limits) {
  if (!limits.contains(Knob::CpuMax)) limits.erase(Knob::CpuMaxBurst);
  if (!limits.contains(Knob::MemoryMax)) limits.erase(Knob::MemorySwapMax);
}

void add_partial_rates(Candidates& candidates, const Scenario& scenario) {
  constexpr std::array kRates{&IoRates::read_bytes, &IoRates::write_bytes, &IoRates::read_ops,
                              &IoRates::write_ops};
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    const auto rates = get<IoRates>(scenario.tree[node].limits, Knob::IoMax);
    for (const auto rate : kRates) {
      if (!rates || !((*rates).*rate)) continue;
      IoRates fewer = *rates;
      (fewer.*rate).reset();
      if (fewer == IoRates{}) continue;  // clearing the whole limit was tried
      candidates.push_back(scenario);
      candidates.back().tree[node].limits[Knob::IoMax] = fewer;
    }
  }
}

}  // namespace

Candidates drop_actions(const Scenario& scenario) {
  Candidates candidates = drop_from(scenario, &Scenario::actions);
  // A controller that comes back without having gone is none: both go.
  const auto& actions = scenario.actions;
  for (size_t i = 0; i < actions.size(); ++i) {
    if (actions[i].kind != Action::Kind::DisableController) continue;
    const auto comes = std::find_if(
        actions.begin() + static_cast<std::ptrdiff_t>(i), actions.end(), [&](const Action& later) {
          return later.kind == Action::Kind::EnableController && later.node == actions[i].node &&
                 later.controller == actions[i].controller;
        });
    if (comes == actions.end()) continue;
    candidates.push_back(scenario);
    auto& kept = candidates.back().actions;
    kept.erase(kept.begin() + (comes - actions.begin()));
    kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return candidates;
}

Candidates join_actions(const Scenario& scenario) {
  Candidates candidates;
  const auto with = [&](auto change) {
    candidates.push_back(scenario);
    change(candidates.back());
  };
  for (size_t i = 0; i + 1 < scenario.actions.size(); ++i) {
    with([i](Scenario& joined) { joined.actions[i + 1].at_us = joined.actions[i].at_us; });
    with([i](Scenario& joined) { joined.actions[i].at_us = joined.actions[i + 1].at_us; });
  }
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    if (action.kind == Action::Kind::Migrate) {
      // The worker may as well have been there from the start.
      with([&](Scenario& joined) {
        joined.workers[static_cast<size_t>(action.worker)].node = action.node;
        joined.actions.erase(joined.actions.begin() + static_cast<std::ptrdiff_t>(i));
      });
    }
    if (action.kind != Action::Kind::SetLimit) continue;
    // What it sets may as well have stood from the start.
    with([&](Scenario& joined) {
      joined.tree[action.node].limits[action.knob] = action.value;
      joined.actions.erase(joined.actions.begin() + static_cast<std::ptrdiff_t>(i));
    });
    // From no limit to what stood before, where that differs as much.
    if (const auto old = scenario.tree[action.node].limits.find(action.knob);
        old != scenario.tree[action.node].limits.end()) {
      with([&](Scenario& joined) {
        joined.actions[i].value = old->second;
        joined.tree[action.node].limits.erase(action.knob);
        drop_dependents(joined.tree[action.node].limits);
      });
    }
    // Of two changes of one limit, the first with the value of the second.
    for (size_t j = i + 1; j < scenario.actions.size(); ++j) {
      const Action& later = scenario.actions[j];
      if (later.kind != action.kind || later.node != action.node || later.knob != action.knob) continue;
      with([&](Scenario& joined) {
        joined.actions[i].value = later.value;
        joined.actions.erase(joined.actions.begin() + static_cast<std::ptrdiff_t>(j));
      });
      break;
    }
  }
  return candidates;
}

Candidates simplify_threads(const Scenario& scenario) {
  Candidates candidates;
  for (size_t i = 0; i < scenario.actions.size(); ++i) {
    const Action& action = scenario.actions[i];
    if (action.kind != Action::Kind::MigrateThread) continue;
    candidates.push_back(scenario);
    candidates.back().actions[i].kind = Action::Kind::Migrate;
    candidates.back().actions[i].thread = 0;
    if (action.thread == 1) continue;
    candidates.push_back(scenario);
    candidates.back().actions[i].thread = 1;
  }
  // No more threads than the last that moves needs; the lowest ones.
  Scenario fewest = scenario;
  std::map<std::pair<int, int>, int> renamed;
  std::map<int, int> threads;
  for (Action& action : fewest.actions) {
    if (action.kind != Action::Kind::MigrateThread) continue;
    const auto [entry, is_new] = renamed.try_emplace(std::pair(action.worker, action.thread), 0);
    if (is_new) entry->second = ++threads[action.worker];
    action.thread = entry->second;
  }
  for (const auto& [worker, moving] : threads) {
    std::get<CpuHog>(fewest.workers[static_cast<size_t>(worker)].workload).threads = moving + 1;
  }
  if (!threads.empty()) candidates.push_back(std::move(fewest));
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    if (!scenario.tree[node].is_thread_root) continue;
    candidates.push_back(scenario);
    candidates.back().tree[node].is_thread_root = false;
  }
  return candidates;
}

Candidates drop_probes(const Scenario& scenario) { return drop_from(scenario, &Scenario::probes); }

Candidates drop_workers(const Scenario& scenario) {
  Candidates candidates = without_chunks(scenario.workers.size(), [&](size_t first, size_t count) {
    return without_workers(scenario, first, count);
  });
  // Where the sum of several is what matters, one may want as much.
  for (size_t kept = 0; kept < scenario.workers.size(); ++kept) {
    for (size_t dropped = 0; dropped < scenario.workers.size(); ++dropped) {
      const auto both = together(scenario.workers[kept].workload, scenario.workers[dropped].workload);
      if (kept == dropped || !both) continue;
      Scenario candidate = scenario;
      candidate.workers[kept].workload = *both;
      candidate = without_workers(candidate, dropped, 1);
      if (validate(candidate).empty()) candidates.push_back(std::move(candidate));
    }
  }
  // Where only one's memory matters, the others made it run short.
  for (size_t dropped = 0; dropped < scenario.workers.size(); ++dropped) {
    Scenario candidate = without_workers(scenario, dropped, 1);
    press_again(candidate);
    if (candidate.tree != scenario.tree) candidates.push_back(std::move(candidate));
  }
  return candidates;
}

Candidates clear_limits(const Scenario& scenario) {
  std::vector<std::pair<NodeId, Knob>> set;
  for (NodeId node = 0; node < scenario.tree.size(); ++node) {
    for (const auto& [knob, value] : scenario.tree[node].limits) set.emplace_back(node, knob);
  }
  // By knob, so that the halves are of one kind where that is possible.
  std::stable_sort(set.begin(), set.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  Candidates candidates = without_chunks(set.size(), [&](size_t first, size_t count) {
    Scenario candidate = scenario;
    for (size_t i = first; i < first + count; ++i) {
      Limits& limits = candidate.tree[set[i].first].limits;
      limits.erase(set[i].second);
      drop_dependents(limits);
    }
    return candidate;
  });
  add_partial_rates(candidates, scenario);
  return candidates;
}

}  // namespace treeline

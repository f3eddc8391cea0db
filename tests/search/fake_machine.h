#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "machine/machine.h"
#include "search/search.h"

namespace treeline::testing {

/// A v1 machine with two CPUs, every v1 controller and every v1 knob.
MachineFacts fake_facts();

/// What a machine would report on which nothing ran and nothing went wrong: it fits the scenario, every limit
/// reads back as written, every probe gets the answer that is due, and no warning was logged.
Observation quiet_observation(const Scenario& scenario, const MachineFacts& facts);

/// The defects that fakes play, each seen by exactly one invariant.
void warn(Observation& observation);             ///< kernel.health
void garble_readback(Observation& observation);  ///< knob.readback; needs a limit.

/// A kernel whose answer is computed from the scenario, and which keeps account of what it was asked.
class FakeMachine : public Machine {
 public:
  /// Gets the scenario, a quiet observation to spoil, and the number of this run (from 0).
  using Behaviour = std::function<Result<Observation>(const Scenario&, Observation, uint64_t run)>;

  explicit FakeMachine(Behaviour behaviour, bool deterministic = true, std::string name = "Fake")
      : behaviour_(std::move(behaviour)),
        deterministic_(deterministic),
        facts_(fake_facts()),
        name_(std::move(name)) {}

  std::string name() const override { return name_; }
  const MachineFacts& facts() const override { return facts_; }
  bool deterministic() const override { return deterministic_; }
  Result<Observation> run(const Scenario& scenario) override;

  const std::vector<Scenario>& asked() const { return asked_; }
  /// How often each scenario was run, by its canonical JSON.
  std::map<std::string, int> runs_by_scenario() const;

 private:
  Behaviour behaviour_;
  bool deterministic_;
  MachineFacts facts_;
  std::string name_;
  std::vector<Scenario> asked_;
};

/// A healthy kernel.
FakeMachine::Behaviour healthy();
/// Warns whenever the scenario has the defect, and with `percent` chance only (by a fixed random sequence).
using Predicate = bool (*)(const Scenario&);
FakeMachine::Behaviour warns_if(Predicate has_defect, double percent = 100, uint64_t seed = 1);

/// The defect of most tests: a pids.max at depth 2 or more. Least: a path of three nodes and that limit.
bool has_deep_pids_max(const Scenario& scenario);
inline constexpr Size kDeepPidsMaxMinimum{3, 0, 0, 1, 0};
/// The size without Size::detail, of which no test makes a claim.
Size shape_of(const Scenario& scenario);

/// A folder that is removed with all in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Searches the pids property, seed 1, 100 scenarios, for kernel.health alone.
SearchOptions pids_options(const TemporaryFolder& results);
Constraints fake_constraints();

}  // namespace treeline::testing

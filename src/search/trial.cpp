#include "search/trial.h"

#include <algorithm>

#include "oracle/oracle.h"

namespace treeline {

Result<Trial> run_trial(Machine& machine, const Scenario& scenario) {
  Result<Observation> observation = machine.run(scenario);
  if (!observation) return tl::unexpected(observation.error());
  Result<Verdict> verdict = judge(scenario, *observation);
  if (!verdict) return tl::unexpected(verdict.error());
  return Trial{std::move(*observation), std::move(*verdict)};
}

namespace {

bool is_conclusive(const Verdict& verdict, std::string_view invariant) {
  return std::any_of(verdict.findings.begin(), verdict.findings.end(), [&](const Finding& finding) {
    return finding.invariant == invariant &&
           (finding.status == Status::Held || finding.status == Status::Violated);
  });
}

}  // namespace

bool drowned_in_noise(const Scenario& scenario, const Trial& trial, std::span<const std::string_view> aims) {
  Observation quiet = trial.observation;
  quiet.running_tasks = 0;
  quiet.outside_shares = 0;
  for (GroupAbove& group : quiet.groups_above) group.beside = 0;
  for (CpuNoise& noise : quiet.noise) noise.max_gap_ns = noise.steal_ns = 0;
  const Result<Verdict> without = judge(scenario, quiet);
  return without && std::any_of(aims.begin(), aims.end(), [&](std::string_view aim) {
           return !is_conclusive(trial.verdict, aim) && is_conclusive(*without, aim);
         });
}

bool withstands_noise(const Scenario& scenario, const Trial& trial, const Signature& signature) {
  constexpr int64_t kUsualGapNs = 50'000'000;
  Observation noisier = trial.observation;
  for (CpuNoise& noise : noisier.noise) {
    noise.max_gap_ns = std::max(2 * noise.max_gap_ns, kUsualGapNs);
    noise.steal_ns *= 2;
  }
  const Result<Verdict> verdict = judge(scenario, noisier);
  return verdict && violates(*verdict, signature, noisier.machine.mode);
}

bool violates(const Verdict& verdict, const Signature& signature, const std::string& mode) {
  return std::any_of(verdict.findings.begin(), verdict.findings.end(), [&](const Finding& finding) {
    return finding.status == Status::Violated && signature_of(finding, mode) == signature;
  });
}

}  // namespace treeline

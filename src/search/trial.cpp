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

bool violates(const Verdict& verdict, const Signature& signature, const std::string& mode) {
  return std::any_of(verdict.findings.begin(), verdict.findings.end(), [&](const Finding& finding) {
    return finding.status == Status::Violated && signature_of(finding, mode) == signature;
  });
}

}  // namespace treeline

#include <algorithm>

#include "search/search.h"
#include "search/trial.h"

namespace treeline {

namespace {

/// The status of what is asked for: the signature's invariant, or everything.
Status status_of(const Verdict& verdict, const Signature* signature, const std::string& mode) {
  if (!signature) return verdict.status();
  Status worst = Status::NotApplicable;
  for (const Finding& finding : verdict.findings) {
    if (signature_of(finding, mode) == *signature) worst = std::max(worst, finding.status);
  }
  return worst;
}

}  // namespace

Result<ReplayResult> replay(Machine& machine, const Scenario& scenario, const Signature* signature, int runs,
                            const Observation* recorded) {
  ReplayResult result;
  std::optional<Observation> reference;
  if (recorded) reference = *recorded;
  for (int i = 0; i < runs; ++i) {
    Result<Trial> trial = run_trial(machine, scenario);
    if (!trial) return tl::unexpected(trial.error());
    ++result.rate.runs;
    if (!reference) reference = trial->observation;
    if (trial->observation == *reference) ++result.identical;
    switch (status_of(trial->verdict, signature, machine.facts().mode)) {
      case Status::Violated:
        ++result.rate.violated;
        result.last_violated = trial->verdict;
        break;
      case Status::Held:
        ++result.held;
        break;
      case Status::Inconclusive:
      case Status::NotApplicable:  // that nothing was judged is no pass
        ++result.inconclusive;
        break;
    }
    result.last = std::move(trial->verdict);
    result.last_observation = std::move(trial->observation);
  }
  return result;
}

}  // namespace treeline

#include "nightly/replays.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "model/json.h"
#include "model/rules.h"

namespace treeline {

namespace {

namespace fs = std::filesystem;

Result<std::vector<fs::path>> files_in(const std::string& corpus) {
  std::vector<fs::path> files;
  if (corpus.empty()) return files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(corpus, error)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  if (error) {
    return fail(ErrorKind::InvalidInput, "read the corpus", corpus, error.value(),
                "give a folder of scenario and counterexample files with --corpus");
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// What is pursued of it: the case's own signature if that is among it, else the first that is not known.
std::optional<Signature> to_pursue(const std::set<Signature>& violated, const ReplayCase& to_replay,
                                   const NotPursued& known) {
  if (to_replay.signature && violated.contains(*to_replay.signature) &&
      (to_replay.is_earlier_failure || !known.holds(*to_replay.signature, to_replay.scenario))) {
    return to_replay.signature;
  }
  const auto unknown = std::find_if(violated.begin(), violated.end(), [&](const Signature& signature) {
    return !known.holds(signature, to_replay.scenario);
  });
  return unknown == violated.end() ? std::nullopt : std::optional(*unknown);
}

/// One case on its machine.
class Replay {
 public:
  Replay(Machine& machine, const ReplayCase& to_replay, const ReplayOptions& options)
      : machine_(machine),
        case_(to_replay),
        options_(options),
        mode_(machine.facts().mode),
        confirmations_(machine.deterministic() ? 1 : options.confirm_runs) {}

  Result<Replayed> run() {
    Replayed replayed;
    std::optional<Signature> seen;
    Rate first;
    const int tries = case_.is_earlier_failure ? confirmations_ : 1;
    while (!seen && first.runs < tries && may_run(case_.scenario, 0)) {
      Result<Trial> trial = run_trial(machine_, case_.scenario);
      if (!trial) return tl::unexpected(trial.error());
      ++first.runs;
      seen = to_pursue(violated_signatures(trial->verdict, mode_), case_, options_.known);
      replayed.trial = std::move(*trial);
    }
    if (!seen) return replayed;
    Counterexample failure;
    failure.scenario = case_.scenario;
    failure.signature = seen;
    failure.machine = machine_.name();
    failure.verdict = replayed.trial.verdict;
    failure.observation = replayed.trial.observation;
    if (Result<void> confirmed = confirm(failure.scenario, *seen, failure.original_rate); !confirmed) {
      return tl::unexpected(confirmed.error());
    }
    failure.flaky = failure.original_rate.violated == 0;
    failure.rate = failure.original_rate;
    if (!failure.flaky) {
      failure.rate.violated += 1;
      failure.rate.runs += first.runs;
    }
    if (!failure.flaky && !case_.is_earlier_failure) shrink(failure, replayed.trial);
    replayed.failure = std::move(failure);
    return replayed;
  }

 private:
  bool may_run(const Scenario& scenario, int lane) const {
    return !options_.before_run || options_.before_run(scenario, lane);
  }

  Result<void> confirm(const Scenario& scenario, const Signature& signature, Rate& rate) {
    while (rate.runs < confirmations_ && may_run(scenario, 0)) {
      const Result<Trial> trial = run_trial(machine_, scenario);
      if (!trial) return tl::unexpected(trial.error());
      ++rate.runs;
      if (violates(trial->verdict, signature, mode_)) ++rate.violated;
    }
    return {};
  }

  void shrink(Counterexample& failure, const Trial& trial) {
    ShrinkLoop loop(
        machine_, *failure.signature, failure.original_rate, options_.shrink,
        [this](const Scenario& candidate, int lane) { return may_run(candidate, lane); },
        [](const Error&) {});
    ShrinkLoop::Outcome outcome =
        loop.run(failure.scenario, withstands_noise(failure.scenario, trial, *failure.signature));
    failure.original = failure.scenario;
    failure.scenario = std::move(outcome.scenario);
    failure.shrink_runs = outcome.runs;
    failure.minimum_proven = outcome.proven;
    if (!outcome.trial) return;
    failure.rate = outcome.rate;
    failure.verdict = std::move(outcome.trial->verdict);
    failure.observation = std::move(outcome.trial->observation);
  }

  Machine& machine_;
  const ReplayCase& case_;
  const ReplayOptions& options_;
  const std::string mode_;
  const int confirmations_;
};

}  // namespace

Result<std::vector<ReplayCase>> replay_cases(const std::string& corpus,
                                             const std::vector<EarlierFailure>& earlier) {
  const Result<std::vector<fs::path>> files = files_in(corpus);
  if (!files) return tl::unexpected(files.error());
  std::vector<ReplayCase> cases;
  std::set<std::pair<int64_t, std::string>> known;
  for (const EarlierFailure& failure : earlier) {
    Result<Scenario> scenario = scenario_from_json(failure.example);
    if (!scenario) return tl::unexpected(scenario.error());
    const int64_t draw = replay_draw(failure.example);
    // One minimum may have violated two invariants.
    if (!known.emplace(draw, failure.fault).second) continue;
    cases.push_back(
        {to_string(failure.signature), std::move(*scenario), failure.signature, true, failure.fault, draw});
  }
  for (const fs::path& file : *files) {
    Result<Counterexample> example = counterexample_from_file(file.string());
    if (!example) return tl::unexpected(example.error());
    const int64_t draw = replay_draw(to_json(example->scenario));
    cases.push_back(
        {file.filename().string(), std::move(example->scenario), example->signature, false, "", draw});
  }
  return cases;
}

bool applies(const ReplayCase& to_replay, const MachineFacts& machine, const std::string& fault) {
  if (to_replay.is_earlier_failure) {
    if (to_replay.fault != fault || to_replay.signature->mode != machine.mode) return false;
  }
  return unmet(to_replay.scenario, machine).empty();
}

Result<Replayed> replay_case(Machine& machine, const ReplayCase& to_replay, const ReplayOptions& options) {
  return Replay(machine, to_replay, options).run();
}

std::set<Signature> violated_signatures(const Verdict& verdict, const std::string& mode) {
  std::set<Signature> signatures;
  for (const Finding& finding : verdict.findings) {
    if (finding.status == Status::Violated) signatures.insert(signature_of(finding, mode));
  }
  return signatures;
}

}  // namespace treeline

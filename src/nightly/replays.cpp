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

/// What the verdict violated: the case's own signature if that is among it, else its worst.
std::optional<Signature> violated_by(const Verdict& verdict, const ReplayCase& to_replay,
                                     const std::string& mode) {
  if (to_replay.signature && violates(verdict, *to_replay.signature, mode)) return to_replay.signature;
  const Finding* worst = verdict.worst();
  return worst ? std::optional(signature_of(*worst, mode)) : std::nullopt;
}

}  // namespace

Result<std::vector<ReplayCase>> replay_cases(const std::string& corpus,
                                             const std::vector<EarlierFailure>& earlier) {
  const Result<std::vector<fs::path>> files = files_in(corpus);
  if (!files) return tl::unexpected(files.error());
  std::vector<ReplayCase> cases;
  for (const fs::path& file : *files) {
    Result<Counterexample> example = counterexample_from_file(file.string());
    if (!example) return tl::unexpected(example.error());
    const int64_t draw = replay_draw(to_json(example->scenario));
    cases.push_back({file.filename().string(), std::move(example->scenario), example->signature, false, "", draw});
  }
  for (const EarlierFailure& failure : earlier) {
    Result<Scenario> scenario = scenario_from_json(failure.example);
    if (!scenario) return tl::unexpected(scenario.error());
    const int64_t draw = replay_draw(failure.example);
    const auto same = std::find_if(cases.begin(), cases.end(),
                                   [&](const ReplayCase& known) { return known.draw == draw; });
    // A file that has failed, or one minimum that violates two invariants.
    if (same != cases.end() && same->fault == failure.fault) continue;
    cases.push_back(
        {to_string(failure.signature), std::move(*scenario), failure.signature, true, failure.fault, draw});
  }
  return cases;
}

bool applies(const ReplayCase& to_replay, const MachineFacts& machine, const std::string& fault) {
  if (to_replay.is_earlier_failure) {
    if (to_replay.fault != fault || to_replay.signature->mode != machine.mode) return false;
  }
  return unmet(to_replay.scenario, machine).empty();
}

Result<Replayed> replay_case(Machine& machine, const ReplayCase& to_replay, int confirm_runs) {
  const std::string& mode = machine.facts().mode;
  const int confirmations = machine.deterministic() ? 1 : confirm_runs;
  const int tries = to_replay.is_earlier_failure ? confirmations : 1;
  Replayed replayed;
  std::optional<Signature> seen;
  Rate first;
  while (!seen && first.runs < tries) {
    Result<Trial> trial = run_trial(machine, to_replay.scenario);
    if (!trial) return tl::unexpected(trial.error());
    ++first.runs;
    seen = violated_by(trial->verdict, to_replay, mode);
    replayed.trial = std::move(*trial);
  }
  if (!seen) return replayed;
  Counterexample failure;
  for (int i = 0; i < confirmations; ++i) {
    Result<Trial> trial = run_trial(machine, to_replay.scenario);
    if (!trial) return tl::unexpected(trial.error());
    ++failure.original_rate.runs;
    if (violates(trial->verdict, *seen, mode)) ++failure.original_rate.violated;
  }
  failure.scenario = to_replay.scenario;
  failure.signature = seen;
  failure.machine = machine.name();
  failure.flaky = failure.original_rate.violated == 0;
  failure.rate = {failure.original_rate.violated + 1, failure.original_rate.runs + first.runs};
  if (failure.flaky) failure.rate = failure.original_rate;
  failure.verdict = replayed.trial.verdict;
  failure.observation = replayed.trial.observation;
  replayed.failure = std::move(failure);
  return replayed;
}

}  // namespace treeline

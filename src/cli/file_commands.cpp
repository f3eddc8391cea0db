#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/measurements.h"
#include "model/json.h"
#include "oracle/oracle.h"
#include "search/search.h"

/// show, judge and replay: what is done with a scenario or counterexample file.
namespace treeline::cli {

namespace {

std::string findings_text(const Verdict& verdict, const Tree& tree) {
  std::string text;
  for (const Finding& finding : verdict.findings) {
    text += fmt::format("  {:<12} {:<24} {:<12} {}\n", status_name(finding.status), finding.invariant,
                        tree.path(finding.node), finding.sentence);
  }
  return text;
}

int show(const std::string& path) {
  const Result<Counterexample> example = counterexample_from_file(path);
  if (!example) return report_error(example.error());
  if (example->signature) {
    fmt::print("{}\n", report(*example, path));
  } else {
    fmt::print("{}", draw(example->scenario));
  }
  if (example->verdict)
    fmt::print("findings:\n{}\n", findings_text(*example->verdict, example->scenario.tree));
  if (example->observation) fmt::print("{}", observation_text(example->scenario, *example->observation));
  return exit_code::kHeld;
}

int code_of(Status status) {
  if (status == Status::Violated) return exit_code::kViolated;
  return status == Status::Inconclusive ? exit_code::kInconclusive : exit_code::kHeld;
}

int judge_file(const std::string& path) {
  const Result<Counterexample> example = counterexample_from_file(path);
  if (!example) return report_error(example.error());
  if (!example->observation) {
    return report_error(Error{ErrorKind::InvalidInput, "judge", path, 0,
                              "the file holds no observation; run it with treeline replay"});
  }
  const Result<Verdict> verdict = judge(example->scenario, *example->observation);
  if (!verdict) return report_error(verdict.error());
  fmt::print("{}", findings_text(*verdict, example->scenario.tree));
  return code_of(verdict->status());
}

struct ReplayChoice {
  MachineChoice machine;
  std::string path;
  int runs = 1;
};

/// Without --machine it runs on the one where it was found.
MachineChoice where_found(MachineChoice choice, const Counterexample& example) {
  if (!choice.name.empty()) return choice;
  choice.name = example.machine.empty() ? "Host" : example.machine;
  fmt::print("on {}, {}\n", choice.name,
             example.machine.empty() ? "since the file names no machine" : "as the file says");
  return choice;
}

int replay_file(const ReplayChoice& choice) {
  const Result<Counterexample> example = counterexample_from_file(choice.path);
  if (!example) return report_error(example.error());
  Result<std::unique_ptr<Machine>> machine = open_machine(where_found(choice.machine, *example));
  if (!machine) return report_error(machine.error());
  const Signature* signature = example->signature ? &*example->signature : nullptr;
  fmt::print("{}\n", draw(example->scenario));
  const Result<ReplayResult> result = replay(**machine, example->scenario, signature, choice.runs,
                                             example->observation ? &*example->observation : nullptr);
  if (!result) return report_error(result.error());
  const Verdict& verdict = result->rate.violated > 0 ? result->last_violated : result->last;
  fmt::print("{}\n{}: {} violated, {} held, {} inconclusive of {} runs\n",
             findings_text(verdict, example->scenario.tree),
             signature ? to_string(*signature) : "any invariant", result->rate.violated, result->held,
             result->inconclusive, result->rate.runs);
  if ((*machine)->deterministic()) {
    fmt::print("{} of {} observations are the same as {}, in every number\n", result->identical,
               result->rate.runs, example->observation ? "the one in the file" : "the first");
  }
  if (result->rate.violated > 0) return exit_code::kViolated;
  return result->held > 0 ? exit_code::kHeld : exit_code::kInconclusive;
}

}  // namespace

Action add_show(CLI::App& app) {
  auto path = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("show", "Show a file: tree, limits, workloads, findings, measurements");
  command->add_option("file", *path, "Scenario or counterexample")->required();
  return [path] { return show(*path); };
}

Action add_judge(CLI::App& app) {
  auto path = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("judge", "Judge a recorded observation again, without a kernel");
  command->add_option("file", *path, "Counterexample with an observation")->required();
  return [path] { return judge_file(*path); };
}

Action add_replay(CLI::App& app) {
  auto choice = std::make_shared<ReplayChoice>();
  CLI::App* command =
      app.add_subcommand("replay", "Run a file's scenario again; exit code 1 if it is reproduced");
  command->add_option("file", choice->path, "Scenario or counterexample")->required();
  command->add_option("--runs", choice->runs, "How often")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  add_machine_options(*command, choice->machine, "the one that the file names");
  return [choice] { return replay_file(*choice); };
}

}  // namespace treeline::cli

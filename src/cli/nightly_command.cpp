#include <fmt/format.h>

#include "cli/machine_list.h"
#include "cli/night_options.h"
#include "nightly/night.h"

namespace treeline::cli {

namespace {

struct NightlyChoice {
  MachineList machines;
  std::string time = "8h";
  uint64_t count = 0;
  std::vector<std::string> properties;
  std::string results = "treeline-results";
  std::string corpus;
  std::string known;
  uint64_t seed = 0;
  bool seed_given = false;
  bool fresh = false;
  Retention retention = kUsualRetention;
};

/// The machines of the night, open.
struct Machines {
  std::vector<std::unique_ptr<Machine>> open;
  std::vector<NightMachine> all;
  std::vector<LeftOut> left_out;
};

Result<Machines> open_all(const MachineList& list) {
  const Result<std::vector<MachineChoice>> choices = choices_of(list);
  if (!choices) return tl::unexpected(choices.error());
  Machines machines;
  for (const MachineChoice& choice : *choices) {
    Result<std::unique_ptr<Machine>> machine = open_machine_or_lab(choice);
    if (machine) {
      machines.all.push_back({machine->get(), choice.fault, replay_options(choice)});
      machines.open.push_back(std::move(*machine));
      continue;
    }
    if (machine.error().kind == ErrorKind::InvalidInput) return tl::unexpected(machine.error());
    report_error(machine.error());
    machines.left_out.push_back({choice.name.empty() ? "Host" : choice.name, machine.error()});
  }
  if (!machines.all.empty()) return machines;
  for (const LeftOut& one : machines.left_out) {
    if (one.why.kind == ErrorKind::Infrastructure) return tl::unexpected(one.why);
  }
  return fail(ErrorKind::Unavailable, "test any machine", "", 0, "see treeline doctor");
}

Result<NightOptions> options_of(const NightlyChoice& choice) {
  NightOptions options;
  const auto time = parse_time(choice.time);
  if (!time) return tl::unexpected(time.error());
  options.budget = std::chrono::ceil<std::chrono::seconds>(*time);
  const Result<std::vector<const Property*>> properties = find_properties(choice.properties);
  if (!properties) return tl::unexpected(properties.error());
  options.properties = *properties;
  Result<std::vector<KnownFailure>> known = known_from(choice.known);
  if (!known) return tl::unexpected(known.error());
  options.known = std::move(*known);
  options.results = choice.results;
  options.count = choice.count;
  if (choice.seed_given) options.seed = choice.seed;
  options.fresh = choice.fresh;
  options.corpus = choice.corpus;
  options.retention = choice.retention;
  options.should_stop = was_interrupted;
  options.say = [](const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
  };
  return options;
}

Result<int> run(const NightlyChoice& choice) {
  Result<NightOptions> options = options_of(choice);
  if (!options) return tl::unexpected(options.error());
  Result<Machines> machines = open_all(choice.machines);
  if (!machines) return tl::unexpected(machines.error());
  options->left_out = std::move(machines->left_out);
  const Result<NightSummary> summary = run_night(machines->all, *options);
  if (!summary) return tl::unexpected(summary.error());
  fmt::print("\n{}", to_text(*summary));
  if (summary->running) fmt::print("interrupted: the same command goes on with it\n");
  fmt::print("this summary is in {}/summary.txt\n", summary->path);
  return exit_code_of(*summary);
}

}  // namespace

Action add_nightly(CLI::App& app) {
  auto choice = std::make_shared<NightlyChoice>();
  CLI::App* command = app.add_subcommand(
      "nightly",
      "Test many machines for hours: what failed before, then what is new. Resumes a night that was "
      "killed");
  command->add_option("--time,-t", choice->time, "Wall time of a night: 90s, 10m, 8h")->capture_default_str();
  command->add_option("--count,-n", choice->count,
                      "Most scenarios to explore (default: as many as --time allows)");
  command->add_option("--property,-p", choice->properties,
                      "Property to test; repeat for more (default: all)");
  command->add_option("--results", choice->results, "Folder for nights, failures and results.db")
      ->capture_default_str();
  command->add_option("--corpus", choice->corpus, "Folder of files that are replayed first")->take_last();
  command->add_option("--known-failures", choice->known, "List of failures that turn no night red")
      ->take_last();
  CLI::Option* seed =
      command->add_option("--seed", choice->seed, "Seed of a new night (default: a random one, printed)");
  command->add_flag("--fresh", choice->fresh, "Begin a new night, even if there is one to be resumed");
  add_retention_options(*command, choice->retention);
  add_machine_list(*command, choice->machines);
  return [choice, seed] {
    choice->seed_given = seed->count() > 0;
    catch_interrupts();
    return code_or_report(run(*choice));
  };
}

}  // namespace treeline::cli

#include <fmt/format.h>
#include <unistd.h>

#include <random>

#include "cli/commands.h"
#include "cli/display.h"
#include "generators/placement.h"
#include "search/search.h"
#include "search/summary.h"
#include "store/recorder.h"

namespace treeline::cli {

namespace {

struct RunChoice {
  MachineChoice machine;
  std::vector<std::string> properties;
  uint64_t seed = 0;
  bool seed_given = false;
  uint64_t count = 0;
  std::string time;
  std::string results = "treeline-results";
  std::string placement;
  int max_nodes = 0;
  int max_depth = 0;
  int max_children = 0;
  int max_workers = 0;
  int64_t max_memory_mib = 0;
  int confirm = 4;
  int shrink_runs = 400;
  std::string shrink_time = "60s";
  int max_failures = 1;
};

/// `chosen`, or, if that is empty, all that the machine can test.
Result<std::vector<const Property*>> choose_properties(std::vector<const Property*> chosen,
                                                       const MachineFacts& machine) {
  if (chosen.empty()) {
    for (const Property& property : properties()) {
      if (const auto why = why_untestable(property, machine)) {
        fmt::print(stderr, "treeline: {} is left out: {}\n", property.name, *why);
      } else {
        chosen.push_back(&property);
      }
    }
  }
  for (const Property* property : chosen) {
    if (const auto why = why_untestable(*property, machine)) {
      return fail(ErrorKind::Unavailable, "test the property", std::string(property->name), 0, *why);
    }
  }
  if (chosen.empty()) {
    return fail(ErrorKind::Unavailable, "test this machine", "", 0,
                "no property can be tested; see treeline doctor");
  }
  return chosen;
}

Result<Constraints> constraints_of(const RunChoice& choice, const MachineFacts& machine) {
  Constraints constraints = constraints_for(machine);
  if (choice.max_nodes > 0) constraints.max_nodes = choice.max_nodes;
  if (choice.max_depth > 0) constraints.max_depth = choice.max_depth;
  if (choice.max_children > 0) constraints.max_children = choice.max_children;
  if (choice.max_workers > 0) constraints.max_workers = choice.max_workers;
  if (choice.max_memory_mib > 0) constraints.max_memory_bytes = choice.max_memory_mib << 20;
  if (!choice.placement.empty()) {
    constraints.placement = strategy_from_text(choice.placement);
    if (!constraints.placement) {
      return fail(ErrorKind::InvalidInput, "read the placement", choice.placement, 0,
                  "write leaves, all, random:30, depth:2, or a predicate: interior, limited, deepest …");
    }
  }
  return constraints;
}

int exit_code_for(const SearchResult& result) {
  for (const Counterexample& failure : result.failures) {
    if (!failure.flaky) return exit_code::kViolated;
  }
  if (result.infrastructure_errors > 0 && result.infrastructure_errors >= result.scenarios) {
    return exit_code::kInfrastructure;
  }
  for (const auto& [name, tally] : result.tallies) {
    if (tally.held > 0) return exit_code::kHeld;
  }
  return exit_code::kInconclusive;
}

Result<int> run(const RunChoice& choice) {
  const auto named = find_properties(choice.properties);
  if (!named) return tl::unexpected(named.error());
  SearchOptions options;
  const auto ends = ends_of(choice.count, choice.time);
  if (!ends) return tl::unexpected(ends.error());
  options.count = ends->count;
  options.time_budget = ends->time;
  const auto shrink_time = parse_time(choice.shrink_time);
  if (!shrink_time) return tl::unexpected(shrink_time.error());
  Result<std::unique_ptr<Machine>> machine = open_machine_or_lab(choice.machine);
  if (!machine) return tl::unexpected(machine.error());
  const auto chosen = choose_properties(*named, (*machine)->facts());
  if (!chosen) return tl::unexpected(chosen.error());
  const auto constraints = constraints_of(choice, (*machine)->facts());
  if (!constraints) return tl::unexpected(constraints.error());
  options.properties = *chosen;
  options.seed = choice.seed_given ? choice.seed : std::random_device()();
  options.results_dir = choice.results;
  options.confirm_runs = choice.confirm;
  options.shrink_runs = choice.shrink_runs;
  options.shrink_time = *shrink_time;
  options.max_failures = choice.max_failures;
  options.fault = choice.machine.fault;
  options.should_stop = was_interrupted;
  const Result<Recorder> recorder =
      Recorder::open(choice.results, {(*machine)->name(), (*machine)->facts(), options.seed, options.fault});
  if (!recorder) return tl::unexpected(recorder.error());
  options.on_judged = [&](const Judged& judged) { return recorder->record(judged); };
  const MachineFacts& facts = (*machine)->facts();
  fmt::print("{}: Linux {}, cgroup {}, {} CPUs; seed {}\n", (*machine)->name(), facts.kernel_release,
             facts.mode, facts.cpus.size(), options.seed);
  std::fflush(stdout);
  Display display(options.count, options.time_budget);
  const Result<SearchResult> result =
      search(**machine, *constraints, options, [&](const Progress& progress) { display.show(progress); });
  display.finish();
  if (!result) return tl::unexpected(result.error());
  if (Result<void> ended = recorder->end(); !ended) return tl::unexpected(ended.error());
  fmt::print("\n{}", summary(*result));
  for (size_t i = 0; i < result->failures.size(); ++i) {
    fmt::print("\n{}", report(result->failures[i], result->files[i], replay_options(choice.machine)));
  }
  if (was_interrupted()) fmt::print("\ninterrupted: the search did not come to its end\n");
  return exit_code_for(*result);
}

}  // namespace

Action add_run(CLI::App& app) {
  auto choice = std::make_shared<RunChoice>();
  CLI::App* command = app.add_subcommand("run", "Search for a tree whose limits this kernel does not keep");
  command->add_option("--property,-p", choice->properties,
                      "Property to test; repeat for more (default: all)");
  CLI::Option* seed = command->add_option("--seed", choice->seed, "Seed (default: a random one, printed)");
  command->add_option("--count,-n", choice->count,
                      "Scenarios to run (default 100, or as many as --time allows)");
  command->add_option("--time,-t", choice->time, "Time after which to stop: 90s, 10m, 2h");
  command->add_option("--results", choice->results, "Folder for failures and results.db")
      ->capture_default_str();
  command->add_option(
      "--placement", choice->placement,
      "Where workers go: leaves, all, random:30, depth:2, or a predicate (default: any of them)");
  command->add_option("--max-nodes", choice->max_nodes, "Most nodes of a tree")
      ->check(CLI::Range(1, kMaxNodes));
  command->add_option("--max-depth", choice->max_depth, "Greatest depth")->check(CLI::Range(1, kMaxDepth));
  command->add_option("--max-children", choice->max_children, "Most children of a node")
      ->check(CLI::Range(1, 64));
  command->add_option("--max-workers", choice->max_workers, "Most workers")
      ->check(CLI::Range(1, kMaxWorkers));
  command->add_option("--max-memory-mib", choice->max_memory_mib, "Memory that workers may take together")
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--confirm", choice->confirm, "Runs that confirm a violation")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--shrink-runs", choice->shrink_runs, "Most runs for shrinking")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command->add_option("--shrink-time", choice->shrink_time, "Most time for shrinking")->capture_default_str();
  command->add_option("--max-failures", choice->max_failures, "Stop after that many different failures")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  add_machine_options(*command, choice->machine, "Host, or the lab if that cannot serve");
  return [choice, seed] {
    choice->seed_given = seed->count() > 0;
    catch_interrupts();
    return code_or_report(run(*choice));
  };
}

}  // namespace treeline::cli

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "cli/commands.h"
#include "compare/compare.h"
#include "lab/lab_name.h"
#include "model/json.h"
#include "search/results_store.h"
#include "search/search.h"

namespace treeline::cli {

namespace {

struct CompareChoice {
  std::string a;
  std::string b;
  std::string mode = "v2";
  std::string cache;
  std::string fault;
  std::string transform;
  std::vector<std::string> properties;
  uint64_t seed = 1;
  uint64_t count = 0;
  std::string time;
  std::string scenario;
  std::string results = "treeline-compare";
  int shrink = 3;
  int shrink_runs = 100;
  std::string shrink_time = "60s";
};

/// A machine's name, a kernel's name, or a kernel's file.
MachineChoice machine_named(const std::string& name, const CompareChoice& choice, const std::string& fault) {
  MachineChoice machine;
  machine.lab.cache = choice.cache;
  machine.fault = fault;
  std::error_code error;
  if (name.starts_with("Lab/") || name == "Host") {
    machine.name = name;
  } else if (std::filesystem::is_regular_file(name, error)) {
    machine.lab.kernel_path = name;
    machine.mode = choice.mode;
  } else {
    machine.name = fmt::format("Lab/{}/{}", name, choice.mode);
  }
  return machine;
}

const std::map<std::string, Transform>& transforms() {
  static const std::map<std::string, Transform> kTransforms{
      {"", unchanged}, {"rename", renamed}, {"permute", permuted}, {"wrap", wrapped}, {"tighten", tightened}};
  return kTransforms;
}

Result<std::string> save(const std::string& folder, std::string figure, const FigureDifferences& found) {
  std::replace(figure.begin(), figure.end(), ' ', '-');
  Counterexample example;
  example.scenario = found.scenario;
  if (!found.drawn.property.empty()) example.provenance = found.drawn;
  const std::string path = folder + "/" + figure + ".json";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (Result<void> saved = replace_file(path, to_json(example, 1)); !saved) {
    return tl::unexpected(saved.error());
  }
  return path;
}

std::string where(const FigureId& figure, const Tree& tree) {
  const std::string path = tree.path(figure.node);
  return figure.index < 0 ? path : fmt::format("{} #{}", path, figure.index);
}

std::string table(const Comparison& comparison) {
  std::string text = fmt::format("{:<28} {:>9}  {:>7}  largest\n", "figure", "scenarios", "by");
  for (const std::string& name : by_frequency(comparison)) {
    const FigureDifferences& figure = comparison.figures.at(name);
    const Difference& largest = figure.largest;
    text +=
        fmt::format("{:<28} {:>9}  {:>6.1f}%  {}: {} | {}\n", name, figure.scenarios, 100 * largest.size,
                    where(largest.figure, figure.scenario.tree), describe(largest.a), describe(largest.b));
  }
  return text;
}

std::string minimum_text(const std::string& name, const FigureDifferences& figure, const Machine& a,
                         const Machine& b) {
  const char* how = figure.minimum_proven ? "no smaller candidate differs" : "the budget ran out";
  std::vector<std::string> notes(figure.scenario.tree.nodes.size());
  notes[static_cast<size_t>(figure.largest.figure.node)] = name;
  return fmt::format(
      "\n{}, drawn by property {}, seed {}, index {}; shrunk in {} comparisons, {}:\n{}"
      "  {}: {}\n  {}: {}\n",
      name, figure.drawn.property, figure.drawn.seed, figure.drawn.index, figure.shrink_runs, how,
      draw(figure.scenario, notes), a.name(), describe(figure.largest.a), b.name(),
      describe(figure.largest.b));
}

std::string again(const CompareChoice& choice, const std::string& file) {
  std::string text = fmt::format("treeline compare {} {} --scenario {}", shell_quoted(choice.a),
                                 shell_quoted(choice.b), shell_quoted(file));
  if (choice.mode != "v2") text += " --mode " + shell_quoted(choice.mode);
  if (!choice.cache.empty()) text += " --cache " + shell_quoted(choice.cache);
  if (!choice.fault.empty()) text += " --fault " + shell_quoted(choice.fault);
  if (!choice.transform.empty()) text += " --transform " + choice.transform;
  return text;
}

Result<std::vector<const Property*>> testable(const std::vector<std::string>& names,
                                              const MachineFacts& machine) {
  std::vector<const Property*> chosen;
  for (const Property& property : properties()) {
    const bool is_wanted =
        names.empty() || std::find(names.begin(), names.end(), property.name) != names.end();
    if (is_wanted && !why_untestable(property, machine)) chosen.push_back(&property);
  }
  if (!chosen.empty()) return chosen;
  return fail(ErrorKind::Unavailable, "compare", "", 0, "no property can be tested on both kernels");
}

void print_knobs_of_one(const Machine& machine, const Machine& other) {
  std::string names;
  for (const Knob knob : machine.facts().knobs) {
    if (!other.facts().has(knob)) names += " " + std::string(knob_info(knob).name);
  }
  if (!names.empty()) fmt::print("only {} has, so that it is not compared:{}\n", machine.name(), names);
}

Result<Comparison> compare_drawn(Machine& a, Machine& b, const CompareChoice& choice) {
  CompareOptions options;
  const auto ends = ends_of(choice.count, choice.time);
  if (!ends) return tl::unexpected(ends.error());
  options.count = ends->count;
  options.time_budget = ends->time;
  const auto shrink_time = parse_time(choice.shrink_time);
  if (!shrink_time) return tl::unexpected(shrink_time.error());
  const auto facts = common_facts(a.facts(), b.facts());
  if (!facts) return tl::unexpected(facts.error());
  const auto chosen = testable(choice.properties, *facts);
  if (!chosen) return tl::unexpected(chosen.error());
  options.properties = *chosen;
  options.seed = choice.seed;
  options.shrink_figures = choice.shrink;
  options.shrink_runs = choice.shrink_runs;
  options.shrink_time = *shrink_time;
  options.transform = transforms().at(choice.transform);
  options.should_stop = was_interrupted;
  const bool terminal = ::isatty(STDERR_FILENO) == 1;
  auto result = compare(a, b, options, [&](const Comparison& so_far) {
    if (!terminal) return;
    fmt::print(stderr, "\r\033[K{} scenarios, {} differ, {:.0f} s", so_far.scenarios, so_far.differing,
               so_far.seconds);
  });
  if (terminal) fmt::print(stderr, "\r\033[K");
  return result;
}

Result<Comparison> compare_file(Machine& a, Machine& b, const CompareChoice& choice) {
  const Result<Counterexample> example = counterexample_from_file(choice.scenario);
  if (!example) return tl::unexpected(example.error());
  fmt::print("{}\n", draw(example->scenario));
  return compare_one(a, b, example->scenario, transforms().at(choice.transform));
}

int code_of(const Comparison& comparison) {
  if (comparison.differing > 0) return exit_code::kViolated;
  if (comparison.scenarios > 0) return exit_code::kHeld;
  return comparison.troubles.empty() ? exit_code::kInconclusive : exit_code::kInfrastructure;
}

Result<int> run_compare(const CompareChoice& choice) {
  auto a = open_machine(machine_named(choice.a, choice, choice.transform.empty() ? "" : choice.fault));
  if (!a) return tl::unexpected(a.error());
  auto b = open_machine(machine_named(choice.b, choice, choice.fault));
  if (!b) return tl::unexpected(b.error());
  fmt::print("{}: Linux {}\n{}: Linux {}{}\n", (*a)->name(), (*a)->facts().kernel_release, (*b)->name(),
             (*b)->facts().kernel_release,
             choice.fault.empty() ? "" : ", with the planted fault " + choice.fault);
  print_knobs_of_one(**a, **b);
  print_knobs_of_one(**b, **a);
  const auto result =
      choice.scenario.empty() ? compare_drawn(**a, **b, choice) : compare_file(**a, **b, choice);
  if (!result) return tl::unexpected(result.error());
  if (!result->figures.empty()) fmt::print("\n{}", table(*result));
  for (const std::string& name : by_frequency(*result)) {
    const FigureDifferences& figure = result->figures.at(name);
    if (!figure.shrunk) continue;
    const auto file = save(choice.results, name, figure);
    if (!file) return tl::unexpected(file.error());
    fmt::print("{}  again: {}\n", minimum_text(name, figure, **a, **b), again(choice, *file));
  }
  fmt::print("\n{} scenarios in {:.0f} s: {} differ; {} errors\n", result->scenarios, result->seconds,
             result->differing, result->troubles.size());
  if (!result->troubles.empty()) fmt::print("first error: {}\n", to_string(result->troubles.front()));
  return code_of(*result);
}

}  // namespace

Action add_compare(CLI::App& app) {
  auto choice = std::make_shared<CompareChoice>();
  CLI::App* command =
      app.add_subcommand("compare", "Run the same scenarios on two kernels; exit code 1 if they differ");
  const std::string form = fmt::format(
      "A machine ({}), a kernel (debian-6.1), or the file of one that needs no modules", kLabNameForm);
  command->add_option("kernel_a", choice->a, form)->required();
  command->add_option("kernel_b", choice->b, "The same")->required();
  std::vector<std::string> known;
  for (const Property& property : properties()) known.emplace_back(property.name);
  command
      ->add_option("--property,-p", choice->properties,
                   "Property to draw for; repeat for more (default: all)")
      ->check(CLI::IsMember(known));
  command->add_option("--seed", choice->seed, "Seed")->capture_default_str();
  command->add_option("--count,-n", choice->count,
                      "Scenarios to draw (default 100, or as many as --time allows)");
  command->add_option("--time,-t", choice->time, "Time after which no more are drawn: 90s, 10m, 2h");
  command->add_option("--scenario", choice->scenario, "Compare only this file's scenario");
  command->add_option("--results", choice->results, "Folder for minimal scenarios")->capture_default_str();
  command->add_option("--shrink", choice->shrink, "Of so many figures the largest difference is shrunk")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  command->add_option("--shrink-runs", choice->shrink_runs, "Most comparisons for shrinking each")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command->add_option("--shrink-time", choice->shrink_time, "Most time for shrinking each")
      ->capture_default_str();
  command->add_option("--fault", choice->fault, "Play a planted fault in KERNEL_B");
  command
      ->add_option(
          "--transform", choice->transform,
          "A metamorphic relation: KERNEL_B gets each scenario with its nodes renamed, siblings "
          "permuted, or a limitless root above, which must change nothing, or with one limit halved, "
          "which must not raise use; a fault is in both")
      ->check(CLI::IsMember({"rename", "permute", "wrap", "tighten"}));
  command->add_option("--mode", choice->mode, "How cgroups are mounted where only the kernel is named")
      ->capture_default_str();
  command->add_option("--cache", choice->cache,
                      "Folder for kernels and snapshots (default " + default_cache_folder() + ")");
  return [choice] {
    catch_interrupts();
    return code_or_report(run_compare(*choice));
  };
}

}  // namespace treeline::cli

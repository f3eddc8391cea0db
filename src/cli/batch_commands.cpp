#include <fmt/format.h>
#include <fmt/ranges.h>

#include <random>

#include "batch/job_folder.h"
#include "batch/make_plan.h"
#include "batch/merge.h"
#include "batch/run_job.h"
#include "cli/machine_list.h"
#include "cli/night_options.h"
#include "search/results_store.h"

/// `treeline plan`, `job` and `merge`: one search on many machines. Whatever starts the jobs (a loop, Slurm,
/// an indexed job of Kubernetes) needs to know no more than that job I of N is
///   treeline job FOLDER --number I
/// and that its exit code says how it ended.
namespace treeline::cli {

namespace {

constexpr int64_t kMostJobs = 100'000;

void say(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

struct PlanChoice {
  std::string folder;
  MachineList machines;
  std::vector<std::string> properties;
  uint64_t seed = 0;
  bool seed_given = false;
  uint64_t count = 100;
  uint64_t job_size = 50;
  std::string job_time;
};

/// The kernel of the user's own that a machine's name stands for, as --kernel named it.
std::string kernel_of(const MachineChoice& choice) {
  if (choice.lab.kernel_path.empty()) return "";
  return choice.lab.kernel_path + (choice.lab.modules.empty() ? "" : ":" + choice.lab.modules);
}

Result<PlanRequest> request_of(const PlanChoice& choice) {
  if (choice.machines.names.empty() && choice.machines.kernels.empty()) {
    return fail(ErrorKind::InvalidInput, "make the plan", "", 0,
                "name the machines with --machine or --kernel");
  }
  const Result<std::vector<MachineChoice>> machines = choices_of(choice.machines);
  if (!machines) return tl::unexpected(machines.error());
  const Result<std::vector<const Property*>> named = find_properties(choice.properties);
  if (!named) return tl::unexpected(named.error());
  PlanRequest request;
  for (const MachineChoice& machine : *machines) {
    request.machines.push_back({machine.name, kernel_of(machine), machine.fault});
  }
  for (const Property* property : *named) request.properties.emplace_back(property->name);
  if (named->empty()) {
    for (const Property& property : properties()) request.properties.emplace_back(property.name);
  }
  request.seed = choice.seed_given ? choice.seed : std::random_device()();
  request.count = choice.count;
  request.job_size = choice.job_size;
  if (choice.job_time.empty()) return request;
  const auto time = parse_time(choice.job_time);
  if (!time) return tl::unexpected(time.error());
  request.job_budget_s = static_cast<uint64_t>(std::chrono::ceil<std::chrono::seconds>(*time).count());
  return request;
}

Result<int> write_plan(const PlanChoice& choice) {
  const Result<PlanRequest> request = request_of(choice);
  if (!request) return tl::unexpected(request.error());
  const uint64_t parts = (request->count + request->job_size - 1) / request->job_size;
  const uint64_t jobs_of_all = request->machines.size() * request->properties.size() * parts;
  if (jobs_of_all > static_cast<uint64_t>(kMostJobs)) {
    return fail(ErrorKind::InvalidInput, "make the plan", "", 0,
                fmt::format("{} jobs are too many; give a greater --job-size", jobs_of_all));
  }
  const std::vector<Job> plan = make_plan(*request);
  if (choice.folder.empty()) {
    fmt::print("{}", plan_to_text(plan));
    return exit_code::kHeld;
  }
  const std::string jobs = choice.folder + "/jobs";
  if (Result<void> made = make_results_folder(jobs); !made) return tl::unexpected(made.error());
  if (const Result<std::vector<Job>> there = plan_of_batch(choice.folder); there && *there != plan) {
    return fail(ErrorKind::InvalidInput, "make the plan", choice.folder + "/plan.jsonl", EEXIST,
                "another plan is there; give another folder");
  }
  if (Result<void> saved = replace_file(choice.folder + "/plan.jsonl", plan_to_text(plan)); !saved) {
    return tl::unexpected(saved.error());
  }
  fmt::print("{} jobs, seed {}\n", plan.size(), request->seed);
  return exit_code::kHeld;
}

struct JobChoice {
  std::string folder;
  MachineChoice common;  ///< Where the host and the lab keep their files.
  int64_t number = -1;
  std::string known;
};

Result<MachineChoice> machine_choice_of(const Job& job, const MachineChoice& common) {
  MachineList list;
  list.common = common;
  list.names = {job.machine};
  if (!job.kernel.empty()) list.kernels = {job.kernel};
  if (!job.fault.empty()) list.faults = {job.fault};
  Result<std::vector<MachineChoice>> choices = choices_of(list);
  if (!choices) return tl::unexpected(choices.error());
  return std::move(choices->front());
}

Result<int> run_one(const JobChoice& choice, const std::vector<Job>& plan, size_t number,
                    const std::vector<KnownFailure>& known) {
  const Job& job = plan[number];
  JobOptions options;
  options.jobs = choice.folder + "/jobs";
  options.number = number;
  options.known = known;
  options.should_stop = was_interrupted;
  options.say = say;
  const OpenMachine open = [&](const Job& of) -> Result<std::unique_ptr<Machine>> {
    const Result<MachineChoice> machine = machine_choice_of(of, choice.common);
    if (!machine) return tl::unexpected(machine.error());
    return open_machine(*machine);
  };
  const Result<JobOutcome> outcome = run_job(job, open, options);
  if (!outcome) return tl::unexpected(outcome.error());
  say(fmt::format("job {} ({}): {} scenarios, {} errors, in {} s; exit code {}{}", job_name(number),
                  to_string(job), outcome->scenarios, outcome->errors, outcome->ended_at - outcome->began_at,
                  outcome->code, outcome->untestable.empty() ? "" : "; " + outcome->untestable));
  return outcome->code;
}

/// As exit_code_of(NightSummary) ranks them: what was found, what was lost, what could not be tested.
int worse(int one, int other) {
  constexpr int kRanks[] = {exit_code::kViolated, exit_code::kInvalidInput, exit_code::kInfrastructure,
                            exit_code::kHeld, exit_code::kUnavailable};
  const auto rank = [&](int code) { return std::find(std::begin(kRanks), std::end(kRanks), code); };
  return rank(one) <= rank(other) ? one : other;
}

Result<int> run_jobs(const JobChoice& choice) {
  const Result<std::vector<Job>> plan = plan_of_batch(choice.folder);
  if (!plan) return tl::unexpected(plan.error());
  const Result<std::vector<KnownFailure>> known = known_from(choice.known);
  if (!known) return tl::unexpected(known.error());
  const auto jobs = static_cast<int64_t>(plan->size());
  if (choice.number >= jobs) {
    return fail(ErrorKind::InvalidInput, "find the job", std::to_string(choice.number), 0,
                fmt::format("the plan's are 0 to {}", jobs - 1));
  }
  if (choice.number >= 0) return run_one(choice, *plan, static_cast<size_t>(choice.number), *known);
  int code = exit_code::kUnavailable;
  for (size_t number = 0; number < plan->size() && !was_interrupted(); ++number) {
    code = worse(code, code_or_report(run_one(choice, *plan, number, *known)));
  }
  return code;
}

struct MergeChoice {
  std::string folder;
  std::string results = "treeline-results";
  std::string known;
  MachineChoice common;
  Retention retention = kUsualRetention;
  bool list_missing = false;
};

Result<int> print_missing(const std::string& folder, const std::vector<Job>& plan) {
  const Result<std::vector<MissingJob>> missing = missing_jobs(folder, plan);
  if (!missing) return tl::unexpected(missing.error());
  std::vector<size_t> numbers;
  for (const MissingJob& job : *missing) numbers.push_back(job.number);
  fmt::print("{}\n", fmt::join(numbers, ","));
  return exit_code::kHeld;
}

Result<int> merge(const MergeChoice& choice) {
  const Result<std::vector<Job>> plan = plan_of_batch(choice.folder);
  if (!plan) return tl::unexpected(plan.error());
  if (choice.list_missing) return print_missing(choice.folder, *plan);
  MergeOptions options;
  options.folder = choice.folder;
  options.results = choice.results;
  options.retention = choice.retention;
  Result<std::vector<KnownFailure>> known = known_from(choice.known);
  if (!known) return tl::unexpected(known.error());
  options.known = std::move(*known);
  for (const Job& job : *plan) {
    const Result<MachineChoice> machine = machine_choice_of(job, choice.common);
    if (machine) options.replay_options[job.machine] = replay_options(*machine);
  }
  const Result<Merged> merged = merge_batch(options);
  if (!merged) return tl::unexpected(merged.error());
  fmt::print("{}this summary is in {}/summary.txt\n", to_text(*merged), choice.folder);
  return exit_code_of(merged->summary);
}

}  // namespace

Action add_plan(CLI::App& app) {
  auto choice = std::make_shared<PlanChoice>();
  CLI::App* command = app.add_subcommand(
      "plan",
      "Write the jobs of a search on many machines: job runs one of them, merge joins what they gave");
  command->add_option("folder", choice->folder,
                      "Folder of the batch, which all nodes share: gets plan.jsonl (default: print it)");
  command->add_option("--property,-p", choice->properties,
                      "Property to test; repeat for more (default: all)");
  CLI::Option* seed = command->add_option("--seed", choice->seed, "Seed (default: a random one, printed)");
  command->add_option("--count,-n", choice->count, "Scenarios of each property on each machine")
      ->check(CLI::Range(1, 1'000'000'000))
      ->capture_default_str();
  command->add_option("--job-size", choice->job_size, "Most scenarios of a job")
      ->check(CLI::Range(1, 1'000'000'000))
      ->capture_default_str();
  command->add_option("--job-time", choice->job_time,
                      "Time after which a job begins no more scenarios (default: none). With it the results "
                      "depend on how fast the nodes are");
  add_machine_list(*command, choice->machines);
  return [choice, seed] {
    choice->seed_given = seed->count() > 0;
    return code_or_report(write_plan(*choice));
  };
}

Action add_job(CLI::App& app) {
  auto choice = std::make_shared<JobChoice>();
  CLI::App* command = app.add_subcommand(
      "job", "Run a job of a plan. It may be run again, and anywhere: its results are there once, and whole");
  command->add_option("folder", choice->folder, "Folder of the batch")->required();
  command->add_option("--number", choice->number, "The job, from 0 (default: all, one after another)")
      ->check(CLI::Range(int64_t{0}, kMostJobs));
  command->add_option("--known-failures", choice->known, "List of failures that turn no job red")
      ->take_last();
  add_folder_options(*command, choice->common);
  return [choice] {
    catch_interrupts();
    return code_or_report(run_jobs(*choice));
  };
}

Action add_merge(CLI::App& app) {
  auto choice = std::make_shared<MergeChoice>();
  CLI::App* command = app.add_subcommand("merge", "Join what the jobs of a plan gave to a results folder");
  command->add_option("folder", choice->folder, "Folder of the batch")->required();
  command->add_option("--results", choice->results, "Folder for failures and results.db")
      ->capture_default_str();
  command->add_option("--known-failures", choice->known, "List of failures that turn no night red")
      ->take_last();
  add_retention_options(*command, choice->retention);
  command->add_flag("--list-missing", choice->list_missing,
                    "Only print the numbers of the jobs that are to be run (again), like 3,7");
  add_folder_options(*command, choice->common);
  return [choice] { return code_or_report(merge(*choice)); };
}

}  // namespace treeline::cli

#include "lab/lab_machine.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "cgroup/fd.h"
#include "executor/wire.h"
#include "lab/cache.h"
#include "lab/kernel_needs.h"
#include "lab/lab_name.h"
#include "lab/snapshot.h"
#include "model/json.h"
#include "model/rules.h"

namespace treeline {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kSelfCheckClones = 3;
/// What it says, as kept beside the snapshot.
constexpr std::string_view kEqual = "equal";
constexpr std::string_view kDifferent = "different";

/// A clone's console has nothing of the boot.
Observation of_dead_kernel(const MachineFacts& facts, const std::string& console) {
  Observation seen;
  seen.machine = facts;
  seen.health.log_readable = true;
  seen.health.log = kernel_lines(console);
  return seen;
}

Result<std::string> find_init(const std::string& wanted) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const char* named = std::getenv("TREELINE_INIT");
  for (const std::string& candidate :
       {wanted, std::string(named ? named : ""), (self.parent_path() / "treeline-init").string()}) {
    if (!candidate.empty() && ::access(candidate.c_str(), R_OK) == 0) return candidate;
  }
  return fail(ErrorKind::Unavailable, "find the program", "treeline-init", ENOENT,
              "keep it beside treeline, or name it in TREELINE_INIT");
}

/// Lies beside treeline-init.
Result<std::string> find_turns_library(const std::string& init_program) {
  const auto found = std::filesystem::path(init_program).parent_path() / "treeline-turns.so";
  if (::access(found.c_str(), R_OK) == 0) return std::filesystem::absolute(found).string();
  return fail(ErrorKind::Unavailable, "find the library", found.string(), errno,
              "keep it beside treeline-init");
}

Result<KernelImage> find_kernel(const LabOptions& options) {
  if (!options.kernel_path.empty()) return open_kernel(options.kernel_path, options.modules);
  return find_debian_kernel(options.kernel, options.cache);
}

/// What can be told before it is booted. A configuration that cannot be read tells nothing.
Result<void> check_options(const KernelImage& kernel, const LabShape& shape) {
  const std::string config = kernel.config.empty() ? "" : read_file(kernel.config).value_or("");
  if (config.empty()) return {};
  const std::vector<std::string> missing = missing_options(config, !kernel.modules.empty(), shape);
  if (missing.empty()) return {};
  return fail(ErrorKind::Unavailable, "use as the lab's kernel", kernel.image, 0,
              fmt::format("by {} it lacks {}", kernel.config, fmt::join(missing, ", ")));
}

Error with_console(Error error, const std::string& console) {
  const std::string last = last_console_lines(console);
  if (!last.empty()) error.advice += fmt::format("; the console's last lines: {}", last);
  return error;
}

}  // namespace

struct LabMachine::Impl {
  LabOptions options;
  KernelImage kernel;
  Snapshot snapshot;
};

LabMachine::LabMachine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  name_ = lab_name(impl_->kernel.label, impl_->options.shape);
}
LabMachine::~LabMachine() = default;

Result<std::unique_ptr<LabMachine>> LabMachine::open(LabOptions options) {
  if (Result<void> good = check_shape(options.shape); !good) return tl::unexpected(good.error());
  if (options.kernel_path.empty()) {
    if (Result<void> known = check_debian_kernel(options.kernel); !known)
      return tl::unexpected(known.error());
  }
  if (options.cache.empty()) options.cache = default_cache_folder();
  Result<std::string> init = find_init(options.init_program);
  if (!init) return tl::unexpected(init.error());
  const Result<std::string> turns = find_turns_library(*init);
  if (!turns) return tl::unexpected(turns.error());
  Result<KernelImage> kernel = find_kernel(options);
  if (!kernel) return tl::unexpected(kernel.error());
  if (auto good = check_options(*kernel, options.shape); !good) return tl::unexpected(good.error());
  Result<Snapshot> snapshot =
      Snapshot::open({*kernel, options.shape, *init, *turns, options.cache, options.boot_limit});
  if (!snapshot) return tl::unexpected(snapshot.error());
  auto impl = std::make_unique<Impl>(Impl{std::move(options), std::move(*kernel), std::move(*snapshot)});
  std::unique_ptr<LabMachine> machine(new LabMachine(std::move(impl)));
  if (Result<void> checked = machine->check_determinism(); !checked) return tl::unexpected(checked.error());
  return machine;
}

/// Once for each snapshot: the result is kept beside it.
Result<void> LabMachine::check_determinism() {
  const std::string path = snapshot_folder() + "/self-check";
  std::string result = read_file(path).value_or("");
  if (result != kEqual && result != kDifferent) {
    const Result<int> equal = count_equal(self_check_scenario(), kSelfCheckClones);
    if (!equal) return tl::unexpected(equal.error());
    result = *equal == kSelfCheckClones ? kEqual : kDifferent;
    (void)write_new_file(path, result);
  }
  deterministic_ = result == kEqual;
  return {};
}

const MachineFacts& LabMachine::facts() const { return impl_->snapshot.facts(); }
const std::string& LabMachine::snapshot_folder() const { return impl_->snapshot.folder(); }

const KernelImage& LabMachine::kernel() const { return impl_->kernel; }
bool LabMachine::was_built() const { return impl_->snapshot.was_built(); }

int LabMachine::lanes() const { return static_cast<int>(std::max(1U, std::thread::hardware_concurrency())); }

Result<Observation> LabMachine::run(const Scenario& scenario) {
  if (const std::vector<Fault> faults = unmet(scenario, facts()); !faults.empty()) {
    return fail(ErrorKind::Unavailable, "run here: the scenario's", faults[0].json_path, 0,
                faults[0].message);
  }
  const LabOptions& options = impl_->options;
  const auto limit = options.grace + options.per_second * scenario.window.length_us / 1'000'000;
  const auto deadline = Clock::now() + limit;
  const std::string fault = options.fault ? std::string(planted_fault_info(*options.fault).name) : "-";
  Result<Vm> vm = impl_->snapshot.clone(fault + "\n" + to_json(scenario));
  if (!vm) return tl::unexpected(vm.error());
  const Result<bool> ended = vm->wait_for_end(deadline);
  if (!ended) return tl::unexpected(with_console(ended.error(), vm->console()));
  Error error{ErrorKind::Infrastructure, "run in", name_, 0, ""};
  const std::string console = vm->console();
  if (!*ended) {
    error.errnum = ETIMEDOUT;
    error.advice = fmt::format("the guest did not end within {} s", limit.count() / 1'000);
  } else if (vm->state() == Mailbox::State::Answered && vm->ended_by_guest()) {
    return decode_answer(vm->text());
  } else if (const auto panic = panic_in(console)) {
    if (!is_harness_panic(*panic)) return of_dead_kernel(facts(), console);
    error.advice = *panic;
  } else if (vm->state() == Mailbox::State::Overran) {
    error.errnum = ETIMEDOUT;
    error.advice = "the run overran its deadline in virtual time";
  } else {
    error.advice = vm->how_it_ended();
  }
  return tl::unexpected(with_console(std::move(error), console));
}

Result<int> LabMachine::count_equal(const Scenario& scenario, int clones) {
  std::string first;
  int equal = 0;
  for (int i = 0; i < clones; ++i) {
    const Result<Observation> seen = run(scenario);
    if (!seen) return tl::unexpected(seen.error());
    const std::string text = to_json(*seen);
    if (i == 0) first = text;
    equal += text == first ? 1 : 0;
  }
  return equal;
}

//  t ── a: a hog that sleeps in between, a fork storm
Scenario LabMachine::self_check_scenario() {
  Scenario scenario;
  scenario.tree = {{{"t", kNoParent, {}}, {"a", 0, {}}}};
  scenario.workers = {{1, CpuHog{2, 50, 10'000}}, {1, ForkStorm{3}}};
  scenario.window.length_us = 100'000;
  return scenario;
}

}  // namespace treeline

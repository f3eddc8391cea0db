#include "machine/host_machine.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "cgroup/run_group.h"
#include "executor/wire.h"
#include "machine/process.h"
#include "machine/subprocess.h"
#include "model/rules.h"

namespace treeline {

namespace {

/// Beyond the window: groups to make and remove, workers to start and reap, on a machine that others load
/// too.
constexpr auto kAllowance = std::chrono::seconds(30);
constexpr auto kGrace = std::chrono::seconds(15);

Result<std::string> find_executor(const std::string& wanted) {
  std::vector<std::string> candidates{wanted};
  if (wanted.empty()) {
    std::error_code error;
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
    const char* named = std::getenv("TREELINE_EXECUTOR");
    candidates = {(self.parent_path() / "treeline-executor").string(), named ? named : ""};
  }
  for (const std::string& candidate : candidates) {
    if (!candidate.empty() && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return fail(ErrorKind::Unavailable, "find the program", "treeline-executor", ENOENT,
              "keep it beside treeline, or name it in TREELINE_EXECUTOR");
}

std::string how_it_ended(const SubprocessResult& result) {
  if (result.timed_out) return "it overran its deadline and was ended";
  return how_ended(result.status);
}

}  // namespace

struct HostMachine::Impl {
  HostOptions options;
  Hierarchies hierarchies;
  std::string executor;
  std::atomic<uint64_t> runs{0};
};

HostMachine::HostMachine(std::unique_ptr<Impl> impl, MachineFacts facts)
    : impl_(std::move(impl)), facts_(std::move(facts)) {}
HostMachine::~HostMachine() = default;

Result<std::unique_ptr<HostMachine>> HostMachine::open(HostOptions options) {
  Result<std::string> executor = find_executor(options.executor_path);
  if (!executor) return tl::unexpected(executor.error());
  if (::access(options.scratch_dir.c_str(), W_OK) != 0) {
    return fail(ErrorKind::InvalidInput, "use the scratch folder", options.scratch_dir, errno,
                "give a folder that can be written to with --scratch");
  }
  Result<Hierarchies> hierarchies = Hierarchies::detect(options.cgroup_root);
  if (!hierarchies) return tl::unexpected(hierarchies.error());
  if (Result<std::vector<std::string>> swept = sweep(*hierarchies, options.scratch_dir); !swept) {
    return tl::unexpected(swept.error());
  }
  Result<MachineFacts> facts = detect_machine(*hierarchies, options.scratch_dir);
  if (!facts) return tl::unexpected(facts.error());
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  impl->hierarchies = std::move(*hierarchies);
  impl->executor = std::move(*executor);
  return std::unique_ptr<HostMachine>(new HostMachine(std::move(impl), std::move(*facts)));
}

const Hierarchies& HostMachine::hierarchies() const { return impl_->hierarchies; }

Result<Observation> HostMachine::run(const Scenario& scenario) {
  if (const std::vector<Fault> faults = unmet(scenario, facts_); !faults.empty()) {
    return fail(ErrorKind::Unavailable, "run here: the scenario's", faults[0].json_path, 0,
                faults[0].message);
  }
  // Owned by this process: whichever of the two is killed, the groups are removed here or by the next sweep.
  const std::string owner = run_group_name(::getpid(), std::to_string(impl_->runs++));
  std::vector<std::string> command{impl_->executor,
                                   "--owner",
                                   owner,
                                   "--scratch",
                                   impl_->options.scratch_dir + "/" + owner,
                                   "--parent",
                                   std::to_string(::getpid())};
  if (!impl_->options.cgroup_root.empty()) {
    command.insert(command.end(), {"--cgroup-root", impl_->options.cgroup_root});
  }
  if (impl_->options.fault) {
    command.insert(command.end(), {"--fault", std::string(planted_fault_info(*impl_->options.fault).name)});
  }
  const auto deadline = std::chrono::milliseconds(scenario.window.length_us / 1'000) + kAllowance;
  Result<SubprocessResult> result =
      run_subprocess(command, encode_request({facts_, scenario}), deadline, kGrace);
  if (!result) return tl::unexpected(result.error());
  if (!result->timed_out && WIFEXITED(result->status) && WEXITSTATUS(result->status) == 0) {
    return decode_answer(result->answer);
  }
  if (Result<void> removed = remove_run_group(impl_->hierarchies, owner); !removed) {
    return tl::unexpected(removed.error());
  }
  std::error_code ignored;
  std::filesystem::remove_all(impl_->options.scratch_dir + "/" + owner, ignored);
  return fail(ErrorKind::Infrastructure, "run", "treeline-executor", 0, how_it_ended(*result));
}

}  // namespace treeline

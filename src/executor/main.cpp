#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "cgroup/hierarchies.h"
#include "executor/executor.h"
#include "executor/interrupt.h"
#include "executor/resource_limits.h"
#include "executor/task_weight.h"
#include "executor/wire.h"
#include "model/json.h"

/// treeline-executor: takes one request from descriptor 3, runs it, and answers on descriptor 4
/// (executor/wire.h).
namespace treeline {
namespace {

Result<Observation> serve(const std::string& cgroup_root, const ExecutorOptions& options) {
  Result<Request> request = read_request(kRequestFd);
  if (!request) return tl::unexpected(request.error());
  Result<Hierarchies> hierarchies = Hierarchies::detect(cgroup_root, "/proc/self/mounts", &request->machine);
  if (!hierarchies) return tl::unexpected(hierarchies.error());
  if (auto done = take_ordinary_weight(); !done) return tl::unexpected(done.error());
  if (auto done = lift_resource_limits(); !done) return tl::unexpected(done.error());
  return execute(*hierarchies, request->machine, request->scenario, options);
}

}  // namespace
}  // namespace treeline

int main(int argc, char** argv) {
  using namespace treeline;
  CLI::App app("Runs one scenario for treeline. Not for use by hand.");
  ExecutorOptions options;
  std::string cgroup_root;
  std::string fault;
  pid_t parent = 0;
  app.add_option("--owner", options.owner)->required();
  app.add_option("--scratch", options.scratch_dir)->required();
  app.add_option("--cgroup-root", cgroup_root);
  app.add_option("--fault", fault);
  app.add_option("--parent", parent)->required();
  CLI11_PARSE(app, argc, argv);
  watch_interrupts();
  if (::getppid() != parent) return exit_code::kInfrastructure;
  if (!fault.empty()) {
    options.fault = planted_fault_from_name(fault);
    if (!options.fault) {
      std::cerr << "treeline-executor: there is no planted fault " << fault << '\n';
      return exit_code::kInvalidInput;
    }
  }
  const Result<Observation> observation = serve(cgroup_root, options);
  return write_answer(kAnswerFd, observation) ? exit_code::kHeld : exit_code::kInfrastructure;
}

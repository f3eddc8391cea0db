#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cgroup/hierarchies.h"
#include "machine/machine.h"
#include "model/planted_fault.h"

namespace treeline {

struct HostOptions {
  /// Group below which Treeline may make its own, relative to each hierarchy's mount ("" is the top). For an
  /// unprivileged user: a delegated group.
  std::string cgroup_root;
  /// The treeline-executor program; empty: beside this program, else $TREELINE_EXECUTOR.
  std::string executor_path;
  /// Folder for the I/O workers' files; its block device is the one that io.max is set for.
  std::string scratch_dir = "/var/tmp";
  std::optional<PlantedFault> fault;
};

/// This machine's own kernel. Each scenario runs in a child process, treeline-executor, which is ended with
/// all its workers if it overruns its deadline, and whose cgroups are removed even if it is killed.
class HostMachine final : public Machine {
 public:
  /// Detects the machine and sweeps what dead Treeline processes have left. Unavailable if nothing can be
  /// tested here, with what to do.
  static Result<std::unique_ptr<HostMachine>> open(HostOptions options);
  ~HostMachine() override;

  std::string name() const override { return "Host"; }
  const MachineFacts& facts() const override { return facts_; }
  bool deterministic() const override { return false; }
  Result<Observation> run(const Scenario& scenario) override;
  const Hierarchies& hierarchies() const;

 private:
  struct Impl;
  HostMachine(std::unique_ptr<Impl> impl, MachineFacts facts);

  std::unique_ptr<Impl> impl_;
  MachineFacts facts_;
};

}  // namespace treeline

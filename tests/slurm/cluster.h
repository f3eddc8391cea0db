#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "machine/process.h"

namespace treeline::testing {

/// Names of programs of the cluster that are not installed here; "": all are there.
std::string missing_cluster_programs();

/// A Slurm cluster of its own on loopback: munged with a key and socket of its own, slurmctld, and several
/// slurmd, one a node, with one CPU each. All its files are in one folder. It tracks processes by their
/// parents and is kept away from the host's cgroups: its cgroup plugin is given an empty folder for its
/// hierarchy. Needs root. Destroyed, it ends all that came of it, by pid.
class Cluster {
 public:
  /// Ready: every node is idle.
  static Result<std::unique_ptr<Cluster>> start(const std::string& folder, int nodes);
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  ~Cluster();

  /// "SLURM_CONF=…": what a program needs to find it.
  std::string environment() const { return "SLURM_CONF=" + config(); }
  /// A node on which a task runs `program` now.
  std::optional<int> node_that_runs(const std::string& program) const;
  /// As if its power was cut: SIGKILL for its slurmd, for what it started, and for what that started.
  void kill_node(int node);
  /// What slurmctld logged.
  std::string log() const;
  /// The pids of all processes that came of it.
  static std::vector<pid_t> descendants();

 private:
  explicit Cluster(std::string folder) : folder_(std::move(folder)) {}
  std::string config() const { return folder_ + "/slurm.conf"; }
  Result<void> write_files(int nodes) const;
  Result<void> start_daemon(const std::vector<std::string>& command);
  Result<void> wait_until_idle(int nodes) const;

  std::string folder_;
  std::vector<Process> daemons_;  ///< munged, slurmctld, and the nodes' slurmd.
};

}  // namespace treeline::testing

#pragma once

#include <string>
#include <vector>

#include "cgroup/fd.h"
#include "model/error.h"

namespace treeline {

/// A snapshot on disk: ram0 … (sparse), state, facts.json, console.txt, and a manifest with the size and
/// checksum of each, which is written last: without it, or when it does not fit, there is no snapshot.
struct SnapshotFiles {
  std::vector<Fd> memory;
  Fd state;
  std::string facts;
};

Result<void> save_snapshot_files(const std::string& folder, const std::vector<Fd>& memory,
                                 const std::string& state, const std::string& facts,
                                 const std::string& console);

/// Checks all of it and opens it. Infrastructure if anything is missing, cut short or changed.
Result<SnapshotFiles> open_snapshot_files(const std::string& folder, int numa_nodes);

/// Removes the snapshots that were not opened for the longest time, until `kept` are left. Clones that run
/// from one go on: they have it open.
void drop_old_snapshots(const std::string& folder, size_t kept);

}  // namespace treeline

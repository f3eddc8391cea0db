#pragma once

#include <set>
#include <vector>

#include "cgroup/cgroup_tree.h"
#include "cgroup/fd.h"
#include "model/counter.h"

namespace treeline {

/// Reads counters of all nodes of a tree through descriptors that are opened once.
class CounterReader {
 public:
  /// Files that a node does not have are left out.
  CounterReader(const CgroupTree& groups, int nodes);

  /// Of every node, children after their parents. `only`: empty for all counters.
  std::vector<Counters> read(const std::set<Counter>& only = {}) const;

 private:
  struct File {
    Fd fd;
    CgroupVersion version = CgroupVersion::V1;
    std::vector<Counter> counters;  ///< All that stand in it.
  };
  std::vector<std::vector<File>> nodes_;
};

}  // namespace treeline

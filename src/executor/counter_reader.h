#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "cgroup/cgroup_tree.h"
#include "cgroup/fd.h"
#include "model/counter.h"

namespace treeline {

/// Reads counters of all nodes of a tree through descriptors that are opened once. What is counted where a
/// task sits is, of a node with a leaf proxy, the sum of both.
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
    bool is_proxys = false;         ///< Its values are added to the node's own.
  };
  void add(const CgroupTree& groups, NodeId node, const CounterInfo& info, CgroupVersion version,
           bool of_proxy);

  std::vector<std::vector<File>> nodes_;
  std::map<std::string, size_t> index_;  ///< By path, in its node's list.
};

}  // namespace treeline

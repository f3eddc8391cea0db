#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "cgroup/fd.h"
#include "cgroup/hierarchies.h"
#include "model/tree.h"

namespace treeline {

/// What CgroupTree and CounterReader do, with the system calls alone: no library, no checks, no parsing. The
/// yardstick of the overhead. v1 hierarchies only.
class RawTree {
 public:
  RawTree(const Hierarchies& hierarchies, const MachineFacts& machine, std::string owner, const Tree& tree);

  bool create();  ///< Makes all groups, writes all limits and reads each back.
  bool attach(pid_t pid, NodeId node);
  bool open_counters();
  size_t read_counters();  ///< Bytes read.
  bool remove();

 private:
  std::string folder(const Hierarchy& hierarchy, NodeId node) const;

  const MachineFacts& machine_;
  std::string owner_;
  const Tree& tree_;
  std::vector<const Hierarchy*> hierarchies_;
  std::vector<std::vector<KnobWrite>> writes_;  ///< By node; encoding them is not what is measured.
  std::vector<Fd> counters_;
};

}  // namespace treeline

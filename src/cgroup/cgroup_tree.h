#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cgroup/hierarchies.h"
#include "model/observation.h"
#include "model/tree.h"

namespace treeline {

/// A tree of real cgroups in every usable hierarchy, made through libcgroup. Below each hierarchy's base it
/// owns one group, `owner` (see run_group.h), and in it the tree's nodes by their paths. The owner group
/// itself has no limit and, where there is a cpu controller, the greatest weight, so that work outside
/// Treeline cannot starve the tree. The destructor tears all of it down; errors there are logged to stderr.
class CgroupTree {
 public:
  /// Makes the groups (no limits yet; v1 cpusets get their parent's cpus and mems, since they start empty and
  /// take no task before: each node gets its effective sets). Only the hierarchies of `controllers` are used.
  /// On v2 the controllers that are used, and no others, are enabled in cgroup.subtree_control of every group
  /// that has children, and read back; and each node of `occupied` that has children gets a leaf proxy (see
  /// has_leaf_proxy in model/rules.h), since it may hold no task itself.
  /// Nodes of `absent` are left out. Those below a thread root are made threaded on v2; then `controllers`
  /// must be threaded ones (model/threads.h). Where the tree has partitions, the run's own group is made one
  /// (model/rules_partition.h). On failure nothing is left.
  static Result<CgroupTree> create(const Hierarchies& hierarchies, const MachineFacts& machine,
                                   std::string owner, const Tree& tree,
                                   const std::set<Controller>& controllers,
                                   const std::set<NodeId>& occupied = {},
                                   const std::set<NodeId>& absent = {});
  CgroupTree(CgroupTree&&) noexcept;
  CgroupTree& operator=(CgroupTree&&) noexcept;
  ~CgroupTree();

  /// Writes one file of a node through libcgroup and returns the errno of the write (0: taken).
  int write(NodeId node, const KnobWrite& write);
  /// Writes all limits of a node in one call of libcgroup, which stops at the first refusal: returns its
  /// errno. The caller reads back.
  int write_all(NodeId node, const std::vector<KnobWrite>& writes);
  /// The text of the file that `write` concerns, normalized (model/knob.h).
  Result<std::string> read(NodeId node, const KnobWrite& write, const KnobContext& context) const;

  /// Moves a process (that has one thread still) into the node, in every hierarchy; on v2 into its leaf
  /// proxy, if it has one.
  Result<void> attach(pid_t pid, NodeId node);
  /// The same in the hierarchy of one controller only.
  Result<void> attach(pid_t pid, NodeId node, Controller controller);

  /// Moves a running process with all its threads into the node, in every hierarchy: the errno of the first
  /// refusal (0: none). By cgroup.procs, since libcgroup moves single threads on v1.
  int migrate(pid_t pid, NodeId node);

  /// Moves one thread of a running process into the node, in every hierarchy (v1: tasks, v2: cgroup.threads):
  /// the errno of the first refusal (0: none).
  int migrate_thread(pid_t tid, NodeId node);
  /// The nodes that list the thread, in any hierarchy.
  std::vector<NodeId> nodes_with_thread(pid_t tid) const;

  /// Makes the groups of the subtree's nodes, which were left out, but for those that still are `absent`.
  Result<void> add(const MachineFacts& machine, NodeId top, const std::set<NodeId>& absent);
  /// Ends every process in the subtree and removes its groups, as destroy() does.
  Result<void> remove(NodeId top, std::chrono::milliseconds deadline);

  /// Switches a controller of v2 on or off for all groups below the node: the errno of the first refusal (0:
  /// none). A group must have it to give it to its children, and may not keep it from them while a child
  /// gives it on (kernel/cgroup/cgroup.c, cgroup_subtree_control_write): on from above, off from below.
  int switch_controller(NodeId top, Controller controller, bool is_on);

  /// Moves a process to the owner group's level in one hierarchy: out of the tree (planted faults). On v2
  /// into a leaf proxy of the owner group.
  Result<void> attach_to_owner(pid_t pid, Controller controller);

  /// Folder of the node in the controller's hierarchy, for descriptors that are opened once.
  std::string path(NodeId node, Controller controller) const;
  /// Its folders in all hierarchies that are used.
  std::vector<std::string> folders(NodeId node) const;
  /// Folder of the node's leaf proxy there; "" if it has none.
  std::string proxy_path(NodeId node, Controller controller) const;
  const Hierarchies& hierarchies() const;
  bool uses(Controller controller) const;

  /// Ends every process in the tree (v2: cgroup.kill; v1: thaw, pids.max=0, SIGKILL until empty) and removes
  /// all groups, children first. Infrastructure error if something is left at the deadline.
  Result<void> destroy(std::chrono::milliseconds deadline = std::chrono::seconds(10));

 private:
  struct Impl;
  explicit CgroupTree(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace treeline

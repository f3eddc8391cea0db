#include "cgroup/cgroup_tree.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <sstream>

#include "cgroup/fd.h"
#include "cgroup/libcgroup.h"
#include "cgroup/teardown.h"
#include "model/rules.h"
#include "model/rules_partition.h"

namespace treeline {

/// One hierarchy that is used.
struct HierarchyPart {
  Controller controller;           ///< One that it has, to find it by.
  std::vector<std::string> names;  ///< v2: of all controllers used; v1: of one, which stands for the mount.
};

namespace {

/// kernel/sched/sched.h: MAX_SHARES, as v1's cpu.shares and v2's cpu.weight express the most they can.
constexpr const char* kGreatestShares = "262144";
constexpr const char* kGreatestWeight = "10000";

/// A leaf proxy's name: no node can have it, since is_legal_name has no dots.
constexpr const char* kProxyName = "leaf.proxy";

/// Parts of the v2 core, which have files in every group and are not enabled.
bool is_core(Controller controller) {
  return controller == Controller::Core || controller == Controller::Freezer;
}

/// As libcgroup knows the controller; it has the v2 core's files as "cgroup".
std::string kernel_name(Controller controller, CgroupVersion version) {
  if (version == CgroupVersion::V2)
    return is_core(controller) ? "cgroup" : std::string(controller_name(controller));
  return controller == Controller::Io ? "blkio" : std::string(controller_name(controller));
}

/// Hierarchies that have one of the controllers.
std::vector<HierarchyPart> parts_of(const Hierarchies& hierarchies, const std::set<Controller>& controllers) {
  std::vector<HierarchyPart> parts;
  for (const Controller controller : controllers) {
    const Hierarchy* hierarchy = hierarchies.find(controller);
    if (!hierarchy) continue;
    const bool is_v2 = hierarchy->version == CgroupVersion::V2;
    const auto known = std::find_if(parts.begin(), parts.end(), [&](const HierarchyPart& part) {
      return hierarchies.find(part.controller) == hierarchy;
    });
    const std::string name = kernel_name(controller, hierarchy->version);
    if (known == parts.end()) {
      parts.push_back({controller, {name}});
    } else if (is_v2 && !is_core(controller)) {
      if (known->names.front() == "cgroup") known->names.clear();
      known->names.push_back(name);
    }
    // On v1 cpu and cpuacct may share a mount: one stands for both.
  }
  return parts;
}

}  // namespace

struct CgroupTree::Impl {
  Hierarchies hierarchies;
  std::string owner;
  Tree tree;
  std::vector<HierarchyPart> parts;
  std::set<NodeId> occupied;
  std::set<NodeId> absent;
  std::set<NodeId> proxied;  ///< Nodes that have a leaf proxy on v2.
  bool alive = true;

  std::string group(const std::string& below) const {
    const std::string name = below.empty() ? owner : owner + "/" + below;
    return hierarchies.cgroup_root().empty() ? name : hierarchies.cgroup_root() + "/" + name;
  }
  std::string group(NodeId node) const { return group(tree.path(node)); }
  std::string proxy_group(NodeId node) const { return group(tree.path(node) + "/" + kProxyName); }

  const Hierarchy& hierarchy(const HierarchyPart& part) const { return *hierarchies.find(part.controller); }
  bool is_v2(const HierarchyPart& part) const { return hierarchy(part).version == CgroupVersion::V2; }

  libcgroup::Settings no_settings() const {
    libcgroup::Settings settings;
    for (const HierarchyPart& part : parts) {
      for (const std::string& name : part.names) settings[name];
    }
    return settings;
  }

  Result<void> create_owner(const MachineFacts& machine) {
    libcgroup::Settings settings = no_settings();
    if (settings.contains("cpu")) {
      const bool v1 = hierarchies.find(Controller::Cpu)->version == CgroupVersion::V1;
      settings["cpu"] = v1 ? libcgroup::Values{{"cpu.shares", kGreatestShares}}
                           : libcgroup::Values{{"cpu.weight", kGreatestWeight}};
    }
    add_cpuset(settings, IdSet{machine.cpus}, IdSet{machine.mems});
    const bool as_partition = settings.contains("cpuset") && has_partitions(tree);
    if (as_partition) {
      settings["cpuset"] = {{"cpuset.cpus", format_id_set(run_cpus(tree, machine))},
                            {"cpuset.cpus.partition", "root"}};
    }
    if (Result<void> made = libcgroup::create(group(""), settings); !made) return made;
    return as_partition ? check_partition() : Result<void>{};
  }

  Result<void> check_partition() const {
    const std::string path =
        hierarchies.find(Controller::Cpuset)->base + "/" + owner + "/cpuset.cpus.partition";
    const Result<std::string> text = read_file(path);
    if (!text) return tl::unexpected(text.error());
    if (*text == "root\n") return {};
    return fail(ErrorKind::Unavailable, "make a partition of", path, 0,
                fmt::format("it reads \"{}\"; its parent must be one, as the top of the hierarchy is",
                            text->substr(0, text->find('\n'))));
  }

  /// The nodes, parents first, and their leaf proxies.
  Result<void> create_nodes(const MachineFacts& machine, const std::vector<NodeId>& nodes) {
    // libcgroup makes the groups above, too; but a cpuset is filled only if it is named.
    const bool all = no_settings().contains("cpuset");
    for (const NodeId node : nodes) {
      if (!all && has_present_child(node)) continue;
      if (Result<void> made = create_node(machine, node); !made) return made;
    }
    if (Result<void> made = make_threaded(nodes); !made) return made;
    for (const NodeId node : nodes) {
      if (tree.is_leaf(node) || !occupied.contains(node)) continue;
      if (tree.thread_root_of(node) != kNoParent) continue;
      if (Result<void> made = create_proxy(proxy_group(node)); !made) return made;
      proxied.insert(node);
    }
    return check_enabled();
  }

  /// Parents first: a group joins its parent's domain (kernel/cgroup/cgroup.c, cgroup_enable_threaded).
  Result<void> make_threaded(const std::vector<NodeId>& nodes) const {
    for (const HierarchyPart& part : parts) {
      if (!is_v2(part)) continue;
      for (const NodeId node : nodes) {
        const NodeId parent = tree[node].parent;
        if (parent == kNoParent || tree.thread_root_of(parent) == kNoParent) continue;
        const std::string file = folder(part, node) + "/cgroup.type";
        if (const int error = write_file(file, "threaded")) {
          return fail(ErrorKind::Infrastructure, "make threaded", file, error);
        }
      }
    }
    return {};
  }

  std::string folder(const HierarchyPart& part, NodeId node) const {
    return hierarchy(part).base + "/" + owner + "/" + tree.path(node);
  }

  /// Where the hierarchy lists the threads of a group.
  std::string threads_file(const HierarchyPart& part, NodeId node) const {
    const bool to_proxy = is_v2(part) && proxied.contains(node);
    const std::string group = to_proxy ? folder(part, node) + "/" + kProxyName : folder(part, node);
    return group + (is_v2(part) ? "/cgroup.threads" : "/tasks");
  }

  bool lists_thread(const HierarchyPart& part, NodeId node, pid_t tid) const {
    std::istringstream tids(read_file(threads_file(part, node)).value_or(""));
    const std::istream_iterator<pid_t> first(tids);
    return std::find(first, {}, tid) != std::istream_iterator<pid_t>();
  }

  bool has_present_child(NodeId node) const {
    const std::vector<NodeId> children = tree.children(node);
    return std::any_of(children.begin(), children.end(),
                       [&](NodeId child) { return !absent.contains(child); });
  }

  std::vector<NodeId> present(NodeId top) const {
    std::vector<NodeId> nodes = tree.subtree(top);
    std::erase_if(nodes, [&](NodeId node) { return absent.contains(node); });
    return nodes;
  }

  Result<void> create_node(const MachineFacts& machine, NodeId node) {
    libcgroup::Settings settings = no_settings();
    add_cpuset(settings, effective_cpus(tree, node, machine), effective_mems(tree, node, machine));
    return libcgroup::create(group(node), settings);
  }

  /// Only on v2, where its parent then has all controllers enabled for it.
  Result<void> create_proxy(const std::string& name) {
    libcgroup::Settings settings;
    for (const HierarchyPart& part : parts) {
      for (const std::string& controller : part.names) {
        if (is_v2(part)) settings[controller];
      }
    }
    return settings.empty() ? Result<void>{} : libcgroup::create(name, settings);
  }

  /// A group that lacks a controller takes every write as ENOENT, and one with a controller that is not used
  /// costs: libcgroup's word is not taken for it.
  Result<void> check_enabled(const HierarchyPart& part, const std::string& below, bool has_children) const {
    const std::string path = hierarchy(part).base + "/" + owner + below + "/cgroup.subtree_control";
    const Result<std::string> text = read_file(path);
    if (!text) return tl::unexpected(text.error());
    std::set<std::string> enabled;
    std::istringstream words(*text);
    for (std::string word; words >> word;) enabled.insert(word);
    std::set<std::string> wanted(part.names.begin(), part.names.end());
    wanted.erase("cgroup");
    // One whose children were removed may keep them enabled.
    if (enabled == wanted || (!has_children && enabled.empty())) return {};
    return fail(ErrorKind::Infrastructure, "enable the controllers in", path, 0,
                fmt::format("it reads \"{}\" where \"{}\" is wanted", fmt::join(enabled, " "),
                            fmt::join(wanted, " ")));
  }

  Result<void> check_enabled() const {
    for (const HierarchyPart& part : parts) {
      if (!is_v2(part)) continue;
      if (Result<void> checked = check_enabled(part, "", true); !checked) return checked;
      for (const NodeId node : present(kRoot)) {
        const bool has_children = has_present_child(node) || proxied.contains(node);
        if (Result<void> checked = check_enabled(part, "/" + tree.path(node), has_children); !checked) {
          return checked;
        }
      }
    }
    return {};
  }

  const HierarchyPart* part_of(Controller controller) const {
    const Hierarchy* wanted = hierarchies.find(controller);
    const auto found = std::find_if(parts.begin(), parts.end(),
                                    [&](const HierarchyPart& part) { return &hierarchy(part) == wanted; });
    return found == parts.end() ? nullptr : &*found;
  }

  /// libcgroup writes to a threaded group's cgroup.threads, which takes nobody from outside its domain.
  Result<void> attach_process(pid_t pid, NodeId node, const HierarchyPart& part) const {
    const std::string file = folder(part, node) + "/cgroup.procs";
    if (const int error = write_file(file, std::to_string(pid))) {
      return fail(ErrorKind::Infrastructure, fmt::format("attach process {} to", pid), file, error);
    }
    return {};
  }

  Result<void> attach(pid_t pid, NodeId node, const HierarchyPart& part) const {
    const bool to_proxy = is_v2(part) && proxied.contains(node);
    if (is_v2(part) && tree.thread_root_of(node) != kNoParent) return attach_process(pid, node, part);
    return libcgroup::attach(to_proxy ? proxy_group(node) : group(node), {part.names.front()}, pid);
  }

  /// A v1 cpuset starts empty and then takes no task.
  void add_cpuset(libcgroup::Settings& settings, const IdSet& cpus, const IdSet& mems) const {
    const Hierarchy* hierarchy = hierarchies.find(Controller::Cpuset);
    if (!settings.contains("cpuset") || hierarchy->version != CgroupVersion::V1) return;
    settings["cpuset"] = {{"cpuset.cpus", format_id_set(cpus)}, {"cpuset.mems", format_id_set(mems)}};
  }

  std::vector<Folder> folders() const {
    std::vector<Folder> result;
    for (const HierarchyPart& part : parts) {
      result.push_back({hierarchy(part).base + "/" + owner, hierarchy(part).version});
    }
    return result;
  }
};

CgroupTree::CgroupTree(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CgroupTree::CgroupTree(CgroupTree&&) noexcept = default;

CgroupTree& CgroupTree::operator=(CgroupTree&& other) noexcept {
  std::swap(impl_, other.impl_);
  return *this;
}

CgroupTree::~CgroupTree() {
  if (!impl_) return;
  if (Result<void> destroyed = destroy(); !destroyed) {
    std::cerr << "treeline: " << to_string(destroyed.error()) << '\n';
  }
}

Result<CgroupTree> CgroupTree::create(const Hierarchies& hierarchies, const MachineFacts& machine,
                                      std::string owner, const Tree& tree,
                                      const std::set<Controller>& controllers,
                                      const std::set<NodeId>& occupied, const std::set<NodeId>& absent) {
  if (Result<void> ready = libcgroup::initialize(); !ready) return tl::unexpected(ready.error());
  CgroupTree result(
      std::make_unique<Impl>(Impl{hierarchies, std::move(owner), tree, {}, occupied, absent, {}, true}));
  Impl& impl = *result.impl_;
  impl.parts = parts_of(hierarchies, controllers);
  // A destructor run on failure removes what was made: libcgroup's create is not transactional.
  if (Result<void> made = impl.create_owner(machine); !made) return tl::unexpected(made.error());
  if (Result<void> made = impl.create_nodes(machine, impl.present(kRoot)); !made) {
    return tl::unexpected(made.error());
  }
  return result;
}

Result<void> CgroupTree::add(const MachineFacts& machine, NodeId top, const std::set<NodeId>& absent) {
  impl_->absent = absent;
  return impl_->create_nodes(machine, impl_->present(top));
}

Result<void> CgroupTree::remove(NodeId top, std::chrono::milliseconds deadline) {
  std::vector<Folder> folders;
  for (const HierarchyPart& part : impl_->parts) {
    folders.push_back({path(top, part.controller), impl_->hierarchy(part).version});
  }
  for (const NodeId node : impl_->tree.subtree(top)) impl_->absent.insert(node);
  return tear_down(folders, deadline);
}

int CgroupTree::write(NodeId node, const KnobWrite& write) { return write_all(node, {write}); }

int CgroupTree::write_all(NodeId node, const std::vector<KnobWrite>& writes) {
  for (size_t first = 0; first < writes.size();) {
    libcgroup::Values values;
    size_t next = first;
    for (; next < writes.size() && writes[next].controller == writes[first].controller; ++next) {
      values.emplace_back(writes[next].file, writes[next].value);
    }
    if (!uses(writes[first].controller)) return ENOENT;
    const CgroupVersion version = impl_->hierarchies.find(writes[first].controller)->version;
    if (const int error =
            libcgroup::modify(impl_->group(node), kernel_name(writes[first].controller, version), values)) {
      return error;
    }
    first = next;
  }
  return 0;
}

Result<std::string> CgroupTree::read(NodeId node, const KnobWrite& write, const KnobContext& context) const {
  Result<std::string> text = read_file(path(node, write.controller) + "/" + write.file);
  if (!text) return text;
  return normalize_readback(write, *text, context);
}

Result<void> CgroupTree::attach(pid_t pid, NodeId node) {
  for (const HierarchyPart& part : impl_->parts) {
    if (Result<void> attached = impl_->attach(pid, node, part); !attached) return attached;
  }
  return {};
}

Result<void> CgroupTree::attach(pid_t pid, NodeId node, Controller controller) {
  const HierarchyPart* part = impl_->part_of(controller);
  return part ? impl_->attach(pid, node, *part) : Result<void>{};
}

int CgroupTree::migrate(pid_t pid, NodeId node) {
  for (const HierarchyPart& part : impl_->parts) {
    const std::string proxy = proxy_path(node, part.controller);
    const std::string group = proxy.empty() ? path(node, part.controller) : proxy;
    if (const int error = write_file(group + "/cgroup.procs", std::to_string(pid))) return error;
  }
  return 0;
}

int CgroupTree::migrate_thread(pid_t tid, NodeId node) {
  for (const HierarchyPart& part : impl_->parts) {
    if (const int error = write_file(impl_->threads_file(part, node), std::to_string(tid))) return error;
  }
  return 0;
}

std::vector<NodeId> CgroupTree::nodes_with_thread(pid_t tid) const {
  std::vector<NodeId> nodes;
  for (const NodeId node : impl_->present(kRoot)) {
    const bool is_listed =
        std::any_of(impl_->parts.begin(), impl_->parts.end(),
                    [&](const HierarchyPart& part) { return impl_->lists_thread(part, node, tid); });
    if (is_listed) nodes.push_back(node);
  }
  return nodes;
}

int CgroupTree::switch_controller(NodeId top, Controller controller, bool is_on) {
  std::vector<NodeId> nodes = impl_->present(top);
  if (!is_on) std::reverse(nodes.begin(), nodes.end());
  for (const NodeId node : nodes) {
    if (!impl_->has_present_child(node)) continue;
    const std::string change = (is_on ? "+" : "-") + std::string(controller_name(controller));
    if (const int error = write_file(path(node, controller) + "/cgroup.subtree_control", change))
      return error;
  }
  return 0;
}

Result<void> CgroupTree::attach_to_owner(pid_t pid, Controller controller) {
  const HierarchyPart* part = impl_->part_of(controller);
  if (!part) return {};
  if (!impl_->is_v2(*part)) return libcgroup::attach(impl_->group(""), {part->names.front()}, pid);
  const std::string proxy = impl_->group(kProxyName);
  if (Result<void> made = impl_->create_proxy(proxy); !made) return made;
  return libcgroup::attach(proxy, {part->names.front()}, pid);
}

std::string CgroupTree::path(NodeId node, Controller controller) const {
  const Hierarchy* hierarchy = impl_->hierarchies.find(controller);
  if (!hierarchy) return {};
  return hierarchy->base + "/" + impl_->owner + "/" + impl_->tree.path(node);
}

std::vector<std::string> CgroupTree::folders(NodeId node) const {
  std::vector<std::string> result;
  for (const HierarchyPart& part : impl_->parts) result.push_back(path(node, part.controller));
  return result;
}

std::string CgroupTree::proxy_path(NodeId node, Controller controller) const {
  const HierarchyPart* part = impl_->part_of(controller);
  if (!part || !impl_->is_v2(*part) || !impl_->proxied.contains(node)) return {};
  return path(node, controller) + "/" + kProxyName;
}

const Hierarchies& CgroupTree::hierarchies() const { return impl_->hierarchies; }

bool CgroupTree::uses(Controller controller) const { return impl_->part_of(controller) != nullptr; }

Result<void> CgroupTree::destroy(std::chrono::milliseconds deadline) {
  if (!impl_->alive) return {};
  impl_->alive = false;
  return tear_down(impl_->folders(), deadline);
}

}  // namespace treeline

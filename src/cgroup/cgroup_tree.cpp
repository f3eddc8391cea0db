#include "cgroup/cgroup_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "cgroup/fd.h"
#include "cgroup/libcgroup.h"
#include "cgroup/teardown.h"
#include "model/rules.h"

namespace treeline {

namespace {

/// kernel/sched/sched.h: MAX_SHARES, as v1's cpu.shares and v2's cpu.weight express the most they can.
constexpr const char* kGreatestShares = "262144";
constexpr const char* kGreatestWeight = "10000";

std::string kernel_name(Controller controller) {
  return controller == Controller::Io ? "blkio" : std::string(controller_name(controller));
}

}  // namespace

struct CgroupTree::Impl {
  Hierarchies hierarchies;
  std::string owner;
  Tree tree;
  std::vector<Controller> controllers;  ///< One of each hierarchy used.
  std::vector<std::string> names;       ///< Kernel names of those.
  bool alive = true;

  std::string group(const std::string& below) const {
    const std::string name = below.empty() ? owner : owner + "/" + below;
    return hierarchies.cgroup_root().empty() ? name : hierarchies.cgroup_root() + "/" + name;
  }
  std::string group(NodeId node) const { return group(tree.path(node)); }

  Result<void> create_owner(const MachineFacts& machine) {
    libcgroup::Settings settings;
    for (const std::string& name : names) settings[name];
    if (settings.contains("cpu")) {
      const bool v1 = hierarchies.find(Controller::Cpu)->version == CgroupVersion::V1;
      settings["cpu"] = v1 ? libcgroup::Values{{"cpu.shares", kGreatestShares}}
                           : libcgroup::Values{{"cpu.weight", kGreatestWeight}};
    }
    add_cpuset(settings, IdSet{machine.cpus}, IdSet{machine.mems});
    return libcgroup::create(group(""), settings);
  }

  Result<void> create_node(const MachineFacts& machine, NodeId node) {
    libcgroup::Settings settings;
    for (const std::string& name : names) settings[name];
    add_cpuset(settings, effective_cpus(tree, node, machine), effective_mems(tree, node, machine));
    return libcgroup::create(group(node), settings);
  }

  /// A v1 cpuset starts empty and then takes no task.
  void add_cpuset(libcgroup::Settings& settings, const IdSet& cpus, const IdSet& mems) const {
    const Hierarchy* hierarchy = hierarchies.find(Controller::Cpuset);
    if (!settings.contains("cpuset") || hierarchy->version != CgroupVersion::V1) return;
    settings["cpuset"] = {{"cpuset.cpus", format_id_set(cpus)}, {"cpuset.mems", format_id_set(mems)}};
  }

  std::vector<Folder> folders() const {
    std::vector<Folder> result;
    for (const Controller controller : controllers) {
      const Hierarchy* hierarchy = hierarchies.find(controller);
      result.push_back({hierarchy->base + "/" + owner, hierarchy->version});
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
                                      const std::set<Controller>& controllers) {
  if (Result<void> ready = libcgroup::initialize(); !ready) return tl::unexpected(ready.error());
  CgroupTree result(std::make_unique<Impl>(Impl{hierarchies, std::move(owner), tree, {}, {}, true}));
  Impl& impl = *result.impl_;
  std::set<std::string> mounts;
  for (const Controller controller : controllers) {
    const Hierarchy* hierarchy = hierarchies.find(controller);
    if (!hierarchy || controller == Controller::Core) continue;
    if (!mounts.insert(hierarchy->mount).second) continue;  // cpu and cpuacct may share one
    impl.controllers.push_back(controller);
    impl.names.push_back(kernel_name(controller));
  }
  // A destructor run on failure removes what was made: libcgroup's create is not transactional.
  if (Result<void> made = impl.create_owner(machine); !made) return tl::unexpected(made.error());
  // libcgroup makes the groups above, too; but a cpuset is filled only if it is named.
  const bool all = std::find(impl.names.begin(), impl.names.end(), "cpuset") != impl.names.end();
  for (NodeId node = 0; node < tree.size(); ++node) {
    if (!all && !tree.is_leaf(node)) continue;
    if (Result<void> made = impl.create_node(machine, node); !made) return tl::unexpected(made.error());
  }
  return result;
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
    if (const int error =
            libcgroup::modify(impl_->group(node), kernel_name(writes[first].controller), values)) {
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
  return libcgroup::attach(impl_->group(node), impl_->names, pid);
}

Result<void> CgroupTree::attach(pid_t pid, NodeId node, Controller controller) {
  return libcgroup::attach(impl_->group(node), {kernel_name(controller)}, pid);
}

Result<void> CgroupTree::attach_to_owner(pid_t pid, Controller controller) {
  return libcgroup::attach(impl_->group(""), {kernel_name(controller)}, pid);
}

std::string CgroupTree::path(NodeId node, Controller controller) const {
  const Hierarchy* hierarchy = impl_->hierarchies.find(controller);
  if (!hierarchy) return {};
  return hierarchy->base + "/" + impl_->owner + "/" + impl_->tree.path(node);
}

const Hierarchies& CgroupTree::hierarchies() const { return impl_->hierarchies; }

bool CgroupTree::uses(Controller controller) const {
  const Hierarchy* hierarchy = impl_->hierarchies.find(controller);
  return hierarchy && std::any_of(impl_->controllers.begin(), impl_->controllers.end(), [&](Controller used) {
           return impl_->hierarchies.find(used) == hierarchy;
         });
}

Result<void> CgroupTree::destroy(std::chrono::milliseconds deadline) {
  if (!impl_->alive) return {};
  impl_->alive = false;
  return tear_down(impl_->folders(), deadline);
}

}  // namespace treeline

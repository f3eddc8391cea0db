#include "tests/bench/raw_tree.h"

#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "model/counter.h"

namespace treeline {

namespace {

bool write_raw(const std::string& path, const std::string& text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

bool read_raw(const std::string& path) {
  char buffer[4096];
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return fd && ::read(fd.get(), buffer, sizeof buffer) > 0;
}

}  // namespace

RawTree::RawTree(const Hierarchies& hierarchies, const MachineFacts& machine, std::string owner,
                 const Tree& tree)
    : machine_(machine), owner_(std::move(owner)), tree_(tree) {
  for (const Controller controller :
       {Controller::Cpu, Controller::Cpuacct, Controller::Memory, Controller::Pids}) {
    const Hierarchy* hierarchy = hierarchies.find(controller);
    if (std::find(hierarchies_.begin(), hierarchies_.end(), hierarchy) == hierarchies_.end()) {
      hierarchies_.push_back(hierarchy);
    }
  }
  for (const Node& node : tree.nodes) {
    auto& writes = writes_.emplace_back();
    for (const auto& [knob, value] : node.limits) {
      const KnobContext context = machine_.knob_context(knob_info(knob).controller);
      for (KnobWrite& write : encode(knob, value, node.limits, context)) writes.push_back(std::move(write));
    }
  }
}

std::string RawTree::folder(const Hierarchy& hierarchy, NodeId node) const {
  return hierarchy.base + "/" + owner_ + "/" + tree_.path(node);
}

bool RawTree::create() {
  bool good = true;
  for (const Hierarchy* hierarchy : hierarchies_) {
    good = ::mkdir((hierarchy->base + "/" + owner_).c_str(), 0755) == 0 && good;
    for (NodeId node = 0; node < tree_.size(); ++node) {
      good = ::mkdir(folder(*hierarchy, node).c_str(), 0755) == 0 && good;
    }
  }
  for (NodeId node = 0; node < tree_.size(); ++node) {
    for (const KnobWrite& write : writes_[static_cast<size_t>(node)]) {
      const auto hierarchy =
          std::find_if(hierarchies_.begin(), hierarchies_.end(), [&](const Hierarchy* one) {
            const auto& names = one->controllers;
            return std::find(names.begin(), names.end(), write.controller) != names.end();
          });
      const std::string path = folder(**hierarchy, node) + "/" + write.file;
      good = write_raw(path, write.value) && read_raw(path) && good;
    }
  }
  return good;
}

bool RawTree::attach(pid_t pid, NodeId node) {
  bool good = true;
  for (const Hierarchy* hierarchy : hierarchies_) {
    good = write_raw(folder(*hierarchy, node) + "/cgroup.procs", std::to_string(pid)) && good;
  }
  return good;
}

bool RawTree::open_counters() {
  std::set<std::string> paths;
  for (NodeId node = 0; node < tree_.size(); ++node) {
    for (const CounterInfo& info : counter_table()) {
      for (const Hierarchy* hierarchy : hierarchies_) {
        const auto& names = hierarchy->controllers;
        if (std::find(names.begin(), names.end(), info.controller_v1) == names.end()) continue;
        const std::string path = folder(*hierarchy, node) + "/" + std::string(info.v1.file);
        if (info.v1.file.empty() || !paths.insert(path).second) continue;
        Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        if (fd) counters_.push_back(std::move(fd));
      }
    }
  }
  return !counters_.empty();
}

size_t RawTree::read_counters() {
  size_t bytes = 0;
  char buffer[16384];
  for (const Fd& fd : counters_) {
    const ssize_t got = ::pread(fd.get(), buffer, sizeof buffer, 0);
    if (got > 0) bytes += static_cast<size_t>(got);
  }
  return bytes;
}

bool RawTree::remove() {
  counters_.clear();
  bool good = true;
  for (const Hierarchy* hierarchy : hierarchies_) {
    for (NodeId node = tree_.size() - 1; node >= 0; --node) {
      good = ::rmdir(folder(*hierarchy, node).c_str()) == 0 && good;
    }
    good = ::rmdir((hierarchy->base + "/" + owner_).c_str()) == 0 && good;
  }
  return good;
}

}  // namespace treeline

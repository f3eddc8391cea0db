#include "executor/counter_reader.h"

#include <algorithm>

namespace treeline {

CounterReader::CounterReader(const CgroupTree& groups, int nodes) {
  for (NodeId node = 0; node < nodes; ++node) {
    nodes_.emplace_back();
    for (const CounterInfo& info : counter_table()) {
      for (const CgroupVersion version : {CgroupVersion::V1, CgroupVersion::V2}) {
        add(groups, node, info, version, false);
        if (info.at_task) add(groups, node, info, version, true);
      }
    }
  }
}

void CounterReader::add(const CgroupTree& groups, NodeId node, const CounterInfo& info, CgroupVersion version,
                        bool of_proxy) {
  const bool v1 = version == CgroupVersion::V1;
  const Controller controller = v1 ? info.controller_v1 : info.controller_v2;
  const Hierarchy* hierarchy = groups.hierarchies().find(controller);
  const CounterFile& file = v1 ? info.v1 : info.v2;
  if (!hierarchy || hierarchy->version != version || !groups.uses(controller) || file.file.empty()) return;
  const std::string folder = of_proxy ? groups.proxy_path(node, controller) : groups.path(node, controller);
  if (folder.empty()) return;
  const std::string path = folder + "/" + std::string(file.file);
  std::vector<File>& files = nodes_.back();
  if (!index_.contains(path)) {
    Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return;
    index_[path] = files.size();
    files.push_back({std::move(fd), version, {}, of_proxy});
  }
  files[index_[path]].counters.push_back(info.counter);
}

std::vector<Counters> CounterReader::read(const std::set<Counter>& only) const {
  std::vector<Counters> result(nodes_.size());
  char buffer[16384];
  for (size_t node = 0; node < nodes_.size(); ++node) {
    for (const File& file : nodes_[node]) {
      const bool wanted = only.empty() || std::any_of(file.counters.begin(), file.counters.end(),
                                                      [&](Counter c) { return only.contains(c); });
      if (!wanted) continue;
      const ssize_t got = ::pread(file.fd.get(), buffer, sizeof buffer, 0);
      if (got < 0) continue;
      const std::string_view text(buffer, static_cast<size_t>(got));
      for (const Counter counter : file.counters) {
        if (!only.empty() && !only.contains(counter)) continue;
        if (const auto value = parse_counter(counter_info(counter), file.version, text)) {
          int64_t& known = result[node][counter];
          known = file.is_proxys ? known + *value : *value;
        }
      }
    }
  }
  return result;
}

}  // namespace treeline

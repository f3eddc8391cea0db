#include "executor/counter_reader.h"

#include <algorithm>
#include <map>

namespace treeline {

CounterReader::CounterReader(const CgroupTree& groups, int nodes) {
  for (NodeId node = 0; node < nodes; ++node) {
    std::map<std::string, size_t> index;
    std::vector<File>& files = nodes_.emplace_back();
    for (const CounterInfo& info : counter_table()) {
      for (const CgroupVersion version : {CgroupVersion::V1, CgroupVersion::V2}) {
        const bool v1 = version == CgroupVersion::V1;
        const Controller controller = v1 ? info.controller_v1 : info.controller_v2;
        const Hierarchy* hierarchy = groups.hierarchies().find(controller);
        const CounterFile& file = v1 ? info.v1 : info.v2;
        if (!hierarchy || hierarchy->version != version || !groups.uses(controller) || file.file.empty()) {
          continue;
        }
        const std::string path = groups.path(node, controller) + "/" + std::string(file.file);
        if (!index.contains(path)) {
          Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
          if (!fd) continue;
          index[path] = files.size();
          files.push_back({std::move(fd), version, {}});
        }
        files[index[path]].counters.push_back(info.counter);
      }
    }
  }
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
          result[node][counter] = *value;
        }
      }
    }
  }
  return result;
}

}  // namespace treeline

#include <fmt/format.h>

#include <algorithm>

#include "model/scenario.h"
#include "model/units.h"

namespace treeline {

namespace {

/// Columns that a terminal needs for UTF-8 text in which every code point is one column wide.
size_t columns(const std::string& text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

struct Line {
  std::string text;
  std::string note;
};

class Drawing {
 public:
  Drawing(const Scenario& scenario, const std::vector<std::string>& notes)
      : scenario_(scenario), notes_(notes) {}

  std::string render() && {
    add(kRoot, "", "");
    std::string text;
    size_t width = 0;
    for (const Line& line : lines_) {
      if (!line.note.empty()) width = std::max(width, columns(line.text));
    }
    for (const Line& line : lines_) {
      text += line.text;
      if (!line.note.empty()) text += std::string(width - columns(line.text) + 2, ' ') + "◄ " + line.note;
      text += '\n';
    }
    return text + describe_timeline(scenario_);
  }

 private:
  void add(NodeId node, const std::string& lead, const std::string& lead_below) {
    const std::string note =
        static_cast<size_t>(node) < notes_.size() ? notes_[static_cast<size_t>(node)] : "";
    lines_.push_back({lead + node_text(node), note});
    const std::vector<NodeId> children = scenario_.tree.children(node);
    for (const Worker& worker : scenario_.workers) {
      if (worker.node == node) {
        lines_.push_back(
            {lead_below + (children.empty() ? "  " : "│ ") + "• " + describe(worker.workload), ""});
      }
    }
    for (const NodeId child : children) {
      const bool last = child == children.back();
      add(child, lead_below + (last ? "└─ " : "├─ "), lead_below + (last ? "   " : "│  "));
    }
  }

  std::string node_text(NodeId id) const {
    const Node& node = scenario_.tree[id];
    std::string text = node.name;
    if (node.is_thread_root) text += "  cgroup.type=domain threaded";
    for (const auto& [knob, value] : node.limits) {
      text += fmt::format("  {}={}", knob_info(knob).name, describe(knob, value));
    }
    return text;
  }

  const Scenario& scenario_;
  const std::vector<std::string>& notes_;
  std::vector<Line> lines_;
};

}  // namespace

std::string describe_timeline(const Scenario& scenario) {
  std::string text;
  for (const Action& action : scenario.actions) {
    text += fmt::format("at {} {}\n", format_us(action.at_us), describe(action, scenario.tree));
  }
  for (const Probe& probe : scenario.probes) {
    text += fmt::format("try {}={} on {}\n", knob_info(probe.knob).name, describe(probe.knob, probe.value),
                        scenario.tree.path(probe.node));
  }
  return text + fmt::format("{} {}\n",
                            scenario.window.until_settled ? "until all have settled, at most" : "for",
                            format_us(scenario.window.length_us));
}

std::string draw(const Scenario& scenario, const std::vector<std::string>& notes) {
  return Drawing(scenario, notes).render();
}

}  // namespace treeline

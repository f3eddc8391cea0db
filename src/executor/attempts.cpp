#include "executor/attempts.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "cgroup/fd.h"
#include "executor/probe_runner.h"
#include "model/controllers.h"

namespace treeline {

namespace {

/// The first file that is to read otherwise than now.
int try_limit(const CgroupTree& groups, const Action& action, const Limits& limits,
              const KnobContext& context) {
  const std::vector<KnobWrite> writes = encode(action.knob, action.value, limits, context);
  if (writes.empty()) return ENOENT;
  size_t next = 0;
  while (next + 1 < writes.size() &&
         groups.read(action.node, writes[next], context).value_or("") == writes[next].value) {
    ++next;
  }
  const KnobWrite& write = writes[next];
  // An empty set needs a byte, or write() would do nothing.
  return write_file(groups.path(action.node, write.controller) + "/" + write.file,
                    write.value.empty() ? "\n" : write.value);
}

int try_remove(const std::vector<std::string>& folders) {
  int answer = 0;
  for (const std::string& folder : folders) {
    const int error = ::rmdir(folder.c_str()) == 0 ? 0 : errno;
    if (error == 0) return 0;
    if (error != EBUSY || answer == 0) answer = error;
  }
  return answer;
}

std::string control_file(const CgroupTree& groups, const Action& action) {
  return groups.path(action.node, action.controller) + "/cgroup.subtree_control";
}

std::string entries_in(const std::vector<std::string>& folders) {
  int entries = 0;
  for (const std::string& folder : folders) {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      ++entries;
    }
    if (error) return kNoFile;
  }
  return fmt::format("{} files and groups", entries);
}

/// The line of cgroup v2 in /proc/PID/cgroup.
std::string group_of(pid_t worker) {
  const std::string text = read_file(fmt::format("/proc/{}/cgroup", worker)).value_or("");
  const size_t begin = text.find("0::");
  return begin == std::string::npos ? kNoFile : text.substr(begin + 3, text.find('\n', begin) - begin - 3);
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

std::string change_of(const std::string& before, const std::string& after) {
  return before == after ? "" : fmt::format("\"{}\", then \"{}\"", before, after);
}

int attempt(const CgroupTree& groups, const Action& action, const Limits& limits, pid_t worker,
            const MachineFacts& machine) {
  switch (action.kind) {
    case Action::Kind::TryLimit:
      return try_limit(groups, action, limits, machine.knob_context(knob_info(action.knob).controller));
    case Action::Kind::TryMigrate:
      return write_file(groups.path(action.node, Controller::Memory) + "/cgroup.procs",
                        std::to_string(worker));
    case Action::Kind::TryRemove:
      return try_remove(groups.folders(action.node));
    case Action::Kind::TryCreate: {
      const std::string child = groups.path(action.node, Controller::Core) + "/one.more";
      return ::mkdir(child.c_str(), 0755) == 0 ? 0 : errno;
    }
    case Action::Kind::TryControllerOff:
    case Action::Kind::TryControllerOn: {
      const bool is_on = action.kind == Action::Kind::TryControllerOn;
      const std::string change = (is_on ? "+" : "-") + std::string(controller_name(action.controller));
      return write_file(control_file(groups, action), change);
    }
    default:
      return EINVAL;
  }
}

std::string state_of_attempted(const CgroupTree& groups, const Action& action, const Limits& limits,
                               pid_t worker, const MachineFacts& machine) {
  switch (action.kind) {
    case Action::Kind::TryLimit: {
      const KnobContext context = machine.knob_context(knob_info(action.knob).controller);
      return read_joined(groups, action.node, encode(action.knob, action.value, limits, context), context);
    }
    case Action::Kind::TryMigrate:
      return group_of(worker);
    case Action::Kind::TryCreate:
      return entries_in({groups.path(action.node, Controller::Core)});
    case Action::Kind::TryRemove:
      return entries_in(groups.folders(action.node));
    default:
      return first_line(read_file(control_file(groups, action)).value_or(kNoFile));
  }
}

}  // namespace treeline

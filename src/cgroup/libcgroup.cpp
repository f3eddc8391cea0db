#include "cgroup/libcgroup.h"

#include <fmt/format.h>
#include <libcgroup.h>

#include <cerrno>
#include <memory>
#include <mutex>

namespace treeline::libcgroup {

namespace {

struct FreeGroup {
  void operator()(struct cgroup* group) const { cgroup_free(&group); }
};
using Group = std::unique_ptr<struct cgroup, FreeGroup>;

/// libcgroup's codes as text: cgroup_strerror of 2.0.2 is off by one and can crash.
std::string name_of(int code) {
  switch (code) {
    case ECGROUPNOTCOMPILED:
      return "libcgroup lacks cgroup support";
    case ECGROUPNOTMOUNTED:
      return "cgroup is not mounted";
    case ECGROUPNOTEXIST:
      return "no such group";
    case ECGROUPNOTALLOWED:
      return "not allowed";
    case ECGCONTROLLEREXISTS:
      return "controller was added twice";
    case ECGROUPSUBSYSNOTMOUNTED:
      return "controller is not mounted";
    case ECGROUPNOTOWNER:
      return "not the owner";
    default:
      return fmt::format("libcgroup code {}", code);
  }
}

/// The errno behind a libcgroup result. 0 for success.
int errno_of(int code) {
  if (code == 0) return 0;
  if (code == ECGOTHER) return cgroup_get_last_errno() != 0 ? cgroup_get_last_errno() : EIO;
  if (code == ECGROUPNOTALLOWED) return EACCES;
  if (code == ECGROUPNOTEXIST || code == ECGROUPVALUENOTEXIST) return ENOENT;
  return EIO;
}

tl::unexpected<Error> failed(const std::string& operation, const std::string& group, int code) {
  const int errnum = code == ECGOTHER ? cgroup_get_last_errno() : 0;
  const ErrorKind kind =
      errnum == EACCES || errnum == EPERM || code == ECGROUPNOTOWNER || code == ECGROUPNOTALLOWED
          ? ErrorKind::Unavailable
          : ErrorKind::Infrastructure;
  return fail(kind, operation, group, errnum, errnum == 0 ? name_of(code) : "");
}

/// nullptr if memory is short.
Group make_group(const std::string& name, const Settings& settings) {
  Group group(cgroup_new_cgroup(name.c_str()));
  if (!group) return group;
  for (const auto& [controller_name, values] : settings) {
    struct cgroup_controller* controller = cgroup_add_controller(group.get(), controller_name.c_str());
    if (!controller) return nullptr;
    for (const auto& [file, text] : values) {
      if (cgroup_add_value_string(controller, file.c_str(), text.c_str()) != 0) return nullptr;
    }
  }
  return group;
}

}  // namespace

Result<void> initialize() {
  static std::once_flag once;
  static int code = 0;
  std::call_once(once, [] {
    cgroup_set_logger([](void*, int, const char*, va_list) {}, CGROUP_LOG_ERROR, nullptr);
    code = cgroup_init();
  });
  if (code != 0) return fail(ErrorKind::Unavailable, "initialize libcgroup", "", 0, name_of(code));
  return {};
}

Result<void> create(const std::string& group, const Settings& settings) {
  const Group handle = make_group(group, settings);
  if (!handle) return fail(ErrorKind::Infrastructure, "describe the group", group, ENOMEM);
  if (const int code = cgroup_create_cgroup(handle.get(), 1); code != 0) {
    return failed("create the group", group, code);
  }
  return {};
}

int modify(const std::string& group, const std::string& controller, const Values& values) {
  const Group handle = make_group(group, {{controller, values}});
  return handle ? errno_of(cgroup_modify_cgroup(handle.get())) : ENOMEM;
}

Result<void> attach(const std::string& group, const std::vector<std::string>& controllers, pid_t pid) {
  Settings settings;
  for (const std::string& controller : controllers) settings[controller];
  const Group handle = make_group(group, settings);
  if (!handle) return fail(ErrorKind::Infrastructure, "describe the group", group, ENOMEM);
  if (const int code = cgroup_attach_task_pid(handle.get(), pid); code != 0) {
    return failed(fmt::format("attach process {} to", pid), group, code);
  }
  return {};
}

}  // namespace treeline::libcgroup

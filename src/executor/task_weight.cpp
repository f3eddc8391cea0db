#include "executor/task_weight.h"

#include <sched.h>
#include <sys/resource.h>

#include <cerrno>

namespace treeline {

Result<void> take_ordinary_weight() {
  const sched_param parameters{};
  if (::sched_setscheduler(0, SCHED_OTHER, &parameters) == 0 && ::setpriority(PRIO_PROCESS, 0, 0) == 0)
    return {};
  return fail(ErrorKind::Unavailable, "leave a niced or idle scheduling class", "", errno,
              "run treeline without nice and chrt, or with CAP_SYS_NICE");
}

}  // namespace treeline

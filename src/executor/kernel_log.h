#pragma once

#include <string>
#include <vector>

#include "cgroup/fd.h"
#include "model/observation.h"

namespace treeline {

/// Watches /dev/kmsg and the taint mask from construction on.
class KernelLog {
 public:
  KernelLog();
  KernelHealth finish();

 private:
  Fd kmsg_;
  int64_t taint_before_ = 0;
};

}  // namespace treeline

#pragma once

#include <string>

#include "model/error.h"

namespace treeline::guest {

/// What a lab guest's kernel was told: words "treeline.NAME=VALUE" of its command line.
struct Settings {
  std::string mode = "v2";  ///< "v1", "v2" or "hybrid"
  std::string swap_bytes;   ///< Size of the zram swap; "" for none.
};

/// /proc, /sys, /dev and /tmp. The console goes to all three standard streams.
Result<void> mount_basics();
Result<Settings> read_settings();
/// The modules of /lib/modules/order, one file name a line, in that order.
Result<void> load_modules();
/// v2: cgroup2 at /sys/fs/cgroup. v1: each controller of /proc/cgroups that can be mounted, cpu and cpuacct
/// together. hybrid: the same with cgroup2, which keeps what v1 does not take, at /sys/fs/cgroup/unified.
Result<void> mount_cgroups(const std::string& mode);
/// A memory-backed null_blk disk with the file system of /scratch.image (lab/scratch_image.h) at `folder`.
/// null_blk, since io.max rates are wrong on QEMU's own disks in virtual time.
Result<void> mount_scratch(const std::string& folder);
Result<void> enable_swap(const std::string& bytes);
/// From here on only what ends the kernel is printed: a serial line takes guest time.
void quiet_console();
/// Ends the virtual machine: by the exit port, or by a restart where ports are out of reach.
[[noreturn]] void power_off();

}  // namespace treeline::guest

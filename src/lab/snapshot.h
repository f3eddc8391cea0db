#pragma once

#include <string>
#include <vector>

#include "cgroup/fd.h"
#include "lab/kernel_image.h"
#include "lab/lab_shape.h"
#include "lab/vm.h"
#include "model/machine_facts.h"

namespace treeline {

struct SnapshotOptions {
  KernelImage kernel;
  LabShape shape;
  std::string init_program;   ///< treeline-init
  std::string turns_library;  ///< treeline-turns.so, for the clones
  std::string cache;
  std::chrono::milliseconds boot_limit = std::chrono::seconds(120);
};

/// A booted guest that waits for its request, saved once and cloned for each run. Kept in the cache under the
/// hash of everything it depends on: kernel, initramfs, machine, QEMU version.
class Snapshot {
 public:
  /// Takes it from the cache if it is there and whole (sizes and checksums of its manifest, which is written
  /// last), else boots the guest and saves it. Unavailable if QEMU is missing or the kernel lacks what the
  /// lab needs; Infrastructure with the console's last lines if the guest does not come up.
  static Result<Snapshot> open(const SnapshotOptions& options);

  /// Starts a clone that will find `request`. Safe to call from several threads.
  Result<Vm> clone(std::string_view request) const;

  const MachineFacts& facts() const { return facts_; }
  const std::string& folder() const { return folder_; }
  bool was_built() const { return built_; }

 private:
  LabShape shape_;
  std::string turns_library_;
  std::string folder_;
  MachineFacts facts_;
  std::vector<Fd> memory_;
  Fd state_;
  bool built_ = false;
};

}  // namespace treeline

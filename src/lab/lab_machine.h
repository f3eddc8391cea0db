#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "lab/kernel_image.h"
#include "lab/lab_shape.h"
#include "machine/machine.h"
#include "model/planted_fault.h"

namespace treeline {

struct LabOptions {
  /// "debian-6.1", "debian-6.12"; not looked at if `kernel_path` is given.
  std::string kernel = "debian-6.12";
  std::string kernel_path;  ///< A bzImage or vmlinux of the user's own.
  std::string modules;      ///< Folder of its modules.
  LabShape shape;
  std::string cache;         ///< "": default_cache_folder()
  std::string init_program;  ///< "": treeline-init beside this program, else $TREELINE_INIT.
  std::optional<PlantedFault> fault;
  /// Wall time of a run: `grace` and, for each second of the window, `per_second`.
  std::chrono::milliseconds grace = std::chrono::seconds(60);
  std::chrono::milliseconds per_second = std::chrono::seconds(30);
  std::chrono::milliseconds boot_limit = std::chrono::seconds(120);
};

/// Any kernel, in a virtual machine whose time counts instructions. Each scenario runs in a clone of one
/// booted guest (lab/snapshot.h), so that what is observed is a function of kernel, image and scenario. run()
/// may be called from several threads at once.
class LabMachine final : public Machine {
 public:
  /// Finds the kernel and the snapshot, or makes them (seconds, once), and checks once that clones are equal.
  static Result<std::unique_ptr<LabMachine>> open(LabOptions options);
  ~LabMachine() override;

  /// "Lab/debian-6.12/v2", "Lab/bzImage/v1/4cpus": lab/lab_name.h
  std::string name() const override { return name_; }
  const MachineFacts& facts() const override;
  /// The self-check gave equal observations.
  bool deterministic() const override { return deterministic_; }
  /// A clone for each CPU of the host.
  int lanes() const override;
  /// A guest that hangs, loses its QEMU or has lost its /init is an Infrastructure error with the console's
  /// last lines; of a kernel that panics all that it said is observed (Observation::kernel_died).
  Result<Observation> run(const Scenario& scenario) override;

  /// Runs one scenario in `clones` clones: how many observations were the same, byte for byte, as the first.
  Result<int> count_equal(const Scenario& scenario, int clones);
  /// A small scenario that counts CPU time, memory and tasks.
  static Scenario self_check_scenario();

  const std::string& snapshot_folder() const;
  const KernelImage& kernel() const;
  /// Whether open() had to boot the guest: its snapshot was not there, stale or damaged.
  bool was_built() const;

 private:
  struct Impl;
  explicit LabMachine(std::unique_ptr<Impl> impl);
  Result<void> check_determinism();

  std::unique_ptr<Impl> impl_;
  std::string name_;
  bool deterministic_ = false;
};

}  // namespace treeline

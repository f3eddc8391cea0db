#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cgroup/fd.h"
#include "model/error.h"
#include "nightly/plan.h"
#include "store/nights.h"

namespace treeline {

/// RESULTS/nights/2026-11-26-230000: the folder of one night, and the claim to it. The claim is a lock on the
/// file `lock` in it, which the kernel lifts when the process ends, however that comes.
class NightFolder {
 public:
  /// A new one, named by the time, and claimed before anybody can see it.
  static Result<NightFolder> make(const std::string& results, int64_t now);
  /// Claims the folder of that name (and makes it again if it is gone); nullopt: its owner lives.
  static Result<std::optional<NightFolder>> claim(const std::string& results, const std::string& name);

  const std::string& name() const { return name_; }
  std::string path() const { return nights_ + "/" + name_; }
  /// nights/latest is this one: replaced at once, never missing.
  Result<void> point_latest() const;

 private:
  NightFolder(std::string nights, std::string name, Fd lock)
      : nights_(std::move(nights)), name_(std::move(name)), lock_(std::move(lock)) {}
  std::string nights_;
  std::string name_;
  Fd lock_;
};

/// Removes what no night that is kept owns: folders of removed nights, and what a kill has left between two
/// steps. Only folders that make() made, and only unclaimed ones.
Result<void> sweep_nights(const std::string& results, Nights& nights);
/// Removes the nights that are not to be kept, and then sweeps.
Result<void> retain_nights(const std::string& results, Nights& nights, const Retention& retention,
                           int64_t now);

/// A folder's name for a machine and the fault planted in it: "Lab-debian-6.12-v2".
std::string folder_name_of(const std::string& machine, const std::string& fault);

}  // namespace treeline

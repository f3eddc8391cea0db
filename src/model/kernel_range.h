#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace treeline {

/// Kernel releases from one to another, both included, each as far as it is written: "6.1" takes in all of
/// 6.1.x. Absent: no end on that side.
struct KernelRange {
  std::optional<std::string> from;
  std::optional<std::string> to;
  bool operator==(const KernelRange&) const = default;

  /// By the release's leading numbers: "6.12.117+deb12-cloud-amd64" is 6, 12, 117.
  bool holds(std::string_view release) const;
};

/// It begins with a number, so that it can be compared.
bool is_kernel_release(std::string_view text);

}  // namespace treeline

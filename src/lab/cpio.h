#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace treeline {

/// A "newc" cpio archive, the form of an initramfs (kernel: Documentation/driver-api/early-userspace/
/// buffer-format.rst). All owners are root and all times zero, so that equal contents give equal bytes.
class CpioArchive {
 public:
  /// Parents come before what is in them. Names are without a leading '/'.
  void add_folder(std::string_view name);
  void add_file(std::string_view name, std::string_view contents, uint32_t permissions = 0644);
  void add_character_device(std::string_view name, uint32_t major, uint32_t minor);
  /// The whole archive; nothing may be added after it.
  std::string finish();

 private:
  void add(std::string_view name, uint32_t mode, std::string_view contents, uint32_t major = 0,
           uint32_t minor = 0);
  void pad();

  std::string bytes_;
  uint32_t next_inode_ = 1;
};

}  // namespace treeline

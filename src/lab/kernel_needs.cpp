#include "lab/kernel_needs.h"

namespace treeline {

namespace {

/// Before modules can be loaded: the console, the initramfs and its program, the mailbox.
constexpr const char* kBuiltIn[] = {"CONFIG_64BIT",
                                    "CONFIG_SERIAL_8250_CONSOLE",
                                    "CONFIG_BLK_DEV_INITRD",
                                    "CONFIG_BINFMT_ELF",
                                    "CONFIG_PCI",
                                    "CONFIG_PROC_FS",
                                    "CONFIG_SYSFS",
                                    "CONFIG_DEVTMPFS",
                                    "CONFIG_TMPFS",
                                    "CONFIG_FUTEX",
                                    "CONFIG_POSIX_TIMERS",
                                    "CONFIG_BLOCK",
                                    "CONFIG_CGROUPS"};
/// The scratch disk (initramfs.cpp).
constexpr const char* kModules[] = {"CONFIG_CONFIGFS_FS", "CONFIG_BLK_DEV_NULL_BLK", "CONFIG_EXT4_FS"};

bool is_set(const std::string& config, const std::string& option, char value) {
  const std::string line = option + "=" + value + "\n";
  return config.starts_with(line) || config.find("\n" + line) != std::string::npos;
}

}  // namespace

std::vector<std::string> missing_options(const std::string& config, bool has_modules, const LabShape& shape) {
  std::vector<std::string> missing;
  const auto need = [&](const std::string& option, bool may_be_module) {
    if (is_set(config, option, 'y') || (may_be_module && has_modules && is_set(config, option, 'm'))) return;
    missing.push_back(option + (may_be_module ? " (built in, or as a module with --modules)" : ""));
  };
  for (const char* option : kBuiltIn) need(option, false);
  for (const char* option : kModules) need(option, true);
  if (shape.swap_bytes > 0) {
    need("CONFIG_SWAP", false);
    need("CONFIG_ZRAM", true);
  }
  return missing;
}

}  // namespace treeline

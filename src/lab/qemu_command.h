#pragma once

#include <string>
#include <vector>

#include "lab/lab_shape.h"

namespace treeline {

/// Numbers of the descriptors that QEMU inherits: nothing of a virtual machine has a name in a file system.
namespace qemu_fd {
inline constexpr int kControl = 3;  ///< QMP, a connected socket.
inline constexpr int kConsole = 4;
inline constexpr int kMailbox = 5;
inline constexpr int kState = 6;      ///< Of the devices, as a snapshot saves it.
inline constexpr int kKernel = 7;     ///< Only to boot.
inline constexpr int kInitramfs = 8;  ///< Only to boot.
inline constexpr int kMemory = 9;     ///< Of NUMA node 0; the other nodes' follow.
}  // namespace qemu_fd

enum class VmStart {
  Boot,   ///< From kernel and initramfs; the memory files are written.
  Clone,  ///< From a snapshot; the memory files are read, and what is written stays private.
};

/// One virtual CPU's time counts instructions (icount), waits are skipped, and no device follows the host's
/// clock: what the guest does is a function of its memory. Source: QEMU, docs/devel/tcg-icount.rst.
std::vector<std::string> qemu_command(const LabShape& shape, VmStart start);

/// The kernel's command line.
std::string kernel_command_line(const LabShape& shape);

inline constexpr const char* kQemu = "qemu-system-x86_64";

}  // namespace treeline

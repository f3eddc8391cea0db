#pragma once

#include <string>

#include "lab/kernel_image.h"
#include "lab/lab_shape.h"

namespace treeline {

/// The guest's root: treeline-init as /init, the modules that the shape needs in their order, the kernel's
/// configuration at /boot/config-lab (for the machine facts) and the scratch disk's contents. Uncompressed:
/// to decompress costs the guest more than QEMU to load. The same inputs give the same bytes. `folder` is for
/// temporary files.
Result<std::string> build_initramfs(const KernelImage& kernel, const LabShape& shape,
                                    const std::string& init_program, const std::string& folder);

}  // namespace treeline

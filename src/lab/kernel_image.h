#pragma once

#include <string>

#include "model/error.h"

namespace treeline {

/// A kernel for the lab: files on this host, which need not be installed.
struct KernelImage {
  std::string label;    ///< "debian-6.12", or the name of the user's file.
  std::string image;    ///< bzImage or vmlinux (with a PVH note).
  std::string modules;  ///< Folder of its modules; "" if all that is needed is built in.
  std::string config;   ///< Its configuration, for the machine facts; "" if it is not known.
  std::string package;  ///< Folder of the unpacked Debian package that all this is of; "" for the user's own.
};

/// ${TREELINE_CACHE}, else ${XDG_CACHE_HOME}/treeline, else ~/.cache/treeline.
std::string default_cache_folder();

/// InvalidInput if there is no kernel of that name.
Result<void> check_debian_kernel(const std::string& name);

/// "debian-6.1" or "debian-6.12": the newest cloud kernel of that series that apt knows, fetched and unpacked
/// into the cache at the first call. Unavailable where it cannot be had, InvalidInput for other names.
Result<KernelImage> find_debian_kernel(const std::string& name, const std::string& cache);

/// Whether its package is as it was fetched. Infrastructure if a file was changed or is gone; a kernel of the
/// user's own is always good.
Result<void> check_package(const KernelImage& kernel);

/// A kernel of the user's own. Its configuration is looked for beside it: .config, config-RELEASE, or in the
/// build tree that holds arch/x86/boot/bzImage. InvalidInput if the file is no kernel.
Result<KernelImage> open_kernel(const std::string& path, const std::string& modules);

}  // namespace treeline

#pragma once

#include <string>
#include <vector>

#include "model/error.h"

namespace treeline {

/// A kernel module as it is loaded: decompressed.
struct KernelModule {
  std::string name;  ///< "null_blk.ko"
  std::string contents;
};

/// The modules named ("null_blk"), with all that they depend on before them, from any folder that holds .ko
/// files (also .gz, .xz and .zst): lib/modules/RELEASE, an INSTALL_MOD_PATH, a build tree. Dependencies are
/// read from the modules themselves (.modinfo), since a package that was not installed has no modules.dep.
/// One that is not there is taken to be built in: the guest says so if it is not.
Result<std::vector<KernelModule>> collect_modules(const std::string& folder,
                                                  const std::vector<std::string>& names);

/// "depends=" and "softdep=pre:" of a module's .modinfo.
std::vector<std::string> dependencies_of(const std::string& contents);

}  // namespace treeline

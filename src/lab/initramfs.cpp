#include "lab/initramfs.h"

#include <vector>

#include "cgroup/fd.h"
#include "lab/cpio.h"
#include "lab/kernel_modules.h"
#include "lab/scratch_image.h"

namespace treeline {

namespace {

std::vector<std::string> wanted_modules(const LabShape& shape) {
  std::vector<std::string> names{"configfs", "null_blk", "ext4"};
  // zram of 6.1 asks for its compressor by name, and there is no modprobe to answer.
  if (shape.swap_bytes > 0) names.insert(names.end(), {"lzo", "lzo_rle", "zram"});
  return names;
}

}  // namespace

Result<std::string> build_initramfs(const KernelImage& kernel, const LabShape& shape,
                                    const std::string& init_program, const std::string& folder) {
  const Result<std::string> init = read_file(init_program);
  if (!init) return tl::unexpected(init.error());
  const auto modules = collect_modules(kernel.modules, wanted_modules(shape));
  if (!modules) return tl::unexpected(modules.error());
  const Result<std::string> scratch = make_scratch_image(folder);
  if (!scratch) return tl::unexpected(scratch.error());

  CpioArchive archive;
  for (const char* name : {"dev", "boot", "lib", "lib/modules", "var", "var/tmp"}) archive.add_folder(name);
  archive.add_character_device("dev/console", 5, 1);
  archive.add_file("init", *init, 0755);
  std::string order;
  for (const KernelModule& module : *modules) {
    archive.add_file("lib/modules/" + module.name, module.contents);
    order += module.name + "\n";
  }
  archive.add_file("lib/modules/order", order);
  if (!kernel.config.empty()) {
    const Result<std::string> config = read_file(kernel.config);
    if (!config) return tl::unexpected(config.error());
    archive.add_file("boot/config-lab", *config);
  }
  archive.add_file(std::string(kScratchImagePath).substr(1), *scratch);
  return archive.finish();
}

}  // namespace treeline

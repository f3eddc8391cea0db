#include <fcntl.h>
#include <fmt/format.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <sstream>

#include "cgroup/fd.h"
#include "guest/system.h"
#include "lab/mailbox.h"
#include "lab/scratch_image.h"

namespace treeline::guest {

namespace {

constexpr const char* kConfigfs = "/sys/kernel/config";
constexpr const char* kDisk = "/dev/nullb0";
constexpr const char* kSwapDisk = "/dev/zram0";

/// The disk's blocks that are not zero, one chunk after another (lab/scratch_image.h).
Result<void> write_chunks(const std::string& chunks) {
  const Fd disk(::open(kDisk, O_WRONLY | O_CLOEXEC));
  if (!disk) return fail(ErrorKind::Infrastructure, "open", kDisk, errno);
  size_t at = 0;
  while (at + sizeof(ScratchChunk) <= chunks.size()) {
    ScratchChunk chunk;
    std::memcpy(&chunk, chunks.data() + at, sizeof chunk);
    at += sizeof chunk;
    if (chunk.length > chunks.size() - at) break;
    if (::pwrite(disk.get(), chunks.data() + at, chunk.length, static_cast<off_t>(chunk.offset)) !=
        static_cast<ssize_t>(chunk.length)) {
      return fail(ErrorKind::Infrastructure, "write", kDisk, errno ? errno : EIO);
    }
    at += chunk.length;
  }
  if (at != chunks.size()) return fail(ErrorKind::Infrastructure, "read", kScratchImagePath, EINVAL);
  if (::fsync(disk.get()) != 0) return fail(ErrorKind::Infrastructure, "write", kDisk, errno);
  return {};
}

/// 0 or the errno of the first attribute that was refused.
int make_null_blk() {
  ::mount("configfs", kConfigfs, "configfs", 0, nullptr);
  const std::string device = fmt::format("{}/nullb/nullb0", kConfigfs);
  if (::mkdir(device.c_str(), 0755) != 0) return errno;
  for (const auto& [name, value] : {std::pair{"size", std::to_string(kScratchDiskBytes >> 20)},
                                    {"memory_backed", "1"},
                                    {"blocksize", "4096"},
                                    {"submit_queues", "1"},
                                    {"power", "1"}}) {
    if (const int errnum = write_file(fmt::format("{}/{}", device, name), value)) return errnum;
  }
  return 0;
}

}  // namespace

Result<void> load_modules() {
  std::istringstream lines(read_file("/lib/modules/order").value_or(""));
  for (std::string name; std::getline(lines, name);) {
    const std::string path = "/lib/modules/" + name;
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return fail(ErrorKind::Infrastructure, "open the module", path, errno);
    // The kernel's own /dev/nullb0 is not memory-backed.
    const char* const parameters = name.starts_with("null_blk") ? "nr_devices=0" : "";
    if (::syscall(SYS_finit_module, file.get(), parameters, 0) != 0 && errno != EEXIST) {
      return fail(ErrorKind::Unavailable, "load the module", path, errno,
                  "give modules that were built with this kernel (--modules)");
    }
    ::unlink(path.c_str());  // its memory is wanted
  }
  return {};
}

Result<void> mount_scratch(const std::string& folder) {
  if (const int errnum = make_null_blk()) {
    return fail(ErrorKind::Unavailable, "make the null_blk disk in", kConfigfs, errnum,
                "the kernel needs CONFIG_BLK_DEV_NULL_BLK and CONFIG_CONFIGFS_FS, with --modules if they are "
                "modules");
  }
  const Result<std::string> chunks = read_file(kScratchImagePath);
  if (!chunks) return tl::unexpected(chunks.error());
  if (auto written = write_chunks(*chunks); !written) return written;
  ::unlink(kScratchImagePath);
  if (::mount(kDisk, folder.c_str(), "ext4", MS_NOATIME, nullptr) != 0) {
    return fail(ErrorKind::Unavailable, "mount the scratch disk at", folder, errno,
                "the kernel needs CONFIG_EXT4_FS, with --modules if it is a module");
  }
  return {};
}

Result<void> enable_swap(const std::string& bytes) {
  if (bytes.empty()) return {};
  constexpr const char* kAdvice = "the kernel needs CONFIG_ZRAM and CONFIG_SWAP";
  if (const int errnum = write_file("/sys/block/zram0/disksize", bytes)) {
    return fail(ErrorKind::Unavailable, "size the swap disk", kSwapDisk, errnum, kAdvice);
  }
  // The header that mkswap writes (include/linux/swap.h, union swap_header), in the disk's first page.
  const auto pages = static_cast<uint32_t>(std::stoull(bytes) / 4096);
  std::string page(4096, '\0');
  const uint32_t info[3] = {1, pages - 1, 0};  // version, last_page, nr_badpages
  std::memcpy(page.data() + 1024, info, sizeof info);
  std::memcpy(page.data() + 4096 - 10, "SWAPSPACE2", 10);
  if (const int errnum = write_file(kSwapDisk, page)) {
    return fail(ErrorKind::Unavailable, "format the swap disk", kSwapDisk, errnum);
  }
  if (::swapon(kSwapDisk, 0) != 0) {
    return fail(ErrorKind::Unavailable, "swap on", kSwapDisk, errno, kAdvice);
  }
  return {};
}

void quiet_console() { write_file("/proc/sys/kernel/printk", "2 4 1 2"); }

void power_off() {
  if (::ioperm(kExitPort, 4, 1) == 0) outl(0, kExitPort);
  ::sync();
  ::reboot(RB_AUTOBOOT);  // QEMU runs with -no-reboot
  while (true) ::pause();
}

}  // namespace treeline::guest

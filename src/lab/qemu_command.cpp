#include "lab/qemu_command.h"

#include <fmt/format.h>

namespace treeline {

namespace {

std::string fd_path(int fd) { return fmt::format("/proc/self/fd/{}", fd); }

std::string memory_file(const char* id, int64_t bytes, int fd, bool share) {
  return fmt::format("memory-backend-file,id={},size={},mem-path={},share={}", id, bytes, fd_path(fd),
                     share ? "on" : "off");
}

void add_memory(std::vector<std::string>& words, const LabShape& shape, VmStart start) {
  const int64_t bytes = shape.memory_bytes / shape.numa_nodes;
  for (int node = 0; node < shape.numa_nodes; ++node) {
    const std::string id = fmt::format("ram{}", node);
    words.insert(words.end(), {"-object", memory_file(id.c_str(), bytes, qemu_fd::kMemory + node,
                                                      start == VmStart::Boot)});
    if (shape.numa_nodes == 1) {
      words.insert(words.end(), {"-machine", "memory-backend=ram0"});
      continue;
    }
    const int first = shape.cpus * node / shape.numa_nodes;
    const int last = shape.cpus * (node + 1) / shape.numa_nodes - 1;
    words.insert(words.end(), {"-numa", fmt::format("node,memdev={},cpus={}-{}", id, first, last)});
  }
}

}  // namespace

std::vector<std::string> qemu_command(const LabShape& shape, VmStart start) {
  std::vector<std::string> words{
      kQemu, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-M", "q35,hpet=off",
      // shift=3: an instruction takes 8 ns; at 6 the tick's own cost would distort CPU shares.
      "-accel", "tcg,thread=single", "-icount", "shift=3,sleep=off,align=off", "-rtc",
      "base=2024-01-01,clock=vm", "-seed", "1",
      // Page tables of five levels make each miss of the emulated TLB dearer. CMPXCHG16B leaves stale flags
      // if an interrupt comes right after it (QEMU 7.2, helper_cmpxchg16b: CC_OP is not stored before), of
      // which a guest once died by a double fault.
      "-cpu", "max,la57=off,cx16=off", "-smp", std::to_string(shape.cpus), "-m",
      fmt::format("{}M", shape.memory_bytes >> 20), "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
      "-device", "ivshmem-plain,memdev=mailbox,master=on"};
  // Backends are made before the devices that use them, in whatever order they are given.
  add_memory(words, shape, start);
  words.insert(words.end(),
               {"-object", memory_file("mailbox", 64 << 20, qemu_fd::kMailbox, true), "-chardev",
                fmt::format("file,id=console,path={}", fd_path(qemu_fd::kConsole)), "-serial",
                "chardev:console", "-chardev", fmt::format("socket,id=control,fd={}", qemu_fd::kControl),
                "-mon", "chardev=control,mode=control"});
  if (start == VmStart::Clone) {
    words.insert(words.end(), {"-incoming", "defer"});
    return words;
  }
  words.insert(words.end(), {"-kernel", fd_path(qemu_fd::kKernel), "-initrd", fd_path(qemu_fd::kInitramfs),
                             "-append", kernel_command_line(shape)});
  return words;
}

std::string kernel_command_line(const LabShape& shape) {
  // panic=-1: a panic restarts at once, and -no-reboot makes that QEMU's end. Mitigations cost instructions
  // that emulated CPUs do not need. With random addresses a worker would have a page table more or less by
  // the kernel's dice. The crypto self-tests of 6.12 would go on for seconds after the boot, in each clone
  // anew: a kernel thread that takes all CPU time that the workers leave. A built-in null_blk would make a
  // /dev/nullb0 that is not memory-backed.
  std::string line = fmt::format(
      "console=ttyS0 panic=-1 nokaslr norandmaps mitigations=off cryptomgr.notests null_blk.nr_devices=0 "
      "treeline.mode={}",
      shape.mode);
  if (shape.swap_bytes > 0) line += fmt::format(" treeline.swap={}", shape.swap_bytes);
  return shape.cmdline.empty() ? line : line + " " + shape.cmdline;
}

}  // namespace treeline
